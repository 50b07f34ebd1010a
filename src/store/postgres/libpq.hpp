// libpq's functions as this folder calls them: loaded with the first database on PostgreSQL (shared_library/shared_library.hpp).
// A function that is not in the list is not found by the linker. Nothing here may be called before `libpq.load()`;
// parse_address() and Connection::open() do it.
#pragma once

#include <libpq-fe.h>

#include "shared_library/shared_library.hpp"

namespace possync::store::postgres {

extern constinit shared_library::SharedLibrary libpq;

#define POSSYNC_LIBPQ(function)                                                                                                  \
    inline constinit shared_library::SharedFunction<decltype(::function)> const function { libpq, #function }
POSSYNC_LIBPQ(PQbackendPID);
POSSYNC_LIBPQ(PQcancel);
POSSYNC_LIBPQ(PQclear);
POSSYNC_LIBPQ(PQcmdTuples);
POSSYNC_LIBPQ(PQconnectPoll);
POSSYNC_LIBPQ(PQconnectStartParams);
POSSYNC_LIBPQ(PQconninfoFree);
POSSYNC_LIBPQ(PQconninfoParse);
POSSYNC_LIBPQ(PQconsumeInput);
POSSYNC_LIBPQ(PQenterPipelineMode);
POSSYNC_LIBPQ(PQerrorMessage);
POSSYNC_LIBPQ(PQexitPipelineMode);
POSSYNC_LIBPQ(PQfinish);
POSSYNC_LIBPQ(PQflush);
POSSYNC_LIBPQ(PQfname);
POSSYNC_LIBPQ(PQfreeCancel);
POSSYNC_LIBPQ(PQfreemem);
POSSYNC_LIBPQ(PQgetCancel);
POSSYNC_LIBPQ(PQgetResult);
POSSYNC_LIBPQ(PQgetisnull);
POSSYNC_LIBPQ(PQgetlength);
POSSYNC_LIBPQ(PQgetvalue);
POSSYNC_LIBPQ(PQisBusy);
POSSYNC_LIBPQ(PQnfields);
POSSYNC_LIBPQ(PQntuples);
POSSYNC_LIBPQ(PQpipelineSync);
POSSYNC_LIBPQ(PQresultErrorField);
POSSYNC_LIBPQ(PQresultErrorMessage);
POSSYNC_LIBPQ(PQresultStatus);
POSSYNC_LIBPQ(PQsendPrepare);
POSSYNC_LIBPQ(PQsendQuery);
POSSYNC_LIBPQ(PQsendQueryParams);
POSSYNC_LIBPQ(PQsendQueryPrepared);
POSSYNC_LIBPQ(PQserverVersion);
POSSYNC_LIBPQ(PQsetNoticeProcessor);
POSSYNC_LIBPQ(PQsetnonblocking);
POSSYNC_LIBPQ(PQsocket);
POSSYNC_LIBPQ(PQstatus);
POSSYNC_LIBPQ(PQtransactionStatus);
#undef POSSYNC_LIBPQ

}  // namespace possync::store::postgres
