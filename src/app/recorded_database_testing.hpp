// A database as a service leaves it after a day with two accounts: a recording of this repository, played into a file once per
// process, as it was before and after a statement of that day was imported. For tests of what is done with such a database.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "app/commands.hpp"
#include "app/import_flex.hpp"
#include "app/replay.hpp"
#include "app/temporary_folder.hpp"
#include "base/check.hpp"
#include "recording/format.hpp"
#include "store/open/open.hpp"

namespace possync::app {

/// Of one of the recording's two accounts: a fill in another instrument than the book has it, positions that the book does not
/// hold, money in another currency, and something that nobody knows.
inline constexpr char const* statement_text = R"(<FlexQueryResponse queryName="everything" type="AF"><FlexStatements count="1">
<FlexStatement accountId="DU0000001" fromDate="20261125" toDate="20261125" period="" whenGenerated="20261126;050000">
<AccountInformation accountId="DU0000001" currency="USD"/>
<Trades>
<Trade accountId="DU0000001" assetCategory="STK" symbol="KO" conid="8894" multiplier="1" currency="USD" fxRateToBase="1" tradeID="11"
 transactionID="1" ibExecID="0000e0d5.69dd0004.01.01" ibOrderID="17" dateTime="20261125;084143" tradeDate="20261125" buySell="BUY" quantity="80"
 tradePrice="62.96" tradeMoney="5036.8" proceeds="-5036.8" taxes="0" ibCommission="-0.70" ibCommissionCurrency="USD" fifoPnlRealized="0"
 transactionType="ExchTrade" exchange="ARCA" notes="" levelOfDetail="EXECUTION"/>
</Trades>
<OpenPositions>
<OpenPosition accountId="DU0000001" assetCategory="STK" symbol="KO" conid="8894" multiplier="1" currency="USD" fxRateToBase="1"
 reportDate="20261125" position="80" markPrice="63" costBasisPrice="62.96875" costBasisMoney="5037.5" openDateTime="" levelOfDetail="SUMMARY"/>
</OpenPositions>
<CashTransactions>
<CashTransaction type="Dividends" symbol="KO" conid="8894" currency="EUR" amount="100" fxRateToBase="1.06" dateTime="20261125;202000"
 settleDate="20261125" reportDate="20261125" exDate="20261115" actionID="3" transactionID="91" description="KO DIVIDEND" levelOfDetail="DETAIL"/>
</CashTransactions>
<ConversionRates><ConversionRate reportDate="20261125" fromCurrency="EUR" toCurrency="USD" rate="1.06"/></ConversionRates>
<NewThing><One a="1"/></NewThing>
</FlexStatement></FlexStatements></FlexQueryResponse>)";

/// Of the next day, on which nothing happened: the day before is judged again.
inline constexpr char const* next_statement_text = R"(<FlexQueryResponse queryName="everything" type="AF"><FlexStatements count="1">
<FlexStatement accountId="DU0000001" fromDate="20261126" toDate="20261126" period="" whenGenerated="20261127;050000">
<Trades/>
<OpenPositions>
<OpenPosition accountId="DU0000001" assetCategory="STK" symbol="KO" conid="8894" multiplier="1" currency="USD" fxRateToBase="1"
 reportDate="20261126" position="80" markPrice="64" costBasisPrice="62.96875" costBasisMoney="5037.5" openDateTime="" levelOfDetail="SUMMARY"/>
</OpenPositions>
</FlexStatement></FlexStatements></FlexQueryResponse>)";

class RecordedDatabase {
public:
    RecordedDatabase() : folder_(make_folder()) {
        auto const recording = std::string(POSSYNC_SOURCE_DIR) + "/test/recordings/service-day.rec";
        auto const parsed = recording::parse(content(recording), recording).value();
        {
            auto const source = store::open_data_source(store::url_of_file(before())).value();
            auto const store = source->open_store({}).value();
            auto const played = replay(parsed, replay_options(parsed, recording).value(), *store);
            CHECK(played.has_value());
        }
        std::ofstream(statement()) << statement_text;
        std::ofstream(next_statement()) << next_statement_text;
        std::ofstream(list()) << "account,con_id,symbol,quantity\nDU0000001,265598,,140\nDU0000001,,MSFT,1\n,,NOPE,0\n,9,,5\n";
        std::filesystem::copy_file(before(), after());
        auto const imported = [&] {
            ImportOptions options;
            options.paths = {statement()};
            return run_import_flex(configuration(after()), options, Format::json);
        };
        testing::internal::CaptureStdout();
        CHECK(imported() == exit_fine);
        (void)testing::internal::GetCapturedStdout();
    }
    [[nodiscard]] std::string before() const { return folder_.file("before.db"); }
    [[nodiscard]] std::string after() const { return folder_.file("after.db"); }
    [[nodiscard]] std::string statement() const { return folder_.file("day.xml"); }
    [[nodiscard]] std::string next_statement() const { return folder_.file("next.xml"); }
    [[nodiscard]] std::string list() const { return folder_.file("list.csv"); }
    [[nodiscard]] std::string output() const { return folder_.file("output.json"); }
    [[nodiscard]] std::string database() const { return folder_.file("book.db"); }
    /// The database that the commands get.
    void restore(std::string const& from) const {
        for (char const* end : {"", "-wal", "-shm"})
            std::filesystem::remove(database() + end);
        std::filesystem::copy_file(from, database());
    }

    [[nodiscard]] Configuration configuration(std::string const& database) const {
        Configuration configuration;
        configuration.database_url = store::url_of_file(database);
        configuration.gateways.front().name = "gateway";
        configuration.gateways.front().port = 1;  // nobody listens there
        configuration.http_listen = "";
        configuration.log_level = "error";
        return configuration;
    }

private:
    /// In memory where there is such a place: these files are copied and written hundreds of times.
    static TemporaryFolder make_folder() {
        std::error_code ignored;
        if (std::filesystem::is_directory("/dev/shm", ignored)) ::setenv("TMPDIR", "/dev/shm", 0);
        return TemporaryFolder::make().value();
    }
    static std::string content(std::string const& path) {
        std::ifstream file(path);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    TemporaryFolder folder_;
};

inline RecordedDatabase const& recorded() {
    static RecordedDatabase const instance;
    return instance;
}

}  // namespace possync::app
