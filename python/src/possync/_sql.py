"""Books read from the database itself, without a service."""
import datetime
import pathlib
import sqlite3
import urllib.parse

from . import Book, Error, NotFound, Unavailable
from ._columns import VIEWS, convert

FILTERS = ("account", "symbol", "con_id", "status", "since", "until", "limit")


def moment(value):
    """As the views write it: UTC, RFC 3339."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise Error(f"{value} has no time zone; say which, as in datetime.now(timezone.utc)")
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


class Sql(Book):
    """`mark` stands for a value in SQL."""

    mark = "?"

    def _select(self, sql, values):
        """(names of columns, rows)"""
        raise NotImplementedError

    def _view(self, view, exact):
        raise NotImplementedError

    def query(self, sql, values=()):
        """Rows of a query of your own over the views, as the database gives them; see docs/sql.md."""
        names, rows = self._select(sql, values)
        return [dict(zip(names, row)) for row in rows]

    def query_frame(self, sql, values=()):
        """The same as a DataFrame."""
        import pandas

        names, rows = self._select(sql, values)
        return pandas.DataFrame(rows, columns=names)

    def rows(self, view, exact=False, **filters):
        if view not in VIEWS:
            raise Error(f"there is no view {view!r}; the views are {', '.join(VIEWS)}")
        table, _, time_column = VIEWS[view]
        conditions, values = [], []
        columns = self._columns(view)
        for name, value in filters.items():
            if value is None:
                continue
            if name not in FILTERS:
                raise Error(f"there is no filter {name!r}; the filters are {', '.join(FILTERS)}")
            if name == "limit":
                continue
            if name in ("since", "until"):
                if time_column is None:
                    raise Error(f"{view} is not filtered by time")
                conditions.append(f"{time_column} {'>=' if name == 'since' else '<'} {self.mark}")
                values.append(moment(value))
                continue
            column = {"status": {"breaks": "state", "runs": "outcome", "certifications": "state"}.get(view, "status")}.get(name, name)
            if column not in columns:
                raise Error(f"{view} has no {name}")
            conditions.append(f"{column} = {self.mark}")
            values.append(value)
        sql = f"SELECT * FROM {self._view(table, exact)}"
        if conditions:
            sql += " WHERE " + " AND ".join(conditions)
        sql += " ORDER BY 1"
        if filters.get("limit") is not None:
            sql += f" LIMIT {int(filters['limit'])}"
        names, rows = self._select(sql, values)
        return [convert(dict(zip(names, row)), exact) for row in rows]

    def _columns(self, view):
        return self._select(f"SELECT * FROM {VIEWS[view][0]} LIMIT 0", ())[0]


class Sqlite(Sql):
    """A database file, opened for reading only. Each call sees one committed state."""

    def __init__(self, path, timeout):
        self.path = pathlib.Path(path)
        if not self.path.exists():
            raise NotFound(f"{path} is not there; write sqlite:////ABSOLUTE/FILE, or sync first")
        address = f"file:{urllib.parse.quote(str(self.path.absolute()))}?mode=ro"
        try:
            self._connection = sqlite3.connect(address, uri=True, timeout=timeout, isolation_level=None)
            self._connection.execute("SELECT 1 FROM positions LIMIT 0")
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise Error(f"{path} is not a database of possync") from None
            raise Unavailable(f"{path} cannot be opened: {error}; may this user read it?") from None
        except sqlite3.DatabaseError as error:
            raise Error(f"{path} is not a database of possync: {error}") from None

    def _view(self, view, exact):
        # Exact text, or the twin that SQLite can calculate with.
        return view if exact else view + "_numeric"

    def _select(self, sql, values):
        try:
            cursor = self._connection.execute(sql, values)
            return [each[0] for each in cursor.description], cursor.fetchall()
        except sqlite3.Error as error:
            raise Error(f"{error}, in: {sql}") from None

    def close(self):
        self._connection.close()


class Postgres(Sql):
    """A PostgreSQL database; every call is a read-only transaction."""

    mark = "%s"

    def __init__(self, url, timeout):
        try:
            import psycopg2
        except ImportError:
            raise ImportError("postgresql:// needs psycopg2 (Debian: python3-psycopg2)") from None
        self._errors = psycopg2.Error
        # possync's tables are in a schema of their own, which its URL may name; libpq knows no such parameter.
        parts = urllib.parse.urlsplit(url)
        parameters = urllib.parse.parse_qsl(parts.query)
        schema = dict(parameters).get("schema", "possync")
        if not schema.replace("_", "").isalnum():
            raise Error(f"schema={schema} is not a name")
        url = urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode([each for each in parameters if each[0] != "schema"])))
        try:
            self._connection = psycopg2.connect(url, connect_timeout=int(timeout))
        except psycopg2.OperationalError as error:
            raise Unavailable(str(error).strip()) from None
        self._connection.set_session(readonly=True, autocommit=True)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SET TIME ZONE 'UTC'; SET search_path = {schema}")
        except psycopg2.Error as error:
            raise Unavailable(str(error).strip()) from None

    def _view(self, view, exact):
        return view  # NUMERIC is exact; convert() makes floats of it

    def _select(self, sql, values):
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return [each.name for each in cursor.description], cursor.fetchall()
        except self._errors as error:
            raise Error(f"{str(error).strip()}, in: {sql}") from None

    def close(self):
        self._connection.close()
