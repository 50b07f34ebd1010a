"""The database of a test with real processes: a SQLite file, or a schema of its own on a PostgreSQL server, asked in the same SQL."""
import os
import pathlib
import sqlite3
import sys


class Sqlite:
    away = (sqlite3.OperationalError,)  # no tables yet, or busy

    def __init__(self, folder):
        self.path = folder / "book.db"
        self.url = f"sqlite:///{self.path}"

    def rows(self, sql, *parameters):
        """`sql` has ? for each parameter."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def execute(self, *statements):
        """Behind the program's back."""
        connection = sqlite3.connect(self.path)
        for sql in statements:
            connection.execute(sql)
        connection.commit()
        connection.close()

    @staticmethod
    def microseconds(column):
        return column

    def drop(self):
        pass


class Postgres:
    def __init__(self, server):
        import psycopg2
        self.connect_to = psycopg2.connect
        self.away = (psycopg2.Error,)
        self.server = pathlib.Path(server[1:]).read_text().strip() if server.startswith("@") else server
        self.schema = f"e2e_{os.getpid()}"
        self.url = f"{self.server}?schema={self.schema}"

    def run(self, statements, parameters=()):
        connection = self.connect_to(self.server, options=f"-c search_path={self.schema} -c TimeZone=UTC")
        try:
            with connection, connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql.replace("?", "%s"), parameters)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def rows(self, sql, *parameters):
        return self.run([sql], parameters)

    def execute(self, *statements):
        self.run(statements)

    @staticmethod
    def microseconds(column):
        return f"(extract(epoch FROM {column}) * 1000000)::bigint"

    def drop(self):
        self.run([f"DROP SCHEMA IF EXISTS {self.schema} CASCADE"])


def open_database(folder):
    """As the command line says: --postgres URL or --postgres @FILE, which holds it; without, SQLite."""
    if "--postgres" in sys.argv:
        return Postgres(sys.argv[sys.argv.index("--postgres") + 1])
    return Sqlite(folder)
