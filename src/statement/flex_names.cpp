#include "statement/flex_names.hpp"

#include <algorithm>
#include <array>

namespace possync::statement {

namespace {

// clang-format off
constexpr std::array<std::string_view, field_count> field_names{
    "accountId", "actionID", "activityDescription", "amount", "assetCategory", "buySell", "cashTransfer", "code",
    "commisionsAndTax", "conid", "cost", "costBasisMoney", "costBasisPrice", "currency", "date", "dateTime", "description",
    "direction", "exDate", "exchange", "expiry", "fifoPnlRealized", "fromCurrency", "fromDate", "functionalCurrency",
    "fxCurrency", "fxRateToBase", "ibCommission", "ibCommissionCurrency", "ibExecID", "ibOrderID", "levelOfDetail",
    "listingExchange", "markPrice", "multiplier", "notes", "openDateTime", "orderReference", "origTradeID",
    "originatingTransactionID", "position", "positionAmount", "proceeds", "putCall", "quantity", "rate",
    "realizedPL", "realizedPnl", "reportDate", "settleDate", "strike", "symbol", "taxes", "toCurrency", "toDate", "tradeDate",
    "tradeID", "tradeMoney", "tradePrice", "tradeTime", "transactionID", "transactionType", "transferPrice", "type",
    "underlyingCategory", "underlyingConid", "underlyingSymbol", "value", "whenGenerated",
};
constexpr std::array<std::string_view, 110> unused_attributes{
    "account", "accountCapabilities", "accountName", "accountRepName", "accountRepPhone", "accountType", "accruedInt",
    "acctAlias", "actionDescription", "allocatedTo", "availableForTradingDate", "brokerageOrderID", "capitalGainsPnl",
    "changeInPrice", "changeInQuantity", "city", "cityResidentialAddress", "clearingFirmID", "clientReference", "closePrice",
    "commodityType", "company", "costBasis", "country", "countryResidentialAddress", "cusip", "customerType", "dateClosed",
    "dateFunded", "dateOpened", "deliveringBroker", "deliveryType", "exchOrderId", "extExecID", "fifoPnlUnrealized", "figi",
    "fineness", "fxPnl", "holdingPeriodDateTime", "ibEntity", "initialInvestment", "isAPIOrder", "isin", "issueDate", "issuer",
    "issuerCountryCode", "lastTradedDate", "masterName", "maturity", "model", "mtmPnl", "name", "netCash", "netCashInBase",
    "openCloseIndicator", "openPrice", "orderID", "orderPlacementTime", "orderTime", "orderType", "origOrderID",
    "origTradeDate", "origTradePrice", "origTransactionID", "originatingOrderID", "percentOfNAV", "period", "pnlAmount",
    "pnlAmountInBase", "positionActionID", "positionAmountInBase", "positionInstructionID", "positionInstructionSetID",
    "positionValue", "positionValueInBase", "postalCode", "postalCodeResidentialAddress", "price", "primaryEmail",
    "principalAdjustFactor", "registeredRepName", "registeredRepPhone", "relatedTradeID", "relatedTransactionID", "rtn",
    "securityID", "securityIDType", "sedol", "serialNumber", "settleDateTarget", "settlementPolicyMethod", "side", "state",
    "stateResidentialAddress", "street", "street2", "street2ResidentialAddress", "streetResidentialAddress", "subCategory",
    "traderID", "tradingPermissions", "underlyingListingExchange", "underlyingSecurityID", "unrealizedCapitalGainsPnl",
    "unrealizedlFxPnl", "vestingDate", "volatilityOrderLink", "weight", "whenRealized", "whenReopened",
};
constexpr std::array<std::string_view, 44> unused_sections{
    "Adjustments", "CFDCharges", "CashReport", "ChangeInDividendAccruals", "ChangeInNAV", "ChangeInPositionValues",
    "ClientFees", "ClientFeesDetail", "CommissionCredits", "ComplexPositions", "DebitCardActivities", "DepositsOnHold",
    "EquitySummaryInBase", "FIFOPerformanceSummaryInBase", "FdicInsuredDepositsByBank", "FxPositions",
    "HKIPOOpenSubscriptions", "HKIPOSubscriptionActivity", "HardToBorrowDetails", "HardToBorrowMarkupDetails",
    "IBGNoteTransactions", "IncentiveCouponAccrualDetails", "InterestAccruals", "MTDYTDPerformanceSummary",
    "MTMPerformanceSummaryInBase", "NetStockPositionSummary", "OpenDividendAccruals", "PendingExcercises",
    "PriorPeriodPositions", "RoutingCommissions", "SLBActivities", "SLBCollaterals", "SLBFees", "SLBOpenContracts",
    "SalesTaxes", "SoftDollars", "StmtFunds", "StockGrantActivities", "TierInterestDetails", "TradeTransfers",
    "TransactionTaxes", "UnbookedTrades", "UnbundledCommissionDetails", "UnsettledTransfers",
};
// clang-format on
static_assert(std::ranges::is_sorted(field_names));
static_assert(std::ranges::is_sorted(unused_attributes));
static_assert(std::ranges::is_sorted(unused_sections));

}  // namespace

Field field_named(std::string_view name) {
    auto const found = std::ranges::lower_bound(field_names, name);
    if (found != field_names.end() && *found == name) return static_cast<Field>(found - field_names.begin());
    return std::ranges::binary_search(unused_attributes, name) ? Field::unused : Field::unknown;
}

std::string_view name_of(Field field) { return field_names[static_cast<std::size_t>(field)]; }

bool is_unused_section(std::string_view name) { return std::ranges::binary_search(unused_sections, name); }

}  // namespace possync::statement
