"""Books read through a running service, and what only a service can do."""
import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from . import Book, Error, NotFound, Unavailable
from ._columns import VIEWS, convert
from ._sql import moment

FILTERS = ("account", "symbol", "con_id", "status", "since", "until", "limit", "sort", "as_of", "as_recorded", "position_id")
PAGE = 10000  # the most rows that the service gives at once


class Service(Book):
    """`url` of a service, as in its [http] listen. All answers are of committed state, also while the broker is away."""

    def __init__(self, url, token=None, timeout=60):
        self.url = url.rstrip("/")
        self._token = token
        self.timeout = timeout
        # A proxy has no business between this program and a service on the same machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self):
        return f"possync.connect({self.url!r})"  # never the token

    def _open(self, path, query=None, method="GET", headers=None, timeout=None):
        address = self.url + path
        if query:
            address += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(address, method=method, headers=headers or {})
        if method == "POST":
            request.data = b""
        if self._token:
            request.add_header("Authorization", "Bearer " + self._token)
        try:
            return self._opener.open(request, timeout=timeout or self.timeout)
        except urllib.error.HTTPError as error:
            raise self._problem(error) from None
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{self.url} does not answer: {getattr(error, 'reason', error)}; is possync run running there?") from None

    @staticmethod
    def _problem(error):
        try:
            said = json.loads(error.read())
        except ValueError:
            said = {}
        text = said.get("detail") or said.get("title") or error.reason
        for each in said.get("results", []):
            if each.get("error"):
                text = each["error"]
                break
        kind = {404: NotFound, 502: Unavailable, 503: Unavailable, 504: Unavailable}.get(error.code, Error)
        made = kind(f"{text} (HTTP {error.code})")
        made.details = said
        return made

    def _json(self, *words, **more):
        with self._open(*words, **more) as answer:
            return json.load(answer)

    # --- the book --------------------------------------------------------------------------------------------------------

    def rows(self, view, exact=False, **filters):
        if view not in VIEWS:
            raise Error(f"there is no view {view!r}; the views are {', '.join(VIEWS)}")
        query = {}
        for name, value in filters.items():
            if name not in FILTERS:
                raise Error(f"there is no filter {name!r}; the filters are {', '.join(FILTERS)}")
            if value is not None:
                query[name] = moment(value) if name in ("since", "until", "as_of", "as_recorded") else value
        left = int(query.pop("limit")) if "limit" in query else None
        rows = []
        while True:
            query["limit"] = PAGE if left is None else min(PAGE, left - len(rows))
            page = self._json("/api/" + VIEWS[view][1], query)
            rows += [convert(row, exact) for row in page["items"]]
            if page["next"] is None or (left is not None and len(rows) >= left):
                return rows
            query["cursor"] = page["next"]

    def _columns(self, view):
        description = self._json("/api/openapi.json")
        schema = description["paths"]["/api/" + VIEWS[view][1]]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        while True:
            if "$ref" in schema:
                found = description
                for step in schema["$ref"].lstrip("#/").split("/"):
                    found = found[step]
                schema = found
            elif "allOf" in schema:
                schema = next(each for each in schema["allOf"] if "items" in str(each))
            elif "items" in schema.get("properties", {}):
                schema = schema["properties"]["items"]
            elif schema.get("type") == "array":
                schema = schema["items"]
            else:
                return list(schema["properties"])

    def why(self, position_id):
        """Everything that a position's numbers rest on, and sentences that explain them."""
        return self._json(f"/api/why/position/{int(position_id)}")

    # --- the service -----------------------------------------------------------------------------------------------------

    def sync_positions(self, account=None):
        """One complete sync; {"success", "results": [one per account]}. Raises Unavailable when no gateway could answer."""
        return self._json("/api/sync/positions", {"account": account} if account else None, method="POST", timeout=max(self.timeout, 120))

    def status(self):
        """Gateways, accounts with their gate, statistics."""
        return self._json("/api/sync/status")

    def get_stats(self):
        """total_syncs, successful_syncs, failed_syncs, positions_created, ..."""
        return self.status()["statistics"]

    def reset_stats(self):
        return self._json("/api/sync/stats/reset", method="POST")["success"]

    def gate(self, account, con_id):
        """{"state": "OK" | "STALE" | "BROKEN", "reason", "quantity", ...}: to ask before an order. It fails closed: a service that
        does not answer is BROKEN."""
        account = urllib.parse.quote(str(account), safe="")
        try:
            return self._json(f"/api/gate/{account}/{int(con_id)}")
        except Error as error:
            return {"state": "BROKEN", "reason": str(error), "account": account, "con_id": int(con_id), "quantity": None}

    def follow(self, since=None, kinds=("change", "gap"), forever=True):
        """Committed changes as they come: (kind, data, id). A lost connection is taken up again where it broke off; keep the last
        id, and give it as `since` to go on after a restart of your own program. After a "gap" read everything anew. `kinds` may
        also have "mark" and "status". Without `forever` it ends where the connection does."""
        last, pause = since, 2.0
        while True:
            try:
                headers = {"Accept": "text/event-stream"}
                if last is not None:
                    headers["Last-Event-ID"] = last
                # The service's heartbeat comes every 15 s: silence for longer is a dead line.
                with self._open("/api/stream", headers=headers, timeout=45) as stream:
                    for kind, data, number, retry in _events(stream):
                        if retry is not None:
                            pause = retry
                        if number is not None:
                            last = number
                        if kind in kinds:
                            yield kind, data, number
            except (Unavailable, OSError, http.client.HTTPException, socket.timeout):
                if not forever:
                    raise
            if not forever:
                return
            time.sleep(pause)


def _events(stream):
    """Server-sent events of a byte stream: (kind, data, id, seconds to wait before a new try)."""
    kind, data, number, retry = "message", [], None, None
    for raw in stream:
        line = raw.decode("utf-8").rstrip("\r\n")
        if not line:
            if data or retry is not None:
                yield kind, json.loads("\n".join(data)) if data else None, number, retry
            kind, data, number, retry = "message", [], None, None
            continue
        if line.startswith(":"):
            continue
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            number = value
        elif name == "retry" and value.isdigit():
            retry = int(value) / 1000
