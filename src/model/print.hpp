// A change set as lines for people: what `sync --dry-run` would write, and what a failing test shows.
#pragma once

#include <string>

#include "model/change_set.hpp"

namespace possync::model {

/// One line per row, each naming its kind; a heading with the account and the revision it would make.
[[nodiscard]] std::string print(ChangeSet const& change_set);

}  // namespace possync::model
