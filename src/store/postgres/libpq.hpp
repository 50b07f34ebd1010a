// libpq's functions as this folder calls them: loaded with the first database on PostgreSQL (shared_library/shared_library.hpp).
// A function that is not in the list is not found by the linker. Nothing here may be called before `libpq.load()`;
// parse_address() and Connection::open() do it.
#pragma once

#include <libpq-fe.h>

#include "shared_library/shared_library.hpp"

namespace possync::store::postgres {

extern constinit shared_library::SharedLibrary libpq;

// clang-format off
#define POSSYNC_LIBPQ_FUNCTIONS(each) \
    each(PQbackendPID) each(PQcancel) each(PQclear) each(PQcmdTuples) each(PQconnectPoll) each(PQconnectStartParams) \
    each(PQconninfoFree) each(PQconninfoParse) each(PQconsumeInput) each(PQenterPipelineMode) each(PQerrorMessage) \
    each(PQexitPipelineMode) each(PQfinish) each(PQflush) each(PQfname) each(PQfreeCancel) each(PQfreemem) \
    each(PQgetCancel) each(PQgetResult) each(PQgetisnull) each(PQgetlength) each(PQgetvalue) each(PQisBusy) \
    each(PQnfields) each(PQntuples) each(PQpipelineSync) each(PQresultErrorField) each(PQresultErrorMessage) \
    each(PQresultStatus) each(PQsendPrepare) each(PQsendQuery) each(PQsendQueryParams) each(PQsendQueryPrepared) \
    each(PQserverVersion) each(PQsetNoticeProcessor) each(PQsetnonblocking) each(PQsocket) each(PQstatus) \
    each(PQtransactionStatus)
// clang-format on

#define POSSYNC_LIBPQ_FUNCTION(name) inline constinit shared_library::SharedFunction<decltype(::name)> const name{libpq, #name};
POSSYNC_LIBPQ_FUNCTIONS(POSSYNC_LIBPQ_FUNCTION)
#undef POSSYNC_LIBPQ_FUNCTION

}  // namespace possync::store::postgres
