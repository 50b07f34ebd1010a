// A Store for trying: it reads what is committed, and whatever is written to it is accepted and forgotten. A dry run on it plans
// exactly what a real one would, without so much as taking the gateway's lease.
//
// Claims are judged as the real store judges them: who owns what, paper or live. Accounts that nobody knows yet get ids that are
// of this rehearsal alone. Threading: as Store.
#pragma once

#include <memory>

#include "store/data_source.hpp"

namespace possync::store {

/// Where there is no database yet, everything is new. Errors: as DataSource::open_store without create and migrate.
[[nodiscard]] base::Result<std::unique_ptr<Store>> open_rehearsal(DataSource& source, StoreOptions options);

}  // namespace possync::store
