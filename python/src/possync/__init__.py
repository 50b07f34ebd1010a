"""possync from Python: the book of Interactive Brokers accounts, as possync keeps it.

    import possync
    book = possync.connect("sqlite:////var/lib/possync/possync.db")   # or postgresql://..., or http://127.0.0.1:8321
    book.positions(status="OPEN")                 # a DataFrame; floats
    book.positions(status="OPEN", exact=True)     # decimal.Decimal, to the last digit
    book.rows("closes", since="2026-11-01")       # dictionaries, without pandas

Of a service (http) also: sync_positions(), get_stats(), reset_stats(), follow(), gate(). Nothing here writes to a database.
"""
from ._columns import VIEWS
from ._errors import Error, NotFound, Unavailable

__all__ = ["connect", "Book", "Error", "NotFound", "Unavailable"]
__version__ = "0.1.0"


class Book:
    """What every source of a book can do. Filters are those of the command line: account, symbol, con_id, status, since, until
    (text as in SQL, a date or a datetime), limit."""

    def rows(self, view, exact=False, **filters):
        """Rows of a view as dictionaries. Numbers are floats, or decimal.Decimal with exact=True; times are aware datetimes;
        unknown is None."""
        raise NotImplementedError

    def _columns(self, view):
        raise NotImplementedError

    def read(self, view, exact=False, **filters):
        """The same as a DataFrame."""
        from ._columns import frame

        rows = self.rows(view, exact=exact, **filters)
        return frame(rows, list(rows[0]) if rows else self._columns(view))

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def _reader(name):
    def read(self, exact=False, **filters):
        return self.read(name, exact=exact, **filters)

    read.__name__ = name
    read.__doc__ = f"The view {VIEWS[name][0]} as a DataFrame; decimal.Decimal instead of float with exact=True."
    return read


for _name in VIEWS:
    setattr(Book, _name, _reader(_name))


def connect(url, token=None, timeout=60):
    """Opens a book: "sqlite:///FILE" or a path, "postgresql://user@host/db" (needs psycopg2), or the "http://host:port" of a
    service; `token` is the service's, where it wants one. `timeout` in seconds."""
    url = str(url)
    if url.startswith(("http://", "https://")):
        from ._http import Service

        return Service(url, token, timeout)
    from ._sql import Postgres, Sqlite

    if url.startswith(("postgresql://", "postgres://")):
        return Postgres(url, timeout)
    if url.startswith("sqlite:///"):
        return Sqlite(url[len("sqlite:///"):], timeout)
    if "://" in url:
        raise Error(f"{url.split(':')[0]}:// is not known; write sqlite:///FILE, postgresql://user@host/db or http://host:port")
    return Sqlite(url, timeout)
