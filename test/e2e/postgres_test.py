#!/usr/bin/env python3
"""The program on PostgreSQL, as its users run it: every command, a service that is killed, a server that loses its power.

usage: postgres_test.py POSSYNC SERVER_PY [--kills N] [--power-cuts N]
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from service_log import committed_revision

possync, server_py = sys.argv.pop(1), sys.argv.pop(1)


def option(name, default):
    if name not in sys.argv:
        return default
    at = sys.argv.index(name)
    value = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


kills, power_cuts = option("--kills", 9), option("--power-cuts", 3)
random.seed(1)


def server(verb, folder, *more):
    subprocess.run([sys.executable, server_py, verb, folder, *more], check=True, stdout=subprocess.DEVNULL)


class Postgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.server = cls.folder / "server"
        server("start", cls.server, "--durable", "--tls")
        cls.url = (cls.server / "url").read_text().strip()
        cls.gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "30ms", "--seed", "3"], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        cls.drain = subprocess.Popen(["cat"], stdin=cls.gateway.stdout, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.kill()
        cls.gateway.wait()
        cls.drain.wait()
        server("stop", cls.server)
        cls.temporary.cleanup()

    def configure(self, schema, text="", url=None):
        path = self.folder / f"{schema}.toml"
        path.write_text(f'[database]\nurl = "{url or self.url}?schema={schema}"\n[[gateway]]\nname = "sim"\nport = {self.port}\n'
                        f'[http]\nlisten = ""\n[log]\nformat = "json"\n{text}')
        return path

    def run_it(self, config, *words, status=0, says=None):
        done = subprocess.run([possync, *words, "--config", config], capture_output=True, text=True, timeout=120, cwd=self.folder)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        if says:
            self.assertIn(says, done.stdout + done.stderr)
        return done.stdout

    def sql(self, text, schema):
        done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c", f"SET search_path = {schema}", "-c", text],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split("\n", 1)[1].strip()

    def test_commands(self):
        config = self.configure("commands")
        self.run_it(config, "positions", status=1, says="holds no book yet")
        self.run_it(config, "diff", status=3)
        self.run_it(config, "sync", "--dry-run")
        self.run_it(config, "positions", status=1, says="holds no book yet")  # looking made nothing
        self.run_it(config, "migrate", says="schema 0 -> ")
        self.run_it(config, "migrate", says="the newest")
        self.run_it(config, "sync")
        positions = json.loads(self.run_it(config, "positions", "--json"))
        self.assertGreater(len(positions), 5)
        self.assertEqual(int(self.sql("SELECT count(*) FROM positions", "commands")), len(positions))
        # Sorted as numbers, filtered as on SQLite.
        values = [float(row["quantity"]) for row in json.loads(self.run_it(config, "positions", "--sort", "quantity", "--json"))]
        self.assertEqual(values, sorted(values))
        symbol = positions[0]["symbol"]
        for row in json.loads(self.run_it(config, "positions", "--symbol", symbol.lower(), "--json")):
            self.assertEqual(row["symbol"], symbol)
        self.run_it(config, "positions", "--account", "DU9", status=1, says="unknown account")
        for command in ["closes", "lots", "executions", "events", "breaks", "runs", "accounts", "instruments"]:
            rows = json.loads(self.run_it(config, "export", command, "--json"))
            self.assertIsInstance(rows, list)
        self.run_it(config, "positions", "--at", "now")
        self.run_it(config, "pnl")
        self.run_it(config, "pnl", "--method", "fifo")
        self.run_it(config, "status", says="total_syncs")
        self.run_it(config, "doctor", says="PostgreSQL")
        self.run_it(config, "verify", says="follow from their facts")
        execution = json.loads(self.run_it(config, "executions", "--json"))[0]["exec_id"]
        self.run_it(config, "exclude", execution, says="written")
        self.run_it(config, "verify", says="follow from their facts")
        # A change by hand is found.
        self.sql("UPDATE position SET quantity = quantity + 7 WHERE position_id = (SELECT min(position_id) FROM position WHERE quantity <> 0)",
                 "commands")
        self.run_it(config, "verify", status=3)

    def test_an_import(self):
        config = self.configure("imported")
        self.run_it(config, "sync")
        account = json.loads(self.run_it(config, "status", "--json"))["accounts"][0]["account"]
        statement = self.folder / "statement.xml"
        statement.write_text(
            '<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1">'
            f'<FlexStatement accountId="{account}" fromDate="20261120" toDate="20261120" period="LastBusinessDay" '
            'whenGenerated="20261121;050000"><CashTransactions><CashTransaction '
            f'accountId="{account}" currency="USD" fxRateToBase="1" symbol="" description="interest" dateTime="20261120" settleDate="20261120" '
            'amount="12.5" type="Broker Interest Received" transactionID="77" reportDate="20261120" /></CashTransactions>'
            '</FlexStatement></FlexStatements></FlexQueryResponse>')
        self.run_it(config, "import-flex", str(statement))
        self.run_it(config, "import-flex", str(statement))  # again changes nothing
        self.assertEqual(self.sql("SELECT count(*), sum(amount) FROM cash_transactions", "imported"), "1|12.5")

    def test_errors_are_one_line_without_the_password(self):
        away = self.configure("away", url="postgresql://ann:geheim@127.0.0.1:1/books")
        missing = self.configure("missing", url=self.url.rsplit("/", 1)[0] + "/no_such_database")
        stranger = self.configure("stranger", url=self.url.replace("tester", "stranger:geheim"))
        for config, says in [(away, "cannot be reached"), (missing, "createdb"), (stranger, "createuser")]:
            for command in ["positions", "sync", "migrate", "status", "verify"]:
                done = subprocess.run([possync, command, "--config", config], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertIn(says, done.stderr)
                self.assertNotIn("geheim", done.stdout + done.stderr)

    def test_tls(self):
        port = self.url.rsplit(":", 1)[1].split("/")[0]

        def secured(schema, options, host="localhost", password="geheim"):
            url = f"postgresql://secured@{host}:{port}/postgres?{options}&schema={schema}"
            path = self.folder / f"{schema}.toml"
            path.write_text(f'[database]\nurl = "{url}"\npassword = "{password}"\n[[gateway]]\nname = "sim"\nport = {self.port}\n[http]\nlisten = ""\n')
            return path

        good = secured("tls", f"sslmode=verify-full&sslrootcert={self.server}/ca.crt")
        self.run_it(good, "sync")
        self.assertGreater(len(json.loads(self.run_it(good, "positions", "--json"))), 5)
        self.run_it(good, "verify", says="follow from their facts")
        self.run_it(secured("tls", "sslmode=require"), "positions")
        self.run_it(secured("tls", f"sslmode=verify-ca&sslrootcert={self.server}/ca.crt", host="127.0.0.1"), "positions")
        for options, host, password, says in [
                (f"sslmode=verify-full&sslrootcert={self.server}/ca.crt", "127.0.0.1", "geheim", "sslrootcert"),  # another name than the certificate's
                (f"sslmode=verify-full&sslrootcert={self.server}/other_ca.crt", "localhost", "geheim", "sslrootcert"),
                ("sslmode=disable", "127.0.0.1", "geheim", "pg_hba.conf"),
                ("sslmode=require", "localhost", "falsch", "check user and password")]:
            for command in ["positions", "sync"]:
                done = subprocess.run([possync, command, "--config", secured("tls", options, host, password)], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, (options, done.stdout, done.stderr))
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertIn(says, done.stderr)
                self.assertNotIn(password, done.stdout + done.stderr)

    def test_what_is_not_ours_stays(self):
        config = self.configure("theirs")
        self.sql("CREATE SCHEMA theirs; CREATE TABLE theirs.position (x integer)", "public")
        self.run_it(config, "sync", status=1, says="another program")
        self.run_it(config, "migrate", status=1, says="another program")
        self.assertEqual(self.sql("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'theirs'", "public"), "1")
        newer = self.configure("newer")
        self.run_it(newer, "migrate")
        self.sql("UPDATE database_info SET value = '999'", "newer")
        for command in ["positions", "sync", "migrate"]:
            self.run_it(newer, command, status=1, says="newer program")

    def converges(self, config, schema, acknowledged):
        self.assertGreaterEqual(int(self.sql("SELECT coalesce(max(revision), 0) FROM account", schema)), acknowledged)
        self.run_it(config, "verify", says="follow from their facts")

    def test_a_killed_service_loses_nothing(self):
        config = self.configure("killed")
        acknowledged = 0
        for kill in range(kills):
            log = self.folder / f"killed{kill}.log"
            with open(log, "w") as stderr:
                service = subprocess.Popen([possync, "run", "--config", config], stderr=stderr)
                # At any moment of its start, or while it commits.
                until = time.monotonic() + (random.uniform(0.0, 1.0) if kill % 3 == 0 else 30)
                while time.monotonic() < until and committed_revision(log) <= acknowledged:
                    time.sleep(0.02)
                time.sleep(random.uniform(0.0, 0.3))
                service.send_signal(signal.SIGKILL)
                service.wait()
            acknowledged = max(acknowledged, committed_revision(log))
            if acknowledged:
                self.assertGreaterEqual(int(self.sql("SELECT coalesce(max(revision), 0) FROM account", "killed")), acknowledged)
        self.run_it(config, "sync")
        self.converges(config, "killed", acknowledged)
        self.assertGreater(acknowledged, 0, log.read_text()[-2000:])

    def test_a_server_without_power_loses_nothing(self):
        config = self.configure("power")
        log = self.folder / "power.log"
        with open(log, "w") as stderr:
            service = subprocess.Popen([possync, "run", "--config", config], stderr=stderr)
            try:
                for cut in range(power_cuts):
                    before = committed_revision(log)
                    for _ in range(300):  # commits are under way again
                        time.sleep(0.1)
                        if committed_revision(log) > before + 2:
                            break
                    else:
                        self.fail("no commit after a power cut: " + log.read_text()[-2000:])
                    server("kill", self.server)
                    acknowledged = committed_revision(log)
                    server("resume", self.server)
                    self.assertGreaterEqual(int(self.sql("SELECT coalesce(max(revision), 0) FROM account", "power")), acknowledged)
            finally:
                service.terminate()
                service.wait()
        self.run_it(config, "sync")
        self.converges(config, "power", committed_revision(log))


if __name__ == "__main__":
    unittest.main()
