#!/usr/bin/env python3
"""possync flex fetch against a local HTTPS server: files, exit statuses, one clear line, and the token nowhere.

usage: flex_fetch_test.py POSSYNC
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

possync = sys.argv.pop(1)
CANARY = "canary98765432100"


class FlexFetch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.server = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("flex_server.py"), cls.folder],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.server.stdout.readline())
        (cls.folder / "token").write_text(CANARY + "\n")
        (cls.folder / "token").chmod(0o600)

    @classmethod
    def tearDownClass(cls):
        cls.server.stdin.close()
        cls.server.wait()
        cls.server.stdout.close()
        cls.temporary.cleanup()

    def setUp(self):
        self.out = pathlib.Path(tempfile.mkdtemp(dir=self.folder))

    def config(self, queries=("1",), ca=True, token=True):
        path = self.out / "possync.toml"
        path.write_text(f'[database]\nurl = "sqlite:///{self.out}/book.db"\n[flex]\nbase_url = "https://127.0.0.1:{self.port}/flex"\n'
                        + (f'ca_file = "{self.folder}/cert.pem"\n' if ca else "") + (f'token_file = "{self.folder}/token"\n' if token else "")
                        + "".join(f'[[flex.query]]\nid = "{query}"\naccount = "U1234567"\n' for query in queries))
        return path

    def fetch(self, *words, status=0, says=None, config=None, environment=None, command=("flex", "fetch")):
        done = subprocess.run([possync, *command, *words, "--config", str(config or self.config())], capture_output=True, text=True, timeout=120,
                              cwd=self.out, env={**os.environ, **(environment or {})})
        both = done.stdout + done.stderr
        self.assertNotIn(CANARY, both)
        self.assertEqual(done.returncode, status, both)
        if says:
            self.assertIn(says, both)
        return done

    def test_files_are_left_in_the_folder(self):
        done = self.fetch("--output", str(self.out), config=self.config(("1", "4")))
        files = [pathlib.Path(line) for line in done.stdout.splitlines()]
        self.assertEqual([file.name.split("-")[1] for file in files], ["1", "4"])
        for file in files:
            self.assertIn("<FlexQueryResponse", file.read_text())
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
            self.assertNotIn(CANARY, file.read_text())
        self.assertEqual(sorted(os.listdir(self.out)), sorted(["possync.toml"] + [file.name for file in files]))
        listed = json.loads(self.fetch("--output", str(self.out), "--query", "1", "--json").stdout)
        self.assertEqual((listed[0]["query_id"], listed[0]["account"]), ("1", "U1234567"))

    def test_a_statement_that_is_being_made_is_waited_for(self):
        done = self.fetch("--output", str(self.out), "--query", "3")
        self.assertIn("the statement is being made, asking again in 5s", done.stderr)

    def test_one_query_that_fails_does_not_keep_the_others(self):
        done = self.fetch("--output", str(self.out), config=self.config(("21014", "1")), status=1, says="check the id in [[flex.query]]")
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_errors_are_one_line_and_name_what_to_do(self):
        self.fetch("--output", str(self.out), "--query", "21012", status=1, says="make a new token in the Client Portal")
        self.fetch("--output", str(self.out), "--query", "13", status=1, says="Token *** has expired")
        self.fetch("--output", str(self.out), "--query", "21018", status=1, says="wait ten minutes")
        self.fetch("--output", str(self.out), config=self.config(ca=False), status=1, says="cannot show that it is 127.0.0.1")
        self.fetch("--output", str(self.out), "--query", "5", status=1, says="the token is not sent there")
        self.fetch("--output", str(self.out), "--query", "x", status=2, says="'x' is not the number of a Flex query")
        self.fetch("--output", str(self.out / "none"), status=2, says="is not a folder")
        self.fetch("--output", str(self.out), config=self.config(queries=()), status=2, says="write [[flex.query]]")
        self.fetch("--output", str(self.out), config=self.config(token=False), status=2, says="flex.token_file")
        self.fetch("--output", "/proc", status=1, says="no file can be made in /proc")

    def test_the_token_comes_from_the_environment_too_and_is_never_printed(self):
        self.fetch("--output", str(self.out), config=self.config(token=False), environment={"POSSYNC_FLEX_TOKEN": CANARY})
        self.fetch("--output", str(self.out), config=self.config(token=False), environment={"POSSYNC_FLEX_TOKEN_FILE": str(self.folder / "token")})
        printed = self.fetch(command=("config",), config=self.config(token=False), environment={"POSSYNC_FLEX_TOKEN": CANARY})
        self.assertIn('token = "***"', printed.stdout)
        loose = self.folder / "loose"
        loose.write_text(CANARY)
        loose.chmod(0o640)
        self.fetch("--output", str(self.out), config=self.config(token=False), environment={"POSSYNC_FLEX_TOKEN_FILE": str(loose)}, status=2,
                   says="chmod 600")

    def test_an_interrupted_fetch_leaves_nothing(self):
        process = subprocess.Popen([possync, "flex", "fetch", "--query", "8", "--output", str(self.out), "--config", str(self.config())],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(100):
            if any(name.startswith(".possync-flex") for name in os.listdir(self.out)):
                break
            time.sleep(0.05)
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn("stopped", err)
        self.assertEqual(os.listdir(self.out), ["possync.toml"])


unittest.main()
