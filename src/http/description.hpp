// The API's description, OpenAPI 3.1, made from the route table and the views' columns: what is served and what is described
// cannot differ. The e2e tests hold every answer against it.
#pragma once

#include <string>

namespace possync::http {

[[nodiscard]] std::string api_description(std::string const& version);

}  // namespace possync::http
