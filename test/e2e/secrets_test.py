#!/usr/bin/env python3
"""Canaries: a secret that nobody else can have stands in every place where one can be configured; then everything runs, also what fails,
and no byte that the program left or said holds one of them. Files that it makes are for their owner alone.

usage: secrets_test.py POSSYNC

A secret that is added to the configuration must be added to SECRETS here: test_every_secret_is_known fails otherwise.
"""
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from processes import end

possync = sys.argv.pop(1)

# Keys of the configuration that `possync config` masks, with a canary for the file, the environment and the file that a *_FILE names.
SECRETS = {
    "database.password": dict(toml="canaryPasswordToml1A@:/+%z", environment="canaryPasswordEnv2B@:/+%z", file="canaryPasswordFile3C@:/+%z"),
    "flex.token": dict(toml="canaryFlexToml7Q/+x%y", environment="canaryFlexEnv8R/+x%y", file="canaryFlexFile9S/+x%y"),
}
# Of an [[alert]], which has no environment.
ALERT_SECRETS = {
    "alert.url": dict(toml="canaryAlertUrlToml1", file="canaryAlertUrlFile2"),
    "alert.topic": dict(toml="canaryAlertTopicToml3", file="canaryAlertTopicFile4"),
    "alert.token": dict(toml="canaryAlertTokenToml5", file="canaryAlertTokenFile6"),
}
HTTP_TOKEN = "canaryHttp6F-0123456789-0123456789-abcdef"  # it comes from a file only
CANARIES = [HTTP_TOKEN] + [value for places in [*SECRETS.values(), *ALERT_SECRETS.values()] for value in places.values()]


def forms(canary):
    """As it stands, as it goes into a URL, and the part of it that no encoding changes."""
    return {canary, urllib.parse.quote(canary, safe=""), urllib.parse.quote(canary), re.match(r"\w+", canary).group()}


NUMBER = "2718281828459045235360287"  # as real Flex tokens are
IN_URL = ["canaryInUrl4D", "canaryInQuery5E"]
CANARIES += [NUMBER, *IN_URL]
NEEDLES = sorted({form.encode() for canary in CANARIES for form in forms(canary)})

SCENARIO = """account U1234567
instrument AAPL STK USD
hold AAPL 100 @ 200
fill AAPL buy 10 @ 201 commission 1
start
"""


class Secrets(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        root = pathlib.Path(self.temporary.name)
        self.inputs = root / "inputs"  # what the operator wrote: the one place where the canaries may be
        self.folder = root / "work"  # everything else
        self.inputs.mkdir()
        self.folder.mkdir()
        self.said = []  # (what was run, what it said)
        self.processes = []
        self.addCleanup(lambda: end(*self.processes))
        server = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "flex_server.py", self.inputs], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.processes.append(server)
        self.flex_port = int(server.stdout.readline())
        scenario = self.inputs / "day.scn"
        scenario.write_text(SCENARIO)
        self.gateway = self.start("simulate", "--port", "0", "--scenario", scenario)
        self.gateway_port = int(self.gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])

    # --- running ---------------------------------------------------------------------------------------------------

    def environment(self, **more):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("POSSYNC_")}
        return {**clean, "TMPDIR": str(self.folder), **more}

    def start(self, *words, environment=None, prepare=None):
        # A log file for stderr, so that a talkative process never stands still.
        log = self.folder / f"log{len(self.processes)}"
        with open(log, "w") as stderr:
            process = subprocess.Popen([possync, *map(str, words)], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=self.folder,
                                       env=environment or self.environment(), preexec_fn=prepare)
        self.processes.append(process)
        process.log = log
        return process

    def run_it(self, *words, status=None, environment=None):
        done = subprocess.run([possync, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=self.folder,
                              env=environment or self.environment())
        self.said.append((words, done.stdout + done.stderr))
        if status is not None:
            self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done

    def config(self, name="possync.toml", *, secrets="toml", text="", queries=(), database="book.db", gateway=None, sync="", http=""):
        """A configuration with a canary in every secret: written in it, in files that it names, or nowhere."""
        lines = {"database": [f'url = "sqlite:///{self.folder}/{database}"'], "flex": [f'base_url = "https://127.0.0.1:{self.flex_port}/flex"', f'ca_file = "{self.inputs}/cert.pem"']}
        for key, places in SECRETS.items():
            section, word = key.split(".")
            lines.setdefault(section, [])
            if secrets == "toml":
                lines[section].append(f'{word} = "{places["toml"]}"')
            if secrets == "file":
                lines[section].append(f'{word}_file = "{self.secret_file(key)}"')
        alert = []
        if secrets in ("toml", "file"):
            alert = ['type = "ntfy"', 'name = "phone"']
            for key, places in ALERT_SECRETS.items():
                value = ("http://127.0.0.1:1/" if key == "alert.url" else "") + places[secrets]
                word = key.split(".")[1]
                alert.append(f'{word} = "{value}"' if secrets == "toml" else f'{word}_file = "{self.file_of(key, value)}"')
        token = self.inputs / "http_token"
        token.write_text(HTTP_TOKEN + "\n")
        token.chmod(0o600)
        lines["http"] = [f'listen = "{http}"', f'token_file = "{token}"']
        path = self.inputs / name
        path.write_text(f'[[gateway]]\nname = "sim"\nport = {gateway or self.gateway_port}\n'
                        f'recording = "{self.folder}/{name}.rec"\n[log]\nlevel = "debug"\nformat = "json"\n[sync]\n{sync}\n'
                        + "".join(f"[{section}]\n" + "\n".join(words) + "\n" for section, words in lines.items())
                        + "".join(f'[[flex.query]]\nid = "{query}"\naccount = "U1234567"\n' for query in queries)
                        + ("[[alert]]\n" + "\n".join(alert) + "\n" if alert else "") + text)
        return path

    def secret_file(self, key, mode=0o600):
        return self.file_of(key, SECRETS[key]["file"], mode)

    def file_of(self, key, secret, mode=0o600):
        path = self.inputs / key
        path.write_text(secret + "\n")
        path.chmod(mode)
        return path

    def from_environment(self, form):
        name = lambda key: "POSSYNC_" + key.upper().replace(".", "_")
        if form == "environment":
            return self.environment(**{name(key): places["environment"] for key, places in SECRETS.items()})
        return self.environment(**{name(key) + "_FILE": str(self.secret_file(key)) for key in SECRETS})

    def wait_for(self, log, words, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if words in log.read_text(errors="replace"):
                return
            time.sleep(0.1)
        self.fail(f"'{words}' never came:\n{log.read_text(errors='replace')}")

    # --- looking ---------------------------------------------------------------------------------------------------

    def search(self):
        """Every byte that was left or said."""
        looked_at = 0
        for words, text in self.said:
            for needle in NEEDLES:
                self.assertNotIn(needle, text.encode(), words)
        for path in self.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                looked_at += len(content)
                for needle in NEEDLES:
                    self.assertNotIn(needle, content, path)
        return looked_at

    def stop(self, process, how=signal.SIGTERM):
        process.send_signal(how)
        out, _ = process.communicate(timeout=30)
        self.said.append((process.args, out))
        return process.returncode

    # --- tests -----------------------------------------------------------------------------------------------------

    def test_the_search_finds_what_is_there(self):
        (self.folder / "left").write_bytes(b"\0\0" + CANARIES[0].encode() + b"\0")
        with self.assertRaises(AssertionError):
            self.search()
        (self.folder / "left").unlink()
        self.said.append((("said",), "t=" + urllib.parse.quote(CANARIES[0], safe="")))
        with self.assertRaises(AssertionError):
            self.search()

    def test_every_secret_is_known(self):
        printed = self.run_it("config", "--config", self.config(), status=0).stdout
        section, masked = "", set()
        for line in printed.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif "***" in line:
                masked.add(f"{section}.{line.split(' = ')[0]}")
        self.assertEqual(masked, set(SECRETS) | set(ALERT_SECRETS))
        self.search()

    def test_alerts_that_nobody_takes(self):
        for secrets in ("toml", "file"):
            said = self.run_it("alert", "test", "--config", self.config(secrets=secrets), status=1).stdout
            self.assertIn("phone: Couldn't connect to server", said)
        for bad in ("ftp://CANARY", "http://CANARY.example", "https://me@CANARY", "https://x/CANARY y"):
            path = self.config(secrets="none", text=f'\n[[alert]]\nname = "hook"\nurl = "{bad.replace("CANARY", ALERT_SECRETS["alert.url"]["toml"])}"\n')
            self.assertIn("the url must begin with https://", self.run_it("config", "--config", path, status=2).stderr)
        self.search()

    def test_wrong_configurations(self):
        for number, (text, words) in enumerate([
            ("\n[nonsense]\n", "nonsense"),
            ("\n[[account]]\n", "account.code"),
            # The secret itself is what cannot be read.
            ('\n[flex]\ntoken = CANARY\n', ""), ('\n[flex]\ntoken = "CANARY\n', ""), ("\n[flex]\ntoken = 'CANARY\n", ""),
            ('\n[flex]\ntoken = ["CANARY"]\n', ""), ('\n[flex]\ntoken = "\\CANARY"\n', ""), ('\n[flex]\ntoken "CANARY"\n', ""),
            ('\n[flex]\ntoken = "CANARY" "CANARY"\n', ""), ('\n[flex]\ntoken = {CANARY}\n', ""), ('\n[flex]\ntokn = "CANARY"\n', "unknown key flex.tokn"),
            ('\n[flex]\ntoken = "a"\nbase_url = "http://CANARY@x"\n', "flex.base_url"),
            ('\n[flex]\ntoken = "a"\nbase_url = "https://user:CANARY@x/y"\n', "flex.base_url"),
            ('\n[flex]\ntoken = 0xCANARY\n', ""), ('\n[flex]\ntoken = 2026-CANARY\n', ""), ('\n[flex]\ntoken = 1CANARY\n', ""),
            (f"\n[flex]\ntoken = {NUMBER}\n", "without quotes"), (f"\n[flex]\ntoken = {NUMBER}.0e999\n", ""), (f"\n[flex]\ntoken = 0x{NUMBER}\n", ""),
            ('\n[flex]\ntoken = tCANARY\n', ""), ('\n[flex]\ntoken = +CANARY\n', ""), ('\n[flex]\ntoken = """CANARY\n', ""),
        ]):
            with self.subTest(text):
                path = self.inputs / f"wrong{number}.toml"
                canary = SECRETS["flex.token"]["toml"]
                path.write_text(text.replace("CANARY", canary) if "CANARY" in text or NUMBER in text else self.config().read_text() + text)
                for command in ("config", "doctor", "run"):
                    done = self.run_it(command, "--config", path, status=2)
                    self.assertIn(words, done.stderr)
        for form in ("environment", "file"):
            environment = self.from_environment(form)
            environment["POSSYNC_SYNC_INTERVAL"] = "3s"
            self.run_it("config", "--config", self.config(secrets="none"), status=2, environment=environment)
        self.search()

    def test_every_command(self):
        for form in ("toml", "file", "environment", "environment_file"):
            environment = self.from_environment(form) if form.startswith("environment") else None
            config = self.config(f"{form}.toml", secrets=form, queries=("1",), database=f"{form}.db")
            run = lambda *words, **more: self.run_it(*words, "--config", config, environment=environment, **more)
            run("migrate", status=0)
            run("sync", "--dry-run", status=0)
            config.with_name(f"{form}.toml.rec").unlink(missing_ok=True)
            (self.folder / f"{form}.toml.rec").unlink(missing_ok=True)
            run("sync", status=0)
            for words in (["status"], ["status", "--json"], ["positions"], ["accounts", "--json"], ["runs"], ["verify"], ["pnl"], ["certify"],
                          ["config"], ["doctor"], ["diff"], ["export", "executions", "--output", self.folder / f"{form}.csv"]):
                done = run(*words)
                self.assertIn(done.returncode, (0, 1, 3), (words, done.stderr))
            # The statement comes, so the token was the right one where it had to be.
            run("flex", "fetch", "--output", self.folder, status=0)
            for query in ("21012", "13", "10", "11", "12", "5", "6"):
                run("flex", "fetch", "--query", query, "--output", self.folder, status=1)
        requests = (self.inputs / "requests").read_text()
        self.assertGreaterEqual(requests.count("SendRequest 1 "), 4)
        self.assertGreater(self.search(), 500_000)

    def test_the_password_in_a_database_url(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            where = f"127.0.0.1:{closed.getsockname()[1]}"
            for url in (f"postgresql://me:{IN_URL[0]}@{where}/db", f"postgresql://me@{where}/db?password={IN_URL[1]}",
                        f"postgresql://me:{IN_URL[0]}@{where}/db?schema=Wrong", f"postgresql://me:{IN_URL[0]}@", f"mysql://me:{IN_URL[0]}@{where}/db",
                        f"postgresql://me:{IN_URL[0]}@{where}/db?nonsense=1", f"sqlite://me:{IN_URL[0]}@{where}/db"):
                path = self.inputs / "url.toml"
                path.write_text(f'[database]\nurl = "{url}"\n[log]\nlevel = "debug"\n')
                for words in (["config"], ["doctor"], ["migrate"], ["positions"], ["status"], ["sync"], ["run"], ["verify"]):
                    for environment in (None, self.environment(POSSYNC_DATABASE_URL=url)):
                        done = self.run_it(*words, *([] if environment else ["--config", path]), environment=environment)
                        self.assertTrue(done.returncode != 0 or words == ["config"], (words, url))
        self.search()

    def service(self, *, prepare=None, gateway=None, queries=("1", "13", "5"), database="service.db", http=""):
        config = self.config("service.toml", queries=queries, database=database, gateway=gateway, sync='interval = "10s"', http=http)
        return self.start("run", "--config", config, prepare=prepare)

    def test_the_service(self):
        service = self.service()
        self.wait_for(service.log, "sync.committed")
        self.wait_for(service.log, "flex.fetched")
        self.wait_for(service.log, "Token *** has expired")
        self.wait_for(service.log, "the token is not sent there")
        self.assertEqual(self.stop(service), 0)
        self.assertIn('"level":"debug"', service.log.read_text())
        self.assertGreater(self.search(), 200_000)

    def test_what_the_http_server_answers(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        service = self.service(queries=(), http=f"127.0.0.1:{port}")
        self.wait_for(service.log, "sync.committed")
        right, wrong = f"Bearer {HTTP_TOKEN}", f"Bearer {HTTP_TOKEN}x"
        statuses = []
        for path in ("/", "/metrics", "/livez", "/readyz", "/api/openapi.json", "/api/positions", "/api/sync/status", "/api/accounts?nonsense=1", "/api/nothing",
                     f"/api/positions?token={HTTP_TOKEN}"):
            for authorization in (None, right, wrong):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
                answer = connection.getresponse()
                statuses.append(answer.status)
                self.said.append(((path, authorization == right), f"{answer.status} {answer.headers}\n" + answer.read().decode(errors="replace")))
                connection.close()
        self.assertLessEqual({200, 400, 401, 404}, set(statuses))
        for body in (json.dumps({"token": HTTP_TOKEN}), json.dumps({"token": HTTP_TOKEN + "x"}), "{" + HTTP_TOKEN):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", "/api/session", body, {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"})
            answer = connection.getresponse()
            self.said.append(((body[:5], "session"), f"{answer.status} {answer.headers}\n" + answer.read().decode(errors="replace")))
            connection.close()
        self.assertEqual(self.stop(service), 0)
        self.search()

    def test_a_service_that_finds_no_gateway(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            service = self.service(gateway=closed.getsockname()[1], queries=())
            time.sleep(2)
            self.assertEqual(self.stop(service), 0)
        self.run_it("sync", "--config", self.inputs / "service.toml", status=1)
        self.search()

    def test_a_crash_leaves_no_core(self):
        """A core file is the memory with everything in it; the program asks for none, whatever the shell allows."""
        def allow_cores():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        service = self.service(prepare=allow_cores)
        self.wait_for(service.log, "sync.committed")
        limits = pathlib.Path(f"/proc/{service.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 ")
        self.assertEqual(self.stop(service, signal.SIGABRT), -signal.SIGABRT)
        self.processes.remove(service)  # that it ended by a signal is what was asked for
        self.assertEqual([path for path in self.folder.iterdir() if path.name.startswith("core")], [])
        self.search()

    def test_files_are_for_their_owner_alone(self):
        old_mask = os.umask(0)  # whatever the shell allows
        self.addCleanup(os.umask, old_mask)
        recorder = self.start("record", "--listen", "0", "--gateway", f"127.0.0.1:{self.gateway_port}", "--output", self.folder / "talk.rec")
        recorder.stdout.readline()
        service = self.service()
        self.wait_for(service.log, "sync.committed")
        self.wait_for(service.log, "flex.fetched")
        names = {path.name: path for path in self.folder.iterdir()}
        for name in ("service.db", "service.db-wal", "service.db-shm", "service.toml.rec", "talk.rec", "service.db.flex-fetches"):
            self.assertIn(name, names)
            self.assertEqual(stat.filemode(names[name].stat().st_mode), "-rw-------", name)
        self.assertEqual(self.stop(recorder), 0)
        self.assertEqual(self.stop(service), 0)
        # A backup of an older database, made before its migration.
        older = self.folder / "older.db"
        schema = pathlib.Path(__file__).parents[2] / "src/store/sqlite/testdata/schema_1.sql"
        subprocess.run(["sqlite3", older], input=schema.read_text(), text=True, check=True)
        older.chmod(0o600)
        self.run_it("migrate", "--config", self.config(database="older.db"), status=0)
        backups = [path for path in self.folder.iterdir() if "backup" in path.name]
        self.assertEqual(len(backups), 1)
        self.assertEqual(stat.filemode(backups[0].stat().st_mode), "-rw-------")
        self.run_it("flex", "fetch", "--output", self.folder, "--config", self.config(queries=("1",)), status=0)
        statements = [path for path in self.folder.iterdir() if path.name.startswith("flex-")]
        self.assertEqual([stat.filemode(path.stat().st_mode) for path in statements], ["-rw-------"])
        self.search()


unittest.main()
