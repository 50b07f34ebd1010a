#!/usr/bin/env python3
"""Bad input of every kind: one clear line, the right exit status, nothing lost or half written.

usage: bad_input_test.py POSSYNC
"""
import csv
import io
import json
import os
import pathlib
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from processes import end

possync = sys.argv.pop(1)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.database = self.folder / "book.db"
        self.processes = []

    def tearDown(self):
        end(*self.processes)
        self.temporary.cleanup()

    def config(self, text="", port=1):
        path = self.folder / "possync.toml"
        path.write_text(f'[database]\nurl = "sqlite:///{self.database}"\n[[gateway]]\nname = "sim"\nport = {port}\n{text}')
        return path

    def run_it(self, *words, config=None, status=0, says=None, timeout=60):
        command = [possync, *words] + (["--config", str(config)] if config else [])
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=self.folder)
        both = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, both)
        if says:
            self.assertIn(says, both)
        if status == 2 and words[0] not in ("--nonsense",):
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        return done

    def simulator(self, *options):
        process = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", "5", *options],
                                   stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return int(process.stdout.readline().split(",")[0].rsplit(":", 1)[1])


class Configuration(Case):
    def test_table(self):
        for text, says in [
            ('[sync]\nintervall = "5m"', "possync.toml:7: unknown key sync.intervall"),
            ('[nonsense]\na = 1', "possync.toml:6: unknown section [nonsense]"),
            ('[sync]\ninterval = 5', "possync.toml:7: sync.interval must be a duration"),
            ('[sync]\ninterval = "9s"', "at least 10s"),
            ('[sync]\ninterval = "5 minutes"', "is not a duration"),
            ('[sync]\nenabled = "yes"', "sync.enabled must be true or false"),
            ('[sync]\ncost_basis = "best"', "is not one of average, fifo, lifo, hifo"),
            ('[report]\nzone = "Mars/Olympus"', "is not a time zone"),
            ('[[gateway]]\nname = "sim"', "two gateways are named sim"),
            ('[sync', "possync.toml:6:"),
            ('[log]\nlevel = "loud"', "is not one of debug"),
        ]:
            with self.subTest(says):
                self.run_it("config", config=self.config(text), status=2, says=says)

    def test_urls(self):
        for url in ["mysql://x", "sqlite:book.db", "", "postgresql://user:secret@host", "postgres://u:secret@h/db?schema=Bad"]:
            path = self.folder / "possync.toml"
            path.write_text(f'[database]\nurl = "{url}"\n')
            done = self.run_it("config", config=path, status=2, says="possync.toml:2: database.url")
            self.assertNotIn("secret", done.stderr)

    def test_no_password_is_printed(self):
        for url in ["postgresql://user:secret@127.0.0.1:1/db", "postgresql://user@127.0.0.1:1/db?password=secret&schema=fund"]:
            path = self.folder / "possync.toml"
            path.write_text(f'[database]\nurl = "{url}"\n')
            done = self.run_it("config", config=path, status=0)
            self.assertIn('url = "postgresql://user@127.0.0.1:1/db', done.stdout)
            self.assertIn('password = "***"', done.stdout)
            self.assertNotIn("secret", done.stdout + done.stderr)
            done = self.run_it("positions", config=path, status=1, says="cannot be reached")
            self.assertNotIn("secret", done.stdout + done.stderr)

    def test_missing_file_and_environment(self):
        self.run_it("config", config=self.folder / "none.toml", status=2, says="cannot be read")
        environment = dict(os.environ, POSSYNC_SYNC_INTERVAL="3s")
        done = subprocess.run([possync, "config"], capture_output=True, text=True, env=environment, cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("POSSYNC_SYNC_INTERVAL", done.stderr)
        environment = dict(os.environ, POSSYNC_GATEWAY_PRT="4001")
        done = subprocess.run([possync, "positions"], capture_output=True, text=True, env=environment, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (2, "possync: POSSYNC_GATEWAY_PRT: unknown; is POSSYNC_GATEWAY_PORT meant?\n"))

    def test_usage(self):
        for words, says in [
            ([], "say what it is to do: possync COMMAND; possync --help lists the commands"),
            (["flex"], "say what it is to do: possync flex COMMAND; possync flex --help lists the commands"),
            (["postions"], "there is no command postions; is positions meant?; possync --help lists them"),
            (["history", "--account", "DU1"], "there is no command history; possync --help lists them"),
            (["flex", "fech"], "there is no command flex fech; is fetch meant?; possync flex --help lists them"),
            (["--bogus"], "possync has no option --bogus; see possync --help"),
            (["sync", "--dry-rum=5"], "possync sync has no option --dry-rum; is --dry-run meant?; see possync sync --help"),
            (["closes", "--jsn", "5"], "possync closes has no option --jsn; is --json meant?; see possync closes --help"),
            (["closes", "AAPL"], "closes does not take 'AAPL'; see possync closes --help"),
            (["closes", "a\nb"], "closes does not take "),
            (["export"], "export: table is required; see possync export --help"),
            (["closes", "--account"], "closes: --account needs a value; see possync closes --help"),
            (["--config"], "possync: --config needs a value; see possync --help"),
            (["simulate", "--execution-times", "x"], "simulate: --execution-times: x is not in {gateway,instrument,utc}; see possync simulate --help"),
            (["positions", "--json", "--csv"], "--json excludes --csv"),
            (["simulate", "--server-version", "99"], "simulate: --server-version: 99 is not in range 100 to 226; see possync simulate --help"),
            (["simulate", "--port", "x"], "simulate: --port: x is not in range 0 to 65535; see possync simulate --help"),
            (["simulate", "--port", "70000"], "70000 is not in range 0 to 65535"),
            (["simulate", "--port", "-1"], "-1 is not in range 0 to 65535"),
            (["simulate", "--happenings", "-1"], "-1 is not in range 0 to"),
            (["simulate", "--burst", "-5"], "-5 is not in range 0 to"),
            (["demo", "--seconds", "-5"], "-5 is not in range 0 to"),
        ]:
            with self.subTest(words):
                done = subprocess.run([possync, *words], capture_output=True, text=True, cwd=self.folder)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("possync: "), done.stderr)
                self.assertIn(says, done.stderr)
        for words in [["--help"], ["sync", "--help"], ["--version"]]:
            self.assertEqual(subprocess.run([possync, *words], capture_output=True, cwd=self.folder).returncode, 0)

    def test_a_full_disk_is_told(self):
        config = self.config(port=self.simulator())
        self.run_it("sync", config=config)
        for words in (["config"], ["positions", "--csv"], ["accounts", "--json"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([possync, *words, "--config", config], stdout=full, stderr=subprocess.PIPE, text=True, cwd=self.folder)
            self.assertEqual((done.returncode, done.stderr), (1, "possync: standard output cannot be written: No space left on device\n"), words)
        # Who has read enough is no trouble.
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([possync, "positions", "--config", config], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_filters(self):
        port = self.simulator()
        config = self.config(port=port)
        self.run_it("sync", config=config)
        self.run_it("positions", "--since", "yesterday", config=config, status=2)
        self.run_it("positions", "--sort", "nonsense", config=config, status=2)
        self.run_it("positions", "--limit", "-1", config=config, status=2)
        self.run_it("positions", "--account", "DU9", config=config, status=1, says="DU1000001")


class Formats(Case):
    """What is asked for as JSON or CSV is that, or refused; never something else."""

    def test_what_prints_rows_or_an_object(self):
        config = self.config(port=self.simulator())
        (row,) = csv.DictReader(io.StringIO(self.run_it("sync", "--csv", config=config).stdout))
        self.assertEqual((row["success"], row["account"], row["positions_created"], row["error"], row["revision"]), ("true", "DU1000001", "5", "", "1"))
        self.assertEqual(list(row), list(json.loads(self.run_it("sync", "--json", config=config).stdout)["results"][0]))
        done = self.run_it("sync", "--csv", config=self.config(port=free_port()), status=1)
        (row,) = csv.DictReader(io.StringIO(done.stdout))
        self.assertEqual((row["success"], f"possync: {row['error']}\n"), ("false", done.stderr))
        config = self.config('accounts = ["DU1000001"]\n[sync]\ninterval = "1m"\n[flex]\ntoken = "canary"\n', port=self.simulator())
        effective = json.loads(self.run_it("config", "--json", config=config).stdout)
        self.assertEqual((effective["sync"]["interval"], effective["sync"]["enabled"], effective["flex"]["token"]), ("1m", True, "***"))
        self.assertEqual(effective["gateway"][0]["accounts"], ["DU1000001"])
        said = json.loads(self.run_it("migrate", "--json", config=config).stdout)
        self.assertEqual((said["from"], said["backup"]), (said["to"], None))
        rows = list(csv.DictReader(io.StringIO(self.run_it("doctor", "--csv", config=config).stdout)))
        self.assertEqual(rows[0], {"check": "configuration", "state": "ok", "text": str(config)})

    def test_what_does_not_is_refused(self):
        config = self.config()
        for words in ["run", "simulate", "demo", "record --listen 0 --output x", "setup", "alert test", "generate man"]:
            for option in ["--json", "--csv"]:
                self.run_it(*words.split(), option, config=config, status=2, says=f" prints nothing as JSON or CSV; leave {option} out", timeout=10)
        for words in ["status", "config", "migrate", "explain 1 --cause transfer", "exclude x", "undo 1", "replay x", "flex fetch", "sync --dry-run"]:
            self.run_it(*words.split(), "--csv", config=config, status=2, says=" prints no table that could be CSV; use --json", timeout=10)
        self.run_it("config", "--comments", "--json", config=config, status=2, says="JSON has no comments")


class Database(Case):
    def test_reading_makes_no_file(self):
        for table in ["positions", "closes", "status", "pnl", "runs"]:
            self.run_it(table, config=self.config(), status=1, says="does not exist")
        self.assertFalse(self.database.exists())

    def test_directory(self):
        self.database.mkdir()
        self.run_it("sync", config=self.config(), status=2, says="directory")

    def test_not_a_database(self):
        self.database.write_text("this is a text file, and not a short one, so that nobody takes it for empty" * 20)
        before = self.database.read_bytes()
        self.run_it("sync", config=self.config(), status=2, says="not a SQLite database")
        self.assertEqual(self.database.read_bytes(), before)

    def test_from_the_future(self):
        port = self.simulator()
        self.run_it("sync", config=self.config(port=port))
        with sqlite3.connect(self.database) as connection:
            connection.execute("PRAGMA user_version = 999")
        self.run_it("sync", config=self.config(port=port), status=1, says="999")
        self.run_it("positions", config=self.config(port=port), status=1, says="999")
        self.run_it("migrate", config=self.config(port=port), status=1, says="999")

    def test_locked(self):
        port = self.simulator()
        config = self.config(port=port)
        self.run_it("sync", config=config)
        connection = sqlite3.connect(self.database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        self.run_it("sync", config=config, status=1, says="locked")
        connection.execute("ROLLBACK")
        connection.close()
        self.run_it("sync", config=config)

    def test_file_is_private(self):
        self.run_it("sync", config=self.config(port=self.simulator()))
        self.assertEqual(self.database.stat().st_mode & 0o777, 0o600)


class Gateway(Case):
    def test_not_there(self):
        done = self.run_it("sync", config=self.config(port=free_port()), status=1)
        self.assertRegex(done.stderr, r"^possync: gateway sim .* is not connected: .*\n$")
        with sqlite3.connect(self.database) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM accounts").fetchone()[0], 0)
        self.run_it("doctor", config=self.config(port=free_port()), status=1, says="BAD")

    def test_unknown_account(self):
        config = self.config(port=self.simulator())
        self.run_it("sync", "--account", "DU9", config=config, status=1, says="the accounts are DU1000001")

    def test_wrong_kind(self):
        path = self.config('expect = "live"', port=self.simulator())
        self.run_it("sync", config=path, status=1, says="configured as live and serves paper accounts")
        with sqlite3.connect(self.database) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM positions").fetchone()[0], 0)

    def test_dry_run_writes_nothing(self):
        config = self.config(port=self.simulator())
        self.run_it("sync", "--dry-run", config=config, says="opening_balance")
        self.assertFalse(self.database.exists())

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.run_it("simulate", "--port", str(taken.getsockname()[1]), status=1, says="choose another --port")

    def test_a_stop_while_the_gateway_is_away_is_no_error(self):
        service = subprocess.Popen([possync, "run", "--config", self.config('[http]\nlisten = "off"\n', port=free_port())], stderr=subprocess.PIPE, text=True)
        self.processes.append(service)
        for line in service.stderr:
            if "gateway.connect_failed" in line:
                break
        service.send_signal(signal.SIGTERM)
        _, log = service.communicate(timeout=30)
        self.assertEqual(service.returncode, 0, log)
        self.assertIn("service.stopped", log)
        for trouble in ('"level":"error"', '"level":"warning"'):
            self.assertNotIn(trouble, log)

    def test_signals_stop_cleanly(self):
        config = self.config(port=self.simulator())
        for number in (signal.SIGINT, signal.SIGTERM):
            service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.PIPE, text=True)
            time.sleep(1)
            service.send_signal(number)
            _, log = service.communicate(timeout=10)
            self.assertEqual(service.returncode, 0, log)
            self.assertIn("service.stopped", log)
        self.run_it("sync", config=config, says="unchanged")


class RunningService(Case):
    def test_sync_goes_through_it(self):
        config = self.config('[sync]\nenabled = false\n', port=self.simulator())
        service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        self.processes.append(service)
        time.sleep(1.5)
        self.run_it("sync", config=config, says="synced by the running service")
        self.run_it("sync", "--account", "DU9", config=config, status=1, says="DU1000001")
        self.run_it("status", config=config, says="DU1000001")
        # A service that is killed leaves its lease behind; the next one knows that its owner is gone.
        service.kill()
        service.wait()
        self.run_it("sync", config=config, says="unchanged")


def frame(*fields):
    payload = b"".join(field.encode() + b"\0" for field in fields)
    return struct.pack(">I", len(payload)) + payload


class BadGateway(threading.Thread):
    """Shakes hands like a gateway, then answers a request for positions with whatever it is given."""

    def __init__(self, answer, drip=False, close=True):
        super().__init__(daemon=True)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.answer, self.drip, self.close = answer, drip, close

    def run(self):
        connection, _ = self.listener.accept()
        connection.recv(100)
        connection.sendall(frame("200", "20261123 09:30:00 UTC"))
        connection.recv(100)
        start = frame("15", "1", "DU1") + frame("9", "1", "1") + frame("8888", "unknown")
        self.send(connection, start)
        received = b""
        try:
            while b"61\0" not in received:
                more = connection.recv(4096)
                if not more:
                    return
                received += more
            self.send(connection, self.answer)
            while b"7\x003\x00" not in received and self.close is False:
                more = connection.recv(4096)
                if not more:
                    return
                received += more
            if self.close:
                time.sleep(0.3)
                connection.close()
            else:
                at = received.index(b"7\x003\x00") + 4
                request = received[at:received.index(b"\0", at)].decode()
                self.send(connection, frame("55", "1", request))
                time.sleep(5)
        except OSError:
            pass
        finally:
            connection.close()
            self.listener.close()

    def send(self, connection, data):
        if not self.drip:
            connection.sendall(data)
            return
        for byte in data:
            connection.sendall(bytes([byte]))


class Scenario(Case):
    def test_faults(self):
        for spec in ["lose=0.1", "drop=2", "drop=0.1:5s", "until=soon"]:
            done = subprocess.run([possync, "simulate", "--port", "0", "--faults=" + spec], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2, spec)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn("split=0.3", done.stderr)
        done = subprocess.run([possync, "simulate", "--port", "0", "--zone", "Mars/Olympus"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def simulate(self, text, says):
        path = self.folder / "day.scn"
        path.write_text(text)
        done = subprocess.run([possync, "simulate", "--port", "0", "--scenario", path], capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_bad_scenarios(self):
        self.simulate("account DU1\nhold AAPL many @ 3\nstart\n", "day.scn:2: there is no instrument AAPL")
        self.simulate("account DU1\nbuy AAPL\nstart\n", "day.scn:2")
        self.simulate("start\n", "names no account")
        done = subprocess.run([possync, "simulate", "--scenario", self.folder / "none.scn"], capture_output=True, text=True, timeout=20)
        self.assertIn("No such file", done.stderr)


POSITION = ("61", "3", "DU1", "265598", "AAPL", "STK", "", "0.0", "", "", "NASDAQ", "USD", "AAPL", "NMS", "100", "150.25")


class Garbage(Case):
    def sync_with(self, answer, status=1, says=None, **options):
        gateway = BadGateway(answer, **options)
        gateway.start()
        config = self.config('[sync]\ntimeout = "2s"\n', port=gateway.port)
        return self.run_it("sync", config=config, status=status, says=says)

    def untouched(self):
        if not self.database.exists():
            return
        with sqlite3.connect(self.database) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM positions").fetchone()[0], 0)

    def test_broken_lists(self):
        bad_row = list(POSITION)
        bad_row[14] = "many"
        no_quantity = list(POSITION)
        no_quantity[14] = ""
        for name, answer, close in [
            ("closed in the middle of the list", frame(*POSITION), True),
            ("no end at all", frame(*POSITION), False),
            ("truncated frame", frame(*POSITION)[:-10], True),
            ("length zero", struct.pack(">I", 0), False),
            ("negative length", struct.pack(">I", 0xFFFFFFFF) + b"x", False),
            ("too long", struct.pack(">I", 0x1000000), False),
            ("a row that does not parse", frame(*bad_row) + frame("62", "1"), False),
            ("a row without quantity", frame(*no_quantity) + frame("62", "1"), False),
            ("a short row", frame(*POSITION[:9]) + frame("62", "1"), False),
        ]:
            with self.subTest(name):
                self.assertIn("possync: ", self.sync_with(answer, close=close).stderr)
                self.untouched()

    def test_harmless_noise(self):
        sentinel = list(POSITION)
        sentinel[3], sentinel[15] = "7", "1.7976931348623157E308"
        foreign = list(POSITION)
        foreign[2] = "U999"
        zero = list(POSITION)
        zero[3], zero[14] = "8", "0"
        answer = frame("9999", "who", "knows") + frame(*POSITION) + frame(*POSITION) + frame(*sentinel) + frame(*foreign) + \
            frame(*zero) + frame("62", "1") + frame("62", "1") + frame("4", "-1", "2104", "farm OK", "", "0")
        self.sync_with(answer, status=0, close=False, drip=True)
        with sqlite3.connect(self.database) as connection:
            rows = connection.execute("SELECT account, con_id, quantity, average_price FROM positions ORDER BY con_id").fetchall()
        self.assertEqual(rows, [("DU1", 7, "100", None), ("DU1", 265598, "100", "150.25")])


if __name__ == "__main__":
    unittest.main()
