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

    def run_with(self, *arguments, url, port=1, **environment):
        config = self.folder / "possync.toml"
        config.write_text(f'[database]\nurl = "{url}"\n[[gateway]]\nport = {port}\nname = "sim"\n')
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
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("a database on PostgreSQL needs libpq.so.5, which could not be loaded", ran.stderr)
        self.assertIn("apt install libpq5", ran.stderr)
        self.assertEqual(len(ran.stderr.strip().splitlines()), 1, ran.stderr)


if __name__ == "__main__":
    unittest.main()
