#!/usr/bin/env python3
"""Libraries that are loaded when needed: not at the start, and with one clear line where one is missing.

usage: libraries_test.py POSSYNC
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from processes import end

possync = sys.argv.pop(1)
when_needed = ("libpq.so", "libcurl.so", "libnats.so")
nowhere = "postgresql://nobody@127.0.0.1:1/none"


class Libraries(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def run_with(self, *arguments, url, port=1, more="", **environment):
        config = self.folder / "possync.toml"
        config.write_text(f'[database]\nurl = "{url}"\n[[gateway]]\nport = {port}\nname = "sim"\n{more}')
        return subprocess.run([possync, *arguments, "--config", config], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **environment})

    def loaded(self, *arguments, **more):
        """What ran, and which of the libraries it opened, as the dynamic linker tells."""
        ran = self.run_with(*arguments, LD_DEBUG="files", LD_DEBUG_OUTPUT=str(self.folder / "linker"), **more)
        said = "".join(each.read_text() for each in self.folder.glob("linker.*"))
        self.assertIn("libsqlite3.so", said, "the linker tells nothing")
        return ran, [name for name in when_needed if name in said]

    def test_a_book_on_sqlite_needs_none_of_them(self):
        simulator = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", "3"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(end, simulator)
        port = int(simulator.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        ran, loaded = self.loaded("sync", url=f"sqlite:///{self.folder}/book.db", port=port)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(loaded, [])

    def test_a_book_on_postgresql_needs_libpq_alone(self):
        ran, loaded = self.loaded("positions", url=nowhere)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("127.0.0.1:1", ran.stderr)
        self.assertEqual(loaded, ["libpq.so"])

    def test_what_is_missing_is_said_in_one_line(self):
        (self.folder / "libpq.so.5").write_text("not a library")
        ran = self.run_with("positions", url=nowhere, LD_LIBRARY_PATH=str(self.folder))
        self.assertEqual(ran.returncode, 2)
        self.assertIn("a database on PostgreSQL needs libpq.so.5, which could not be loaded", ran.stderr)
        self.assertIn("apt install libpq5", ran.stderr)
        self.assertEqual(len(ran.stderr.strip().splitlines()), 1, ran.stderr)

    def test_what_alerts_sinks_and_statements_are_reached_with_is_looked_for_at_the_start(self):
        for soname in ("libcurl.so.4", "libnats.so.3.4"):
            (self.folder / soname).write_text("not a library")
        token = self.folder / "token"
        token.write_text("canary")
        token.chmod(0o600)
        for more, what in (
                ('[[alert]]\nname = "me"\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\n', "a request to another server (webhook, alert, Flex Web Service) needs libcurl.so.4"),
                ('[[sink]]\nname = "hook"\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\n', "needs libcurl.so.4"),
                ('[[sink]]\nname = "bus"\ntype = "nats"\nurl = "nats://127.0.0.1:1"\n', "publishing to NATS needs libnats.so.3.4"),
                (f'[flex]\ntoken_file = "{token}"\n[[flex.query]]\nid = "1"\n', "needs libcurl.so.4")):
            for command, status in (("run", 1), ("doctor", 1)):
                ran = self.run_with(command, url=f"sqlite:///{self.folder}/book.db", more=more, LD_LIBRARY_PATH=str(self.folder))
                said = ran.stdout + ran.stderr
                self.assertEqual(ran.returncode, status, said)
                self.assertIn(what, said)
                self.assertIn("apt install", said)


if __name__ == "__main__":
    unittest.main()
