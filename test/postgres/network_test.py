#!/usr/bin/env python3
"""What stands between the program and its server: pgbouncer in both pool modes, and a standby that takes over.

usage: network_test.py POSSYNC SOURCE_FOLDER
"""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

possync, source = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(source / "test/e2e"))
from service_log import committed_revision  # noqa: E402


def server(verb, folder, *more):
    subprocess.run([sys.executable, source / "test/postgres/server.py", verb, folder, *more], check=True, stdout=subprocess.DEVNULL)


def sql(url, schema, text):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", f"SET search_path = {schema}", "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n", 1)[1].strip()


class Network(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="possync-network-"))
        self.folder.chmod(0o755)
        self.server = self.folder / "server"
        server("start", self.server, "--durable")
        self.url = (self.server / "url").read_text().strip()
        self.gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "50ms", "--seed", "3"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        self.drain = subprocess.Popen(["cat"], stdin=self.gateway.stdout, stdout=subprocess.DEVNULL)
        self.processes = [self.gateway]

    def tearDown(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.drain.wait()
        server("stop", self.server)
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, url):
        path = self.folder / "possync.toml"
        path.write_text(f'[database]\nurl = "{url}"\n[[gateway]]\nname = "sim"\nport = {self.port}\n[http]\nlisten = ""\n[log]\nformat = "json"\n')
        return path

    def run_it(self, config, *words):
        done = subprocess.run([possync, *words, "--config", config], capture_output=True, text=True, timeout=120, cwd=self.folder)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def service(self, config, name):
        log = self.folder / f"{name}.log"
        with open(log, "w") as stderr:
            process = subprocess.Popen([possync, "run", "--config", config], stderr=stderr)
        self.processes.append(process)
        return process, log

    def wait_for(self, what, condition, log, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"{what}: {log.read_text()[-3000:]}")

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=30), 0)

    def pgbouncer(self, mode):
        """A pooler before the server; returns (process, URL through it)."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        place = self.url.split("@")[1].split("/")[0]
        host, server_port = place.split(":")
        ini = self.folder / f"{mode}.ini"
        # Two sessions of the server for whoever comes: they change hands all the time.
        ini.write_text(f"[databases]\npostgres = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
                       f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {2 if mode == 'transaction' else 20}\n"
                       f"max_client_conn = 200\nlogfile = {self.folder}/{mode}.log\n")
        (self.folder / f"{mode}.log").touch()
        (self.folder / f"{mode}.log").chmod(0o666)
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        options = {}
        if os.getuid() == 0:
            who = pwd.getpwnam("postgres")
            options = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
            ini.write_text(ini.read_text().replace("postgres = host", "postgres = user=tester host"))
        process = subprocess.Popen([program, ini], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **options)
        self.processes.append(process)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        return process, f"postgresql://tester@127.0.0.1:{port}/postgres"

    def through_a_pooler(self, mode):
        schema = f"pool_{mode}"
        pooler, url = self.pgbouncer(mode)
        config = self.configure(f"{url}?schema={schema}")
        self.run_it(config, "migrate")
        first, first_log = self.service(config, f"{mode}1")
        self.wait_for("no commit through the pooler", lambda: committed_revision(first_log) > 5, first_log)
        # A standby beside it, commands of all kinds, and somebody else's sessions through the same pool.
        second, second_log = self.service(config, f"{mode}2")
        for _ in range(20):
            self.run_it(config, "positions", "--json")
            self.run_it(config, "status", "--json")
            self.assertNotIn(schema, sql(url, "public", "SELECT current_setting('search_path')"))
        self.run_it(config, "sync")
        self.run_it(config, "verify")
        before = committed_revision(first_log)
        pooler.kill()  # as when its host goes: the connections of both sides break
        pooler.wait()
        self.assertGreaterEqual(int(sql(self.url, schema, "SELECT max(revision) FROM account")), before)
        # Its successor is somewhere else; the configuration names it.
        first.kill()
        first.wait()
        second.kill()
        second.wait()
        _, url = self.pgbouncer(mode)
        config = self.configure(f"{url}?schema={schema}")
        third, third_log = self.service(config, f"{mode}3")
        self.wait_for("no commit through the new pooler", lambda: committed_revision(third_log) > before, third_log)
        self.end(third)
        self.run_it(config, "verify")
        for account, revision in [line.split("|") for line in sql(self.url, schema, "SELECT account_id, revision FROM account").splitlines()]:
            self.assertEqual(sql(self.url, schema, f"SELECT count(*) FROM outbox WHERE account_id = {account}"), revision)

    def test_pgbouncer_session(self):
        self.through_a_pooler("session")

    def test_pgbouncer_transaction(self):
        self.through_a_pooler("transaction")

    def test_a_standby_takes_over(self):
        standby = self.folder / "standby"
        server("standby", standby, self.server)
        try:
            other = (standby / "url").read_text().strip()
            places = ",".join(url.split("@")[1].split("/")[0] for url in (self.url, other))
            config = self.configure(f"postgresql://tester@{places}/postgres?target_session_attrs=read-write&schema=failover")
            self.run_it(config, "migrate")
            process, log = self.service(config, "failover")
            self.wait_for("no commit", lambda: committed_revision(log) > 5, log)
            # The host that writes is gone in the middle of commits, and the standby becomes the one that does.
            server("kill", self.server)
            acknowledged = committed_revision(log)
            begun = time.monotonic()
            server("promote", standby)
            subprocess.run(["psql", "-X", "-q", other, "-c", "ALTER SYSTEM RESET synchronous_standby_names", "-c", "SELECT pg_reload_conf()"], check=True,
                           stdout=subprocess.DEVNULL)
            self.wait_for("no commit after the failover", lambda: committed_revision(log) > acknowledged, log)
            print(f"commits again {time.monotonic() - begun:.1f} s after the failover, {acknowledged} revisions before it", flush=True)
            self.end(process)
            self.assertGreaterEqual(int(sql(other, "failover", "SELECT max(revision) FROM account")), acknowledged)
            self.run_it(config, "verify")
        finally:
            server("stop", standby)


if __name__ == "__main__":
    unittest.main()
