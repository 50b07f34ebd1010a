#include "store/postgres/libpq.hpp"

namespace possync::store::postgres {

namespace {

#define POSSYNC_LIBPQ_NAME(name) #name,
constexpr char const* names[] = {POSSYNC_LIBPQ_FUNCTIONS(POSSYNC_LIBPQ_NAME)};
#undef POSSYNC_LIBPQ_NAME

}  // namespace

constinit shared_library::SharedLibrary libpq{POSSYNC_LIBPQ_SONAME, POSSYNC_LIBPQ_PACKAGE, "a database on PostgreSQL", names};

}  // namespace possync::store::postgres
