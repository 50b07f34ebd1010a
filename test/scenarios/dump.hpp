// Every field of a change set as text, so that two runs can be compared to the last letter.
#pragma once

#include <string>

#include "model/change_set.hpp"

namespace possync::scenarios {

[[nodiscard]] std::string dump(model::ChangeSet const& change_set);

}  // namespace possync::scenarios
