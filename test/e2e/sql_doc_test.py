#!/usr/bin/env python3
"""Runs every query of docs/sql.md against a simulated trading day, on SQLite and, where $POSSYNC_TEST_POSTGRES names the file with
a server's URL, on PostgreSQL.

usage: sql_doc_test.py POSSYNC SOURCE_FOLDER
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

possync = os.path.abspath(sys.argv[1])
source = pathlib.Path(sys.argv[2])
sys.path.insert(0, str(source / "python/src"))
import possync as library  # noqa: E402

queries = re.findall(r"```sql\n(.*?)```", (source / "docs/sql.md").read_text(), re.DOTALL)


def a_day(url, folder):
    """A day with a hundred happenings in the database at `url`."""
    simulator = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "15ms", "--positions", "8", "--happenings", "150"],
                                 stdout=subprocess.PIPE, text=True)
    service = None
    try:
        port = int(simulator.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        threading.Thread(target=simulator.stdout.read, daemon=True).start()
        config = folder / "possync.toml"
        config.write_text(f'[database]\nurl = "{url}"\n[[gateway]]\nname = "sim"\nport = {port}\n[http]\nlisten = ""\n')
        service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            done = subprocess.run([possync, "closes", "--csv", "--config", config], capture_output=True, text=True)
            if done.stdout.count("\n") > 15:
                return
            time.sleep(0.2)
        sys.exit(f"no closes within 60 s: {done.stdout}{done.stderr}")
    finally:
        for process in [service, simulator]:
            if process:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def try_all(url, kind):
    bad = 0
    rows = {}
    with library.connect(url) as book:
        for query in queries:
            try:
                rows[query] = len(book.query(query.replace("%", "%%") if kind == "PostgreSQL" and "%" in query else query))
            except library.Error as error:
                bad += 1
                print(f"{kind}: {error}")
        # The simulator's day is in these: held positions, closes, fills, events.
        for must in ["FROM positions_numeric WHERE status = 'OPEN' ORDER BY abs", "FROM position_closes_numeric GROUP BY trade_date",
                     "FROM position_events GROUP BY kind", "FROM lots_numeric"]:
            found = [count for query, count in rows.items() if must in query]
            if not found or found[0] == 0:
                bad += 1
                print(f"{kind}: nothing came of the query with: {must}")
    print(f"{kind}: {len(queries)} queries, {sum(1 for count in rows.values() if count)} with rows, {bad} bad")
    return bad


def main():
    if len(queries) < 20:
        sys.exit("docs/sql.md has hardly any queries; this test looks in the wrong place")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        url = f"sqlite:///{folder}/book.db"
        a_day(url, folder)
        bad += try_all(url, "SQLite")
        server = os.environ.get("POSSYNC_TEST_POSTGRES")
        if server:
            import psycopg2

            base = pathlib.Path(server).read_text().strip()
            name = f"sql_doc_{os.getpid()}"
            connection = psycopg2.connect(base)
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {name}")
            own = re.sub(r"(postgres(?:ql)?://[^/]*/)[^?]*", rf"\g<1>{name}", base)
            try:
                a_day(own, folder)
                bad += try_all(own, "PostgreSQL")
            finally:
                connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
                connection.close()
    sys.exit(1 if bad else 0)


main()
