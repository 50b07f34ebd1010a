#include "store/postgres/libpq.hpp"

namespace possync::store::postgres {

constinit shared_library::SharedLibrary libpq{POSSYNC_LIBPQ_SONAME, "libpq5", "a database on PostgreSQL"};

}  // namespace possync::store::postgres
