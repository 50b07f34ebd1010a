#!/usr/bin/env python3
"""The Python package against a service with a simulated gateway: installed by pip into a fresh environment, on SQLite and over HTTP.

usage: python_test.py POSSYNC SOURCE_FOLDER   (with Debian's python3: its pandas is used)
"""
import json
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from datetime import datetime, timezone
from decimal import Decimal

possync_program = os.path.abspath(sys.argv.pop(1))
source = pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(source / "python/src"))
import possync  # noqa: E402
from possync import _columns, _http  # noqa: E402

TOKEN = "canary-token-5521-with-enough-length"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Running:
    """A service on a simulated gateway on which something happens all the time; one for all tests."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.simulator = subprocess.Popen([possync_program, "simulate", "--port", "0", "--pace", "150ms", "--positions", "6"],
                                          stdout=subprocess.PIPE, text=True)
        port = int(self.simulator.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        threading.Thread(target=self.simulator.stdout.read, daemon=True).start()
        token = self.folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        http = free_port()
        self.service_url = f"http://127.0.0.1:{http}"
        self.database_url = f"sqlite:///{self.folder}/book.db"
        self.config = self.folder / "possync.toml"
        self.config.write_text(f'[database]\nurl = "{self.database_url}"\n[[gateway]]\nname = "sim"\nport = {port}\n'
                               f'[http]\nlisten = "127.0.0.1:{http}"\ntoken_file = "{token}"\n')
        self.process = subprocess.Popen([possync_program, "run", "--config", self.config], stderr=subprocess.DEVNULL)
        self.service = possync.connect(self.service_url, token=TOKEN)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if len(self.service.rows("closes")) >= 3 and len(self.service.rows("executions")) >= 5:
                    break
            except possync.Error:
                pass
            time.sleep(0.2)
        else:
            raise AssertionError("the service did not sync within 60 s")
        self.book = possync.connect(self.database_url)

    def end(self):
        self.book.close()
        for process in [self.process, self.simulator]:
            process.terminate()
            process.wait(30)
        self.temporary.cleanup()


running = None


def setUpModule():
    global running
    running = Running()


def tearDownModule():
    running.end()


class WithService(unittest.TestCase):
    def setUp(self):
        for name in ["folder", "config", "service", "service_url", "book", "database_url"]:
            setattr(self, name, getattr(running, name))


class Reading(WithService):
    def test_every_view_from_both_sides(self):
        for view in _columns.VIEWS:
            with self.subTest(view):
                here, there = self.book.rows(view, exact=True, limit=5), self.service.rows(view, exact=True, limit=5)
                frame = self.book.read(view)
                self.assertEqual(list(frame.columns), list(self.service.read(view).columns))
                if here and there:
                    self.assertEqual(list(here[0]), list(there[0]))
                    same = {name: type(value) for name, value in here[0].items() if value is not None}
                    for name, value in there[0].items():
                        if value is not None and name in same and name not in ("ratio",):
                            self.assertIs(type(value), same[name], name)

    def test_exact_is_exact_and_the_default_is_float(self):
        exact = {row["close_id"]: row for row in self.book.rows("closes", exact=True)}
        with sqlite3.connect(self.folder / "book.db") as raw:
            for close_id, text in raw.execute("SELECT close_id, realized_pnl FROM position_closes WHERE realized_pnl IS NOT NULL"):
                if close_id in exact:
                    self.assertEqual(str(exact[close_id]["realized_pnl"].normalize() + 0), str(Decimal(text).normalize() + 0))
        self.assertTrue(any(isinstance(row["realized_pnl"], Decimal) for row in exact.values()))
        frame = self.book.closes()
        self.assertEqual(str(frame["realized_pnl"].dtype), "float64")
        self.assertEqual(str(frame["closed_at"].dtype), "datetime64[ns, UTC]")
        for row in self.service.rows("closes"):
            self.assertIsInstance(row["quantity_closed"], float)

    def test_the_list_of_decimals_is_that_of_the_views(self):
        with sqlite3.connect(self.folder / "book.db") as raw:
            found = set()
            for (view,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name NOT LIKE '%@_numeric' ESCAPE '@'").fetchall():
                here = {row[1]: row[2] for row in raw.execute(f"PRAGMA table_info({view})")}
                twin = {row[1]: row[2] for row in raw.execute(f"PRAGMA table_info({view}_numeric)")}
                # In the twin a number is an expression, and so without a type of its own.
                found |= {name for name in here if here[name] == "TEXT" and twin.get(name) == ""}
        self.assertEqual(found - _columns.MIXED - _columns.DECIMALS, set(), "decimals that this package would hand out as text")

    def test_filters(self):
        account = self.book.rows("accounts")[0]["account"]
        some = self.book.rows("executions", account=account)
        self.assertGreater(len(some), 3)
        symbol = some[0]["symbol"]
        for book in [self.book, self.service]:
            self.assertEqual({row["symbol"] for row in book.rows("executions", symbol=symbol)}, {symbol})
            self.assertEqual(len(book.rows("executions", limit=2)), 2)
            self.assertEqual(book.rows("executions", since=datetime(2100, 1, 1, tzinfo=timezone.utc)), [])
            self.assertEqual({row["status"] for row in book.rows("positions", status="CLOSED")}, {"CLOSED"})
            with self.assertRaises(possync.Error):
                book.rows("nonsense")
            with self.assertRaises(possync.Error):
                book.rows("positions", colour="red")
        self.assertEqual(self.book.rows("executions", account="DU9"), [])
        with self.assertRaises(possync.NotFound):  # the service names those that there are
            self.service.rows("executions", account="DU9")
        with self.assertRaisesRegex(possync.Error, "time zone"):
            self.book.rows("executions", since=datetime(2026, 1, 1))
        hostile = "' OR 1=1 --"
        self.assertEqual(self.book.rows("executions", symbol=hostile), [])

    def test_pages_are_put_together(self):
        everything = self.service.rows("events")
        page, _http.PAGE = _http.PAGE, 7
        try:
            self.assertEqual(len(self.service.rows("events")) >= len(everything) > 7, True)
            self.assertEqual(len(self.service.rows("events", limit=10)), 10)
        finally:
            _http.PAGE = page

    def test_it_cannot_write(self):
        with self.assertRaisesRegex(possync.Error, "readonly"):
            self.book.query("DELETE FROM account")

    def test_errors_say_what_to_do(self):
        for url, says in [(f"sqlite:///{self.folder}/none.db", "is not there"), ("mysql://host/db", "postgresql://"),
                          (f"sqlite:///{self.config}", "not a database")]:
            with self.assertRaisesRegex(possync.Error, says):
                possync.connect(url)
        with self.assertRaisesRegex(possync.Unavailable, "possync run"):
            possync.connect(f"http://127.0.0.1:{free_port()}").rows("positions")
        with self.assertRaisesRegex(possync.Error, "401"):
            possync.connect(self.service_url, token="wrong").rows("positions")
        self.assertNotIn(TOKEN, repr(self.service))


class Steering(WithService):
    def test_sync_statistics_status(self):
        before = self.service.get_stats()["successful_syncs"]
        answer = self.service.sync_positions()
        self.assertTrue(answer["success"], answer)
        self.assertEqual(answer["results"][0]["account"], self.service.rows("accounts")[0]["account"])
        self.assertGreater(self.service.get_stats()["successful_syncs"], before)
        self.assertTrue(self.service.reset_stats())
        self.assertLess(self.service.get_stats()["total_syncs"], before + 1)
        with self.assertRaises(possync.Error):
            self.service.sync_positions(account="DU9")

    def test_gate(self):
        account = self.service.rows("accounts")[0]["account"]
        con_id = self.service.rows("positions")[0]["con_id"]
        gate = self.service.gate(account, con_id)
        self.assertIn(gate["state"], ("OK", "STALE", "BROKEN"))
        self.assertTrue(gate["reason"])
        self.assertEqual(self.service.gate("DU9", con_id)["state"], "BROKEN")
        away = possync.connect(f"http://127.0.0.1:{free_port()}")
        self.assertEqual(away.gate(account, con_id)["state"], "BROKEN")
        self.assertEqual(possync.connect(self.service_url, token="wrong").gate(account, con_id)["state"], "BROKEN")

    def test_why(self):
        position = self.service.rows("positions")[0]["position_id"]
        self.assertTrue(self.service.why(position)["explanation"])
        with self.assertRaises(possync.NotFound):
            self.service.why(1)

    def test_examples_of_the_page(self):
        page = (source / "docs/python.md").read_text()
        blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        self.assertGreater(len(blocks), 7)
        connect = possync.connect
        names = {"database_url": self.database_url, "service_url": self.service_url}
        try:
            possync.connect = lambda url, **more: connect(url, **{"token": TOKEN if url == self.service_url else None, **more})
            for block in blocks:
                exec(compile(block, "docs/python.md", "exec"), names)
        finally:
            possync.connect = connect


class Following(WithService):
    def test_changes_come_and_are_taken_up_again(self):
        seen, errors = [], []

        def follow(since=None, at_least=2):
            try:
                for kind, data, number in self.service.follow(since=since, forever=False):
                    seen.append((kind, data, number))
                    if len(seen) >= at_least:
                        return
            except possync.Error as error:
                errors.append(error)

        watcher = threading.Thread(target=follow, daemon=True)
        watcher.start()
        watcher.join(25)
        self.assertFalse(watcher.is_alive() or errors, f"no two changes within 25 s: {seen} {errors}")
        self.assertTrue(all(number for _, _, number in seen))
        first = seen[0]
        self.assertEqual(first[0], "change")
        self.assertIn("events", first[1])
        # From after the first one on: what comes first now is what came second then.
        again = next(iter(self.service.follow(since=first[2], forever=False)))
        self.assertEqual(again[2], seen[1][2])


class Events(unittest.TestCase):
    def test_parsing(self):
        lines = [b"retry: 1500\n", b"\n", b": heartbeat\n", b"\n", b"id: a1\n", b"event: change\n", b'data: {"x":\n', b"data: 1}\n", b"\n", b"event: mark\r\n",
                 b'data: {}\r\n', b"\r\n", b"event: cut\n", b"data: {"]
        self.assertEqual(list(_http._events(lines)), [("message", None, None, 1.5), ("change", {"x": 1}, "a1", None), ("mark", {}, None, None)])


class Installing(unittest.TestCase):
    def test_pip_into_a_fresh_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "python"  # building leaves files beside the sources
            subprocess.run(["cp", "-r", source / "python", copy], check=True)
            subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", f"{folder}/env"], check=True, capture_output=True)
            done = subprocess.run([f"{folder}/env/bin/pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet", copy],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            said = subprocess.run([f"{folder}/env/bin/python", "-c", "import possync; print(possync.__version__, possync.__file__)"],
                                  capture_output=True, text=True, cwd=folder, check=True).stdout
            self.assertIn("site-packages", said)
            version = subprocess.run([possync_program, "--version"], capture_output=True, text=True).stdout.split()[1]
            self.assertEqual(said.split()[0], version)


if __name__ == "__main__":
    unittest.main()
