#!/usr/bin/env python3
"""`possync setup` and `possync doctor` against gateways of every mood: absent, silent, refusing, taken, paper, live, several.

usage: setup_test.py POSSYNC   (with Debian's python3 where $POSSYNC_TEST_POSTGRES is set: its psycopg2 is used)
"""
import json
import os
import pathlib
import pty
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from processes import end

possync = os.path.abspath(sys.argv.pop(1))

class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.config = self.folder / "possync.toml"
        self.processes = []
        self.listeners = []

    def tearDown(self):
        end(*self.processes)
        for listener in self.listeners:
            listener.close()
        self.temporary.cleanup()

    def run_it(self, *words, status=0, says=(), timeout=60):
        done = subprocess.run([possync, *map(str, words)], capture_output=True, text=True, timeout=timeout, cwd=self.folder, stdin=subprocess.DEVNULL)
        both = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, both)
        for each in [says] if isinstance(says, str) else says:
            self.assertIn(each, both)
        return done

    def simulator(self, *options):
        process = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", "5", *options],
                                   stdout=subprocess.PIPE, text=True, cwd=self.folder)
        self.processes.append(process)
        return int(process.stdout.readline().split(",")[0].rsplit(":", 1)[1])

    def live_simulator(self):
        scenario = self.folder / "live.scn"
        scenario.write_text("account U7654321\ninstrument AAPL STK USD\nhold AAPL 100 @ 150\n")
        process = subprocess.Popen([possync, "simulate", "--port", "0", "--scenario", scenario], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=self.folder)
        self.processes.append(process)
        line = process.stdout.readline()
        self.assertIn("simulated gateway", line, process.stderr.read() if not line else "")
        return int(line.split(",")[0].rsplit(":", 1)[1])

    def listener(self, answer):
        """A port where `answer(connection)` happens to whoever connects."""
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        self.listeners.append(server)

        def serve():
            kept = []
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    def free_port(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]

    def url(self):
        return f"sqlite:///{self.folder}/possync.db"

    def write_config(self, port, text=""):
        self.config.write_text(f'[database]\nurl = "{self.url()}"\n[[gateway]]\nname = "paper"\nport = {port}\n{text}')

    def checks(self, status=0):
        """doctor --json as {check: (state, text)}"""
        said = json.loads(self.run_it("doctor", "--config", self.config, "--json", status=status).stdout)
        self.assertEqual(said["success"], status == 0)
        return {each["check"]: (each["state"], each["text"]) for each in said["checks"]}


class Setup(Case):
    def test_finds_shows_and_writes(self):
        port = self.simulator()
        done = self.run_it("setup", "--port", port, "--yes", says=["paper account: DU1000001", "5 positions at the broker, 5 opened",
                                                                   "net liquidation at the broker: USD ", "Read-Only API is on",
                                                                   "import-flex", "possync run --config"])
        self.assertNotIn("BAD", done.stdout)
        self.assertFalse((self.folder / "possync.db").exists(), "setup wrote more than the configuration")
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()), ["possync.toml"])
        # What it wrote is what the first sync goes by, from wherever it is started.
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        synced = subprocess.run([possync, "sync", "--json", "--config", self.config], capture_output=True, text=True, cwd=elsewhere)
        self.assertEqual(json.loads(synced.stdout)["results"][0]["positions_created"], 5, synced.stderr)
        self.assertTrue((self.folder / "possync.db").exists())
        effective = self.run_it("config", "--config", self.config).stdout
        for line in ['name = "paper"', f"port = {port}", 'expect = "paper"']:
            self.assertIn(line, effective)

    def test_never_overwrites_without_force(self):
        self.config.write_text("# mine\n")
        port = self.simulator()
        done = self.run_it("setup", "--port", port, "--yes", status=2, says="--force replaces it")
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(self.config.read_text(), "# mine\n")
        self.run_it("setup", "--port", port, "--yes", "--force")
        self.assertIn(f"port = {port}", self.config.read_text())

    def test_writes_nothing_where_nobody_agrees(self):
        self.run_it("setup", "--port", self.simulator(), status=2, says="say --yes")
        self.assertFalse(self.config.exists())

    def at_a_terminal(self, answer, *words):
        parent, child = pty.openpty()
        process = subprocess.Popen([possync, *map(str, words)], stdin=child, stdout=child, stderr=child, cwd=self.folder)
        os.close(child)
        said = b""
        answered = False
        until = time.monotonic() + 40
        while time.monotonic() < until:
            try:
                more = os.read(parent, 65536)
            except OSError:  # the other end has gone
                break
            said += more
            if not answered and (b"[Y/n]" in said or b"which port?" in said):
                os.write(parent, answer)
                answered = True
        os.close(parent)
        return process.wait(10), said.decode()

    def test_asks_on_a_terminal(self):
        port = self.simulator()
        status, said = self.at_a_terminal(b"n\n", "setup", "--port", port)
        self.assertEqual(status, 0, said)
        self.assertIn("nothing was written", said)
        self.assertFalse(self.config.exists())
        status, said = self.at_a_terminal(b"y\n", "setup", "--port", port)
        self.assertEqual(status, 0, said)
        self.assertTrue(self.config.exists(), said)

    def test_several_gateways_given(self):
        paper, live = self.simulator(), self.live_simulator()
        self.run_it("setup", "--port", paper, "--port", live, "--yes", says=["gateway paper:", "gateway live:"])
        effective = self.run_it("config", "--config", self.config).stdout
        self.assertEqual(effective.count("[[gateway]]"), 2)
        self.assertIn('expect = "live"', effective)

    def test_tells_silent_from_absent_from_taken(self):
        absent = self.free_port()
        self.run_it("setup", "--port", absent, "--yes", status=1, says=[f"nothing listens on 127.0.0.1: {absent}", "nothing answers"])
        silent = self.listener(lambda connection: None)
        self.run_it("setup", "--port", silent, "--yes", status=1, says=["nobody shakes hands", "trusted IPs"])
        refusing = self.listener(lambda connection: connection.close())
        self.run_it("setup", "--port", refusing, "--yes", status=1, says=["nobody shakes hands", "trusted"])
        other = self.listener(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.run_it("setup", "--port", other, "--yes", status=1)
        self.assertFalse(self.config.exists())
        port = self.simulator()
        self.write_config(port, "client_id = 5\n[http]\nlisten = \"\"\n")
        service = subprocess.Popen([possync, "run", "--config", self.config], stderr=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(service)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if subprocess.run([possync, "positions", "--csv", "--config", self.config], capture_output=True, text=True).stdout.count("\n") == 6:
                break
            time.sleep(0.1)
        self.run_it("setup", "--port", port, "--client-id", 5, "--config", "other.toml", "--yes", status=1, says=["client id 5", "set another client_id"])
        self.run_it("setup", "--port", port, "--client-id", 6, "--config", "other.toml", "--yes", says="left out")

    def test_bad_words(self):
        for words, says in [(["--port", "0"], "--port"), (["--port", "70000"], "--port"), (["--client-id", "-1"], "--client-id"), (["--nonsense"], "--nonsense")]:
            with self.subTest(words):
                self.run_it("setup", *words, status=2, says=says)
        port = self.simulator()
        self.run_it("setup", "--port", port, "--yes", "--config", self.folder / "not/there.toml", status=2, says="make it first")
        self.run_it("setup", "--port", port, "--yes", "--database", "mysql://ann:canary@host/db", status=2, says="sqlite:///")
        self.run_it("setup", "--port", port, "--yes", "--time-zone", "Mars/Olympus", status=2, says="is not a time zone")
        self.run_it("setup", "--host", "no-such-host.invalid", "--port", port, "--yes", status=1, says="no-such-host.invalid")
        self.assertFalse(self.config.exists())


class Rebind(Case):
    def test_another_login_is_refused_until_it_is_meant(self):
        self.write_config(self.simulator())
        self.run_it("sync", "--config", self.config)
        self.write_config(self.live_simulator())
        self.run_it("sync", "--config", self.config, status=1, says="setup --rebind")
        before = self.run_it("positions", "--csv", "--config", self.config).stdout
        self.assertEqual(self.checks(status=1)["identity"][0], "bad")
        self.run_it("setup", "--rebind", "paper", "--config", self.config, status=2, says="say --yes")
        self.run_it("sync", "--config", self.config, status=1)
        self.run_it("setup", "--rebind", "paper", "--yes", "--config", self.config, says=["knows it as paper", "U7654321 is new", "DU1000001 is no longer served"])
        self.run_it("sync", "--config", self.config)
        after = self.run_it("positions", "--csv", "--config", self.config).stdout
        for line in before.splitlines():
            self.assertIn(line, after, "the book of the other account changed")
        self.assertIn("U7654321", after)
        self.run_it("setup", "--rebind", "paper", "--yes", "--config", self.config, says="nothing has to be changed")
        self.run_it("setup", "--rebind", "other", "--yes", "--config", self.config, status=2, says="has no gateway other; it has paper")

    def test_an_account_goes_to_another_gateway(self):
        port = self.simulator()
        self.write_config(port)
        self.run_it("sync", "--config", self.config)
        self.config.write_text(self.config.read_text().replace('name = "paper"', 'name = "second"'))
        self.run_it("sync", "--config", self.config, status=1)
        self.run_it("setup", "--rebind", "second", "--yes", "--config", self.config, says="DU1000001 goes from gateway paper to second")
        self.run_it("sync", "--config", self.config)
        self.assertIn("second", self.run_it("accounts", "--csv", "--config", self.config).stdout)

    def test_not_while_a_service_serves(self):
        self.write_config(self.simulator(), '[http]\nlisten = ""\n')
        service = subprocess.Popen([possync, "run", "--config", self.config], stderr=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(service)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if "DU1000001" in subprocess.run([possync, "accounts", "--csv", "--config", self.config], capture_output=True, text=True).stdout:
                break
            time.sleep(0.1)
        other = self.folder / "other.toml"
        other.write_text(self.config.read_text().replace(self.config.read_text().split("port = ")[1].split("\n")[0], str(self.live_simulator())))
        self.run_it("setup", "--rebind", "paper", "--yes", "--config", other, status=1, says="stop that service first")


@unittest.skipUnless("POSSYNC_TEST_POSTGRES" in os.environ, "no server")
class RebindPostgres(Rebind):
    """The same with a schema of its own on the server whose URL is in the file $POSSYNC_TEST_POSTGRES."""

    def setUp(self):
        super().setUp()
        self.server = pathlib.Path(os.environ["POSSYNC_TEST_POSTGRES"]).read_text().strip()
        self.schema = f"rebind_{os.getpid()}_{self._testMethodName}"[:60]

    def tearDown(self):
        super().tearDown()
        import psycopg2

        connection = psycopg2.connect(self.server)
        connection.autocommit = True
        connection.cursor().execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        connection.close()

    def url(self):
        return f"{self.server}{'&' if '?' in self.server else '?'}schema={self.schema}"


class Doctor(Case):
    def test_all_is_well(self):
        self.write_config(self.simulator(), 'expect = "paper"\n')
        checks = self.checks()
        for name in ["configuration", "database", "folder", "disk", "gateway paper", "expect", "read-only", "clock", "time zone", "report zone"]:
            self.assertEqual(checks[name][0], "ok", (name, checks.get(name)))
        self.assertIn("does not exist yet", checks["database"][1])
        self.assertFalse((self.folder / "possync.db").exists(), "looking made a database")
        self.run_it("sync", "--config", self.config)
        checks = self.checks()
        self.assertIn("schema", checks["database"][1])
        self.assertEqual(checks["file mode"][0], "ok")

    def test_each_thing_that_can_be_wrong(self):
        port = self.simulator()
        token = self.folder / "token"
        token.write_text("secret-canary")
        token.chmod(0o644)
        self.write_config(port, f'expect = "live"\naccounts = ["DU9"]\n[http]\ntoken_file = "{token}"\n')
        checks = self.checks(status=1)
        self.assertIn("expected live", checks["expect"][1])
        self.assertIn("DU9", checks["accounts"][1])
        self.assertIn("chmod 600", checks["http.token_file"][1])
        self.assertNotIn("canary", str(checks))
        self.write_config(port, f'[http]\nlisten = "0.0.0.0:8321"\n')
        self.run_it("doctor", "--config", self.config, status=2, says="set http.token_file")
        self.write_config(port, f'[flex]\ntoken_file = "{self.folder}/none"\n')
        self.assertEqual(self.checks(status=1)["flex.token_file"][0], "bad")
        self.write_config(self.free_port())
        self.assertIn("nothing answers", self.checks(status=1)["gateway paper"][1])
        (self.folder / "possync.db").write_text("not a database, but long enough to be looked at as if it were one " * 50)
        self.write_config(port)
        self.assertEqual(self.checks(status=1)["database"][0], "bad")

    def test_an_old_gateway_and_an_ambiguous_zone(self):
        self.write_config(self.simulator("--server-version", "176", "--zone-text", "Central European Standard Time"))
        checks = self.checks(status=1)
        self.assertIn("cannot be found out without sending an order", checks["settings"][1])
        self.assertIn("set time_zone", checks["time zone"][1])
        self.write_config(self.simulator("--server-version", "176", "--zone-text", "Central European Standard Time"), 'time_zone = "Europe/Berlin"\n')
        self.assertEqual(self.checks()["time zone"][0], "ok")

    def test_a_database_others_can_read(self):
        self.write_config(self.simulator())
        self.run_it("sync", "--config", self.config)
        database = self.folder / "possync.db"
        self.assertEqual(stat.S_IMODE(database.stat().st_mode), 0o600)
        database.chmod(0o644)
        self.assertIn("chmod 600", self.checks(status=1)["file mode"][1])

    def test_beside_a_running_service(self):
        self.write_config(self.simulator(), '[http]\nlisten = ""\n')
        service = subprocess.Popen([possync, "run", "--config", self.config], stderr=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(service)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if subprocess.run([possync, "positions", "--csv", "--config", self.config], capture_output=True, text=True).stdout.count("\n") == 6:
                break
            time.sleep(0.1)
        state, text = self.checks()["gateway paper"]
        self.assertEqual(state, "ok", text)
        self.assertIn("served by", text)
        self.assertIn("connected, server version", text)
        self.assertIsNone(service.poll())

    def test_lines_for_people(self):
        self.write_config(self.free_port())
        done = self.run_it("doctor", "--config", self.config, status=1, says="see the lines marked BAD")
        self.assertTrue(all(line[:4].strip() in ("ok", "note", "BAD", "see") for line in done.stdout.splitlines()), done.stdout)


if __name__ == "__main__":
    unittest.main()
