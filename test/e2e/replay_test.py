#!/usr/bin/env python3
"""What was recorded replays to the book that the live service had: its own recording, and one made of it by `possync record`, in
the text and in the binary protocol; and what another program's recording does not hold is said.

usage: replay_test.py POSSYNC
"""
import csv
import io
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import unittest

from tws_client import Client
from processes import end

possync = sys.argv.pop(1)

# Moments of this program's own, what only a live gateway's marks say, and what a recording does not tell: the references of orders.
NOT_COMPARED = {"order_ref", "last_synced_at", "marked_at", "recorded_at", "opened_at", "closed_at", "current_price", "market_value", "unrealized_pnl",
                "unrealized_pnl_pct", "broker_unrealized_pnl", "mark_source", "revision"}
IDS = {"position_id", "close_id", "account_id"}


def start(*words):
    process = subprocess.Popen([possync, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    where = next(word for word in line.replace(",", " ").split() if word.startswith("127.0.0.1:"))
    return process, int(where.split(":")[1])


class Replay(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def run_possync(self, *words, status=0):
        done = subprocess.run([possync, *map(str, words)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def table(self, config, table, ignored):
        rows = list(csv.DictReader(io.StringIO(self.run_possync("export", table, "--config", config))))
        return [{key: value for key, value in row.items() if key not in ignored} for row in rows]

    def same_book(self, live, recording, ignored):
        """Accounts of the simulator are DU1000001, ...; redacted they are DU0000001, ..."""
        self.run_possync("replay", recording, "--database", self.folder / "replayed.db")
        config = self.folder / "replayed.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{self.folder}/replayed.db"\n')
        self.run_possync("verify", "--config", config)
        for table in ("positions", "closes", "executions"):
            wanted = self.table(live, table, ignored)
            for row in wanted:
                row["account"] = row["account"].replace("DU100000", "DU000000")
            self.assertEqual(self.table(config, table, ignored), wanted, table)
            self.assertTrue(wanted, table)
        (self.folder / "replayed.db").unlink()

    def live_day(self, port, name, more=""):
        """The service through a day of 25 happenings, and a sync at its end."""
        config = self.folder / f"{name}.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{self.folder}/{name}.db"\n'
                          f'[[gateway]]\nname = "g"\nport = {port}\n{more}')
        service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        return config, service

    def finish(self, config, service, gateway):
        for count, _ in enumerate(gateway.stdout, 1):
            if count == 25:
                break
        self.run_possync("sync", "--config", config)
        service.send_signal(signal.SIGTERM)
        service.wait(30)
        end(gateway)

    def day(self, version):
        return start("simulate", "--port", 0, "--pace", "60ms", "--happenings", 25, "--positions", 4, "--accounts", 2,
                     "--server-version", version, "--seed", version)

    def test_a_recording_of_the_service_replays_to_the_same_book_every_time(self):
        for version in (176, 200, 213, 226):
            with self.subTest(version):
                gateway, port = self.day(version)
                recording = self.folder / f"{version}.rec"
                config, service = self.live_day(port, version, f'recording = "{recording}"\n')
                self.finish(config, service, gateway)
                # Even the ids are the same: the same commits in the same order.
                self.same_book(config, recording, NOT_COMPARED)
                first = self.run_possync("replay", recording, "--json")
                self.assertEqual(self.run_possync("replay", recording, "--json"), first)
                self.assertEqual(self.run_possync("replay", recording), self.run_possync("replay", recording))
                self.assertEqual(json.loads(first)["missing"], [])

    def test_a_recording_made_between_replays_to_the_same_book(self):
        for version in (200, 226):
            with self.subTest(version):
                gateway, port = self.day(version)
                recording = self.folder / f"{version}.rec"
                between, through = start("record", "--listen", 0, "--gateway", f"127.0.0.1:{port}", "--output", recording)
                config, service = self.live_day(through, version)
                self.finish(config, service, gateway)
                between.send_signal(signal.SIGTERM)
                between.communicate(timeout=30)
                self.same_book(config, recording, NOT_COMPARED | IDS)

    def test_another_program_asked_for_less(self):
        gateway, port = start("simulate", "--port", 0, "--pace", "0s", "--positions", 3, "--accounts", 1)
        self.addCleanup(end, gateway)
        recording = self.folder / "other.rec"
        between, through = start("record", "--listen", 0, "--gateway", f"127.0.0.1:{port}", "--output", recording)
        client = Client(through, 5)
        held = client.positions()
        client.close()
        between.send_signal(signal.SIGTERM)
        between.communicate(timeout=30)
        replayed = json.loads(self.run_possync("replay", recording, "--json"))
        self.assertEqual({row["con_id"]: row["quantity"] for row in replayed["positions"]},
                         {con_id: quantity for (_, con_id), quantity in held.items()})
        self.assertEqual(len(held), 3)
        missing = "\n".join(replayed["missing"])
        self.assertIn("executions: asked for 1 time, not in the recording", missing)
        self.assertIn("data of contract", missing)

    def test_mistakes_are_one_line_that_names_the_line(self):
        head = "possync-recording 1 started=2026-11-23T14:30:00.000000Z by=service\n"
        for text, says in (("", ":1: the file is empty"), ("hello\n", ":1: this is no recording"),
                           (head.replace(" 1 ", " 9 "),
                            ":1: the recording has format 9, this program reads formats up to 1; use a newer possync"),
                           (head + "0 1 open\n5 1 < \\q\n", ":3: the payload is no escaped text"),
                           (head + "# remark\nsetting [sync]\nsetting interval = 5\n", ":4: sync.interval must be a duration"),
                           (head + "setting [sync]\nsetting no_such_key = 5\n", ":3: unknown key sync.no_such_key")):
            path = self.folder / "bad.rec"
            path.write_text(text)
            error = self.run_possync("replay", path, status=2)
            self.assertIn(f"{path}{says}", error)
            self.assertEqual(len(error.splitlines()), 1, error)
        self.assertIn("cannot be read", self.run_possync("replay", self.folder / "nowhere.rec", status=2))
        (self.folder / "ok.rec").write_text(head + "0 0 end\n")
        (self.folder / "kept.db").write_text("mine")
        said = self.run_possync("replay", self.folder / "ok.rec", "--database", self.folder / "kept.db", status=1)
        self.assertIn("exists already", said)
        self.assertEqual((self.folder / "kept.db").read_text(), "mine")
        self.assertIn("missing: the recording holds no connection to a gateway", self.run_possync("replay", self.folder / "ok.rec"))


    def test_damaged_recordings_never_crash_it(self):
        """Lines lost, doubled, out of order, digits changed: an exit status and, where it is no recording, one line."""
        whole = (pathlib.Path(__file__).parent.parent / "recordings/one-shot-text.rec").read_text().splitlines(True)
        dice = random.Random(5)
        played = 0
        for round in range(60):
            lines = list(whole)
            for _ in range(dice.randrange(1, 5)):
                at = dice.randrange(30, len(lines))
                match dice.randrange(4):
                    case 0: del lines[at]
                    case 1: lines.insert(at, lines[at])
                    case 2:
                        lines[at] = "".join(dice.choice("0123456789") if c.isdigit() and dice.random() < 0.1 else c for c in lines[at])
                    case 3: lines = lines[:at] + [lines[at][:dice.randrange(len(lines[at]))]]
            path = self.folder / "damaged.rec"
            path.write_text("".join(lines))
            done = subprocess.run([possync, "replay", path], capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (0, 2), f"round {round}: {done.stderr}")
            played += done.returncode == 0
            self.assertLessEqual(len(done.stderr.splitlines()), done.returncode)
        self.assertGreater(played, 10)


if __name__ == "__main__":
    unittest.main()
