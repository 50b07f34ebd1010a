#!/usr/bin/env python3
"""`possync record` between a client and a gateway: nothing is changed on the way, no name is left in the file, and neither the
size limit nor a full disk breaks the connection.

usage: record_test.py POSSYNC
"""
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from processes import end

possync = sys.argv.pop(1)

SCENARIO = """account DU7654321
instrument AAPL STK USD
hold AAPL 100 @ 200
fill AAPL buy 10 @ 201 commission 1 ref momentum-secret
account U1122334
instrument SPY STK USD
hold SPY 5 @ 500
start
"""
CANARIES = [b"DU7654321", b"U1122334", b"momentum-secret"]


def start(*words, **more):
    """The program and the port that its first line names."""
    process = subprocess.Popen([possync, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    line = process.stdout.readline()
    where = next(word for word in line.replace(",", " ").split() if word.startswith("127.0.0.1:"))
    return process, int(where.split(":")[1])


def stop(process):
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def full_disk_at(size):
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return prepare


class Record(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def simulate(self, *words):
        gateway, port = start("simulate", "--port", 0, *words)
        self.addCleanup(end, gateway)
        return port

    def record(self, gateway, name, *words, **more):
        return start("record", "--listen", 0, "--gateway", f"127.0.0.1:{gateway}", "--output", self.folder / name, *words, **more)

    def sync(self, port, database, *words):
        config = self.folder / "possync.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{self.folder / database}"\n[[gateway]]\nname = "g"\nport = {port}\n')
        return subprocess.run([possync, "sync", "--config", config, *words], capture_output=True, text=True)

    def test_no_name_is_left_in_text_and_binary(self):
        scenario = self.folder / "canary.scn"
        scenario.write_text(SCENARIO)
        for version in (176, 200, 213, 226):
            with self.subTest(version):
                gateway = self.simulate("--scenario", scenario, "--server-version", version)
                recorder, port = self.record(gateway, f"{version}.rec")
                done = self.sync(port, f"{version}.db")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                status, out, err = stop(recorder)
                self.assertEqual((status, err), (0, ""))
                text = (self.folder / f"{version}.rec").read_bytes()
                for canary in CANARIES:
                    self.assertNotIn(canary, text)
                for kept in (b"DU0000001", b"U0000002", b"xxxxxxxxxxxxxx1", b"AAPL"):
                    self.assertIn(kept, text)
                self.assertTrue(text.startswith(b"possync-recording 1 "))
                self.assertTrue(text.endswith(b" 0 end\n"))
                self.assertNotIn(b" <? ", text)
                self.assertNotIn(b" >? ", text)

    def test_the_service_records_itself(self):
        scenario = self.folder / "canary.scn"
        scenario.write_text(SCENARIO)
        gateway = self.simulate("--scenario", scenario)
        config = self.folder / "possync.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{self.folder}/b.db"\n'
                          f'[[gateway]]\nname = "oak tree"\nport = {gateway}\naccounts = ["DU7654321"]\nrecording = "{self.folder}/own.rec"\n'
                          f'[[account]]\ncode = "DU7654321"\ncost_basis = "fifo"\n')
        for again in (False, True):
            done = subprocess.run([possync, "sync", "--config", config], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            text = (self.folder / "own.rec").read_bytes()
            for name in (*CANARIES, b"oak tree", b"b.db"):
                self.assertNotIn(name, text)
            for kept in (b' by=one-shot seed=', b'setting accounts = ["DU0000001"]', b'setting cost_basis = "fifo"',
                         b" 0 sync\n", b" 0 end\n"):
                self.assertIn(kept, text)
            self.assertEqual((self.folder / "own.rec.previous").exists(), again)

    def test_every_byte_is_handed_on(self):
        """A peer that speaks no protocol at all: megabytes of noise both ways, then the ends of both streams."""
        noise = random.Random(3)
        there, back = noise.randbytes(5_000_000), noise.randbytes(7_000_000)
        listener = socket.create_server(("127.0.0.1", 0))
        heard = {}

        def everything(connection):
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
            return b"".join(parts)

        def serve():
            connection, _ = listener.accept()
            sender = threading.Thread(target=connection.sendall, args=(back,))
            sender.start()
            heard["there"] = everything(connection)
            sender.join()
            connection.close()

        server = threading.Thread(target=serve)
        server.start()
        recorder, port = self.record(listener.getsockname()[1], "noise.rec", "--limit", "1M")
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        sender = threading.Thread(target=lambda: (client.sendall(there), client.shutdown(socket.SHUT_WR)))
        sender.start()
        heard["back"] = everything(client)
        sender.join()
        server.join()
        listener.close()
        self.assertTrue(heard["there"] == there and heard["back"] == back)
        status, _, err = stop(recorder)
        self.assertEqual(status, 0)
        self.assertIn("ends here: its size limit is reached; connections go on", err)
        self.assertEqual(len(err.splitlines()), 1)
        text = (self.folder / "noise.rec").read_text()
        self.assertLessEqual(len(text), 1 << 20)
        self.assertIn(" truncated the size limit", text.splitlines()[-1])

    def test_a_full_disk_ends_the_recording_and_not_the_connection(self):
        gateway = self.simulate("--positions", 2000, "--pace", "0s")
        recorder, port = self.record(gateway, "full.rec", preexec_fn=full_disk_at(100_000),
                                     env={**os.environ, "LLVM_PROFILE_FILE": "/dev/null"})  # a build with coverage writes files of its own
        done = self.sync(port, "full.db")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("2000", done.stdout)
        status, _, err = stop(recorder)
        self.assertEqual(status, 0)
        self.assertIn("ends here: File too large", err)
        self.assertEqual(len(err.splitlines()), 1)
        lines = (self.folder / "full.rec").read_text().splitlines()
        self.assertIn("truncated File too large", lines[-1])

    def test_no_gateway_is_one_clear_end(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            nobody = unused.getsockname()[1]
        recorder, port = self.record(nobody, "failed.rec")
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.assertEqual(client.recv(10), b"")
        stop(recorder)
        self.assertIn(" 0 failed Connection refused", (self.folder / "failed.rec").read_text())

    def test_mistakes(self):
        (self.folder / "there.rec").write_text("keep me")
        for words, status, says in (
                (["--output", self.folder / "there.rec"], 1, "exists already; name a new file"),
                (["--output", self.folder / "x.rec", "--gateway", "somewhere"], 2, "write HOST:PORT"),
                (["--output", self.folder / "x.rec", "--limit", "3Q"], 2, "is no size; write 64M"),
                (["--output", self.folder / "x.rec", "--limit", "3"], 2, "is not between 64K"),
                (["--output", self.folder / "no/x.rec"], 1, "cannot be written: No such file")):
            done = subprocess.run([possync, "record", "--listen", "0", *map(str, words)], capture_output=True, text=True,
                                  timeout=20)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual((self.folder / "there.rec").read_text(), "keep me")


if __name__ == "__main__":
    unittest.main()
