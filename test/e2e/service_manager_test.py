#!/usr/bin/env python3
"""What `possync run` tells a service manager over $NOTIFY_SOCKET, as systemd would hear it.

usage: service_manager_test.py POSSYNC
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from processes import end

possync = sys.argv.pop(1)


class Manager:
    """The other end of the socket."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.heard = []

    def listen(self, until, seconds):
        """Whether a line for which `until` holds came within `seconds`."""
        give_up = time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                lines = self.socket.recv(65536).decode().splitlines()
            except TimeoutError:
                return False
            self.heard += lines
            if any(until(line) for line in lines):
                return True
        return False


class ServiceManager(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.manager = Manager(str(self.folder / "notify"))
        self.processes = []

    def tearDown(self):
        end(*self.processes)
        self.manager.socket.close()
        self.temporary.cleanup()

    def simulator(self, port=0):
        process = subprocess.Popen([possync, "simulate", "--port", str(port), "--pace", "0s", "--positions", "3"],
                                   stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return int(process.stdout.readline().split(",")[0].rsplit(":", 1)[1])

    def service(self, port, watchdog=None, text="", start=(), **more):
        config = self.folder / "possync.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{self.folder}/book.db"\n[[gateway]]\nname = "sim"\nport = {port}\n'
                          f'[http]\nlisten = ""\n{text}')
        environment = {**os.environ, "NOTIFY_SOCKET": self.manager.path, **more}
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        process = subprocess.Popen([*start, possync, "run", "--config", config], env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def test_ready_after_the_first_sync_then_stopping(self):
        service = self.service(self.simulator())
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20), self.manager.heard)
        rows = subprocess.run([possync, "positions", "--csv", "--config", self.folder / "possync.toml"], capture_output=True, text=True)
        self.assertEqual(len(rows.stdout.splitlines()), 1 + 3, "ready, and yet the book is not there: " + rows.stdout + rows.stderr)
        self.assertTrue(any("in sync since the start; gateway sim: 1 account" in line for line in self.manager.heard), self.manager.heard)
        service.terminate()
        self.assertTrue(self.manager.listen(lambda line: line == "STOPPING=1", 10), self.manager.heard)
        self.assertEqual(service.wait(10), 0)

    def test_not_ready_without_a_gateway_but_patient(self):
        with socket.socket() as taken:  # bound, not listening: refused
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.service(port)
            self.assertTrue(self.manager.listen(lambda line: line.startswith("EXTEND_TIMEOUT_USEC="), 10), self.manager.heard)
            self.assertTrue(self.manager.listen(lambda line: line.startswith("STATUS=waiting for the first sync") and str(port) in line, 10),
                            self.manager.heard)
            self.assertFalse(self.manager.listen(lambda line: line == "READY=1", 2))
        self.simulator(port)
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 40), self.manager.heard)

    def test_the_watchdog_hears_only_a_process_that_runs(self):
        service = self.service(self.simulator(), watchdog=0.6)
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20))
        for _ in range(4):
            self.assertTrue(self.manager.listen(lambda line: line == "WATCHDOG=1", 2), "a sign of life is late")
        service.send_signal(signal.SIGSTOP)
        while self.manager.listen(lambda line: line == "WATCHDOG=1", 0.3):
            pass  # what was on its way
        self.assertFalse(self.manager.listen(lambda line: line == "WATCHDOG=1", 1.5))
        service.send_signal(signal.SIGCONT)
        self.assertTrue(self.manager.listen(lambda line: line == "WATCHDOG=1", 5))

    def test_a_second_service_is_ready_when_it_stands_by(self):
        port = self.simulator()
        self.service(port)
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20), self.manager.heard)
        self.manager.heard.clear()
        self.service(port)
        self.assertTrue(self.manager.listen(lambda line: "standing by for gateway sim" in line, 20), self.manager.heard)
        self.assertIn("READY=1", self.manager.heard)

    def test_a_socket_may_have_a_name_that_is_no_file(self):
        self.manager.socket.close()
        self.manager = Manager(f"@possync-test-{os.getpid()}")
        self.service(self.simulator())
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20), self.manager.heard)

    def test_the_watchdog_of_this_process_is_ours(self):
        # As systemd does it: the process that is to give signs of life, by number.
        self.service(self.simulator(), watchdog=0.2, start=["sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"'])
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20), self.manager.heard)
        self.assertTrue(self.manager.listen(lambda line: line == "WATCHDOG=1", 2), self.manager.heard)

    def test_the_watchdog_of_another_process_is_not_ours(self):
        self.service(self.simulator(), watchdog=0.2, WATCHDOG_PID="1")
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 20), self.manager.heard)
        self.assertFalse(self.manager.listen(lambda line: line == "WATCHDOG=1", 1))

    def test_nobody_at_the_socket_is_no_reason_to_stop(self):
        for nowhere in (str(self.folder / "gone"), "/" + "x" * 300, "not a path"):
            service = self.service(self.simulator(), NOTIFY_SOCKET=nowhere)
            config = ["--config", self.folder / "possync.toml"]
            for _ in range(100):
                rows = subprocess.run([possync, "positions", "--csv", *config], capture_output=True, text=True).stdout.splitlines()
                if len(rows) == 4:
                    break
                time.sleep(0.1)
            self.assertEqual(len(rows), 4)
            service.terminate()
            self.assertEqual(service.wait(10), 0)
            (self.folder / "book.db").unlink()

    def test_ready_at_once_where_nothing_is_synced_by_itself(self):
        self.service(1, text="[sync]\nenabled = false\n")
        self.assertTrue(self.manager.listen(lambda line: line == "READY=1", 10), self.manager.heard)


if __name__ == "__main__":
    unittest.main()
