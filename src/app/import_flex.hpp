// Flex files into the database: from what the user names (files, folders, gzip, standard input) to statements, and each to the account
// and gateway it belongs to. What a statement says of an account that this database does not follow is refused, never guessed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "reconciliation/statement_import.hpp"

namespace possync::app {

using reconciliation::ImportResult;
using reconciliation::Lease;

struct ImportOptions {
    std::vector<std::string> paths;  ///< files, folders, "-" for standard input
    /// An account that the database does not know yet and that the user says is his.
    std::string account;
    /// Called for people who wait; unset: nobody does.
    std::function<void(std::string const& source, std::size_t done, std::size_t all)> on_progress;
    /// Called after each statement.
    std::function<void(ImportResult const&)> on_imported;
};

/// Files named by the paths, folders as all *.xml and *.xml.gz in them by name. Errors: invalid_input for what cannot be read.
[[nodiscard]] base::Result<std::vector<std::string>> flex_files(std::vector<std::string> const& paths);

/// Which lease a writer holds for an account's gateway; not_found: none, with what to do.
using LeaseOf = std::function<base::Result<Lease>(std::string const& gateway, std::string const& account)>;

/// Binds an account that only statements tell of to its gateway; of one that is known it changes nothing.
[[nodiscard]] store::GatewayClaim claim_of(std::string const& gateway, std::string const& account);

/// Imports one file after the other, each statement in transactions of its own. The first error ends it; what was committed stays, and
/// the same import again completes the rest.
[[nodiscard]] base::Result<std::vector<ImportResult>> import_flex(Configuration const& configuration, store::Store& store,
                                                                  ImportOptions const& options, LeaseOf const& lease_of);

/// As JSON: an array of objects, one per statement; and back.
[[nodiscard]] std::string to_json(std::vector<ImportResult> const& results);

/// The arguments of an operator request, and back. Paths are made absolute.
[[nodiscard]] std::string to_json(ImportOptions const& options);
[[nodiscard]] base::Result<ImportOptions> parse_import_options(std::string const& json);

/// What `flex fetch` does with a file: the same as the command, for the account that the query is configured for.
[[nodiscard]] base::Result<void> import_fetched(Configuration const& configuration, std::filesystem::path const& file,
                                                FlexQueryConfig const& query, Format format);

/// What the running service does with a file that its schedule fetched: asks itself for the import, as a command would.
[[nodiscard]] FlexImport import_through_service(Configuration const& configuration);

/// The command.
int run_import_flex(Configuration const& configuration, ImportOptions options, Format format);

}  // namespace possync::app
