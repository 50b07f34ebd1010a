#!/usr/bin/env python3
"""A year of history with 100,000 events: the book as it was, and as it was believed then, from SQL alone and from the command.

usage: history_test.py POSSYNC [--milliseconds N]    (N: what each answer may take, 200 unless told)
"""
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

possync = sys.argv[1]
allowed = int(sys.argv[sys.argv.index("--milliseconds") + 1]) if "--milliseconds" in sys.argv else 200
positions, changes = 500, 200
year_begin = 1_764_000_000_000_000  # 2025-11-24 16:00 UTC, microseconds
step = 365 * 86_400 * 1_000_000 // changes

AS_IT_WAS = """SELECT symbol, quantity, average_price FROM position_history
    WHERE valid_from <= :at AND (valid_to IS NULL OR valid_to > :at) AND recorded_to IS NULL AND quantity <> '0' ORDER BY symbol"""
AS_BELIEVED = """SELECT symbol, quantity, average_price FROM position_history
    WHERE recorded_from <= :at AND (recorded_to IS NULL OR recorded_to > :at) AND valid_from <= :at
    AND (valid_to IS NULL OR valid_to > :at) AND quantity <> '0' ORDER BY symbol"""


def fill(connection):
    connection.execute("INSERT INTO gateway (gateway_id, name, is_paper, epoch, lease_until, lease_length) VALUES (1, 'g', 1, 1, 0, 1)")
    connection.execute("INSERT INTO account (account_id, code, gateway_id, revision, next_id, is_paper) VALUES (1, 'DU1', 1, ?, 1000000, 1)",
                       (positions * changes,))
    event = 1 << 33
    for p in range(positions):
        con_id, position = 1000 + p, (1 << 32) + p
        connection.execute("INSERT INTO instrument (con_id, symbol, sec_type, currency, multiplier, details_known) VALUES (?, ?, 'STK', 'USD', '1', 1)",
                           (con_id, f"S{p:04}"))
        connection.execute("INSERT INTO position (position_id, account_id, con_id, quantity, average_price, cost, realized_pnl, unknown_closes, opening_fact, revision) "
                           "VALUES (?, 1, ?, ?, '10', '1', '0', 0, 'f', 1)", (position, con_id, str(changes)))
        for c in range(changes):
            at = year_begin + c * step + p
            to = year_begin + (c + 1) * step + p if c + 1 < changes else None
            revision = c * positions + p + 1
            connection.execute("INSERT INTO position_version VALUES (?, ?, ?, 1, ?, ?, '10', '0', '0', ?, NULL)", (position, at, revision, to, str(c + 1), at))
            if c % 10 == 0:  # every tenth was believed to be something else for a day
                connection.execute("INSERT INTO position_version VALUES (?, ?, ?, 2, ?, ?, '11', '0', '0', ?, ?)", (position, at, revision, to, str(c + 7), at - 1, at))
            event += 1
            connection.execute("INSERT INTO position_event (event_id, position_id, revision, kind, cause, quantity_before, quantity_after, recorded_at) "
                               "VALUES (?, ?, ?, 'increased', 'execution', ?, ?, ?)", (event, position, revision, str(c), str(c + 1), at))
    connection.commit()
    connection.execute("ANALYZE")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    config = folder / "possync.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{folder}/book.db"\n')
    subprocess.run([possync, "migrate", "--config", config], check=True, capture_output=True)
    connection = sqlite3.connect(folder / "book.db")
    fill(connection)
    assert connection.execute("SELECT count(*) FROM position_events").fetchone()[0] == positions * changes
    when = "2026-05-24T12:00:00.000000Z"

    def timed(what, action):
        best = None
        for _ in range(3):
            begun = time.perf_counter()
            answer = action()
            took = (time.perf_counter() - begun) * 1e3
            best = took if best is None else min(best, took)
        print(f"{what}: {best:.0f} ms")
        assert best <= allowed, f"{what} took {best:.0f} ms, {allowed} are allowed"
        return answer

    was = timed("as it was, SQL", lambda: connection.execute(AS_IT_WAS, {"at": when}).fetchall())
    believed = timed("as believed then, SQL", lambda: connection.execute(AS_BELIEVED, {"at": when}).fetchall())
    assert len(was) == len(believed) == positions, (len(was), len(believed))

    def command(*words):
        done = subprocess.run([possync, "positions", *words, "--csv", "--config", config], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        header, *rows = [line.split(",") for line in done.stdout.splitlines()]
        return [(row[header.index("symbol")], row[header.index("quantity")]) for row in rows]

    shown = timed("as it was, possync positions --at", lambda: command("--at", when, "--status", "OPEN"))
    assert sorted(shown) == sorted((symbol, quantity) for symbol, quantity, _ in was), "the command and SQL differ"
    shown = timed("as believed then, possync positions --as-recorded", lambda: command("--at", when, "--as-recorded", when, "--status", "OPEN"))
    assert sorted(shown) == sorted((symbol, quantity) for symbol, quantity, _ in believed), "the command and SQL differ"
