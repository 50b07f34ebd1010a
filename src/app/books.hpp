// Whole books out of a database, for what calculates over an account's entire history.
#pragma once

#include <optional>
#include <vector>

#include "app/config.hpp"
#include "ledger/policy.hpp"
#include "query/reader.hpp"
#include "store/store.hpp"

namespace possync::app {

/// How the service of this configuration explains and folds an account.
[[nodiscard]] ledger::Policy account_policy(Configuration const& configuration, std::string const& account);

/// The account with everything it ever held.
[[nodiscard]] base::Result<model::AccountBook> load_whole_book(store::Store& store, model::AccountId account);

/// All accounts of the configured database, which is neither created nor migrated.
[[nodiscard]] base::Result<std::vector<model::AccountBook>> load_whole_books(Configuration const& configuration, query::Reader& reader);

/// Every close of the whole history as `method` (unset: the account's) prices it, in the tax view if asked; the book is not touched.
[[nodiscard]] base::Result<std::vector<query::CloseRow>> closes_by(std::optional<model::CostBasis> method, bool by_tax_view,
                                                                   Configuration const& configuration, query::Reader& reader,
                                                                   query::Filter const& filter);

}  // namespace possync::app
