#!/usr/bin/env python3
"""diff, explain, exclude, undo and export as a user types them, without a service and through a running one.

usage: repair_test.py POSSYNC
"""
import csv
import io
import json
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile
import time
import unittest

possync = sys.argv.pop(1)

DAY = """account DU1000001
instrument AAPL STK USD conid 1
instrument NVDA STK USD conid 2
instrument MSFT STK USD conid 3
hold AAPL 100 @ 150
hold NVDA 10 @ 400
start
fill AAPL sell 40 @ 160 commission 1
adjust MSFT 20 @ 310
"""


OPTION = """account DU1000001
instrument AAPL STK USD conid 1
instrument AAPLC OPT USD conid 2 symbol AAPL strike 200 right C expiry 20271217 multiplier 100
instrument AAPLP OPT USD conid 3 symbol AAPL strike 150 right P expiry 20271217 multiplier 100
hold AAPL 5 @ 150
hold AAPLC -2 @ 3
hold AAPLP 1 @ 4
start
"""


class Commands(unittest.TestCase):
    day = DAY

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "day.scn").write_text(self.day)
        self.gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "10ms", "--scenario", self.folder / "day.scn"],
                                        stdout=subprocess.PIPE, text=True)
        self.processes = [self.gateway]
        port = int(self.gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        (self.folder / "possync.toml").write_text(f'[database]\nurl = "sqlite:///{self.folder}/book.db"\n[[gateway]]\nname = "sim"\nport = {port}\n'
                                                  '[log]\nlevel = "error"\n')

    def tearDown(self):
        for process in self.processes:
            process.terminate()
            process.communicate()
        self.temporary.cleanup()

    def run_it(self, *words, status=0, env=None):
        done = subprocess.run([possync, *words, "--config", self.folder / "possync.toml"], capture_output=True, text=True, timeout=90, env=env)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if status in (1, 2):
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        return done.stdout + done.stderr

    def rows(self, *words, status=0):
        return json.loads(self.run_it(*words, "--json", status=status))

    def until_the_day_is_over(self):
        for line in self.gateway.stdout:
            if line.startswith("the scenario is over"):
                return

    def one_position(self, symbol):
        (row,) = self.rows("positions", "--symbol", symbol)
        return row


class Repair(Commands):
    def story(self):
        """The same with and without a service: explain the transfer, exclude the fill and take it back."""
        (broken,) = [row for row in self.rows("breaks") if row["symbol"] == "MSFT" and row["closed_at"] is None]
        number = str(broken["break_id"])
        self.assertIn("is not a cause", self.run_it("explain", number, "--cause", "best", status=2))
        self.run_it("explain", "12345", "--cause", "transfer", status=1)
        self.assertIn("--dry-run", self.run_it("explain", number, "--cause", "transfer", "--price", "312.5", "--dry-run"))
        self.assertEqual(self.one_position("MSFT")["unknown_closes"], 0)
        self.assertEqual(len([row for row in self.rows("breaks") if row["closed_at"] is None and row["class"] == "alert"]), 1)
        # Where the environment does not say who it is, the system's accounts do.
        nobody_said = {name: value for name, value in os.environ.items() if name != "USER"}
        said = self.run_it("explain", number, "--cause", "transfer", "--price", "312.5", "--note", "from elsewhere", env=nobody_said)
        self.assertIn("written; `possync undo` takes it back", said)
        (stated,) = [row for row in self.rows("adjustments") if row["cause"] == "transfer"]
        self.assertEqual(stated["author"], f"operator {pwd.getpwuid(os.geteuid()).pw_name}")
        # What was undone is not undone again: explained anew, by somebody who says who it is.
        said = self.run_it("undo", str(stated["adjustment_id"]))
        self.assertTrue(said.endswith("\nwritten\n"), said)
        (again,) = [row for row in self.rows("adjustments") if row["con_id"] == 3 and row["undone_by"] is None]
        self.run_it("explain", str(again["adjustment_id"]), "--cause", "transfer", "--price", "312.5", env={**os.environ, "USER": "ann"})
        (stated,) = [row for row in self.rows("adjustments") if row["cause"] == "transfer" and row["undone_by"] is None]
        self.assertEqual(stated["author"], "operator ann")
        self.assertEqual(self.one_position("MSFT")["average_price"], "312.5")
        # The quantities agree; that the stated price is not the broker's cost is told, and alarms nobody.
        self.assertEqual([row for row in self.rows("breaks") if row["closed_at"] is None and row["class"] == "alert"], [])
        (fill,) = self.rows("executions")
        self.run_it("exclude", fill["exec_id"])
        self.assertEqual(self.one_position("AAPL")["quantity"], "60")
        self.assertEqual(self.rows("closes")[-1]["realized_pnl"], None)
        self.assertIn(f"written; `possync exclude {fill['exec_id']}` takes it back", self.run_it("undo", fill["exec_id"]))
        self.assertEqual([row["realized_pnl"] for row in self.rows("closes")], ["400"])
        self.run_it("verify")

    def test_without_a_service(self):
        differing = self.rows("diff", status=3)
        self.assertFalse((self.folder / "book.db").exists(), "diff must not create a database")
        self.assertEqual({row["symbol"] for row in differing} & {"AAPL", "NVDA"}, {"AAPL", "NVDA"})
        self.run_it("sync")
        self.until_the_day_is_over()
        fill, transfer = self.rows("diff", status=3)
        self.assertEqual((fill["broker_quantity"], fill["book_quantity"], fill["cause"]), ("60", "100", "execution"))
        self.assertEqual((transfer["symbol"], transfer["broker_quantity"], transfer["book_quantity"]), ("MSFT", "20", None))
        self.run_it("sync")
        self.assertIn("equal", self.run_it("diff"))
        self.story()

    def test_through_a_running_service(self):
        service = subprocess.Popen([possync, "run", "--config", self.folder / "possync.toml"], stderr=subprocess.DEVNULL)
        self.processes.append(service)
        self.until_the_day_is_over()
        for _ in range(100):
            if len(self.rows("positions")) == 3:
                break
            time.sleep(0.2)
        self.assertIn("equal", self.run_it("diff"))
        self.story()

    def test_a_dry_run_and_its_options_through_a_running_service(self):
        with open(self.folder / "possync.toml", "a") as file:
            file.write("[sync]\nenabled = false\n")
        self.run_it("migrate")
        self.until_the_day_is_over()
        alone = self.run_it("sync", "--dry-run")
        self.assertIn("AAPL", alone)
        (text,) = self.rows("sync", "--dry-run")["would_write"]
        self.assertIn("  position ", text)
        service = subprocess.Popen([possync, "run", "--config", self.folder / "possync.toml"], stderr=subprocess.DEVNULL)
        self.processes.append(service)
        for _ in range(100):
            if [gateway for gateway in self.rows("status")["gateways"] if gateway["state"] == "ready"]:
                break
            time.sleep(0.2)
        told = self.run_it("sync", "--dry-run")
        lines = [line for line in told.splitlines() if line.startswith("  position ")]
        self.assertEqual(lines, [line for line in alone.splitlines() if line.startswith("  position ")])
        self.assertIn("asked of the running service; nothing was written", told)
        self.assertEqual(len(self.rows("sync", "--dry-run")["would_write"]), 1)
        self.assertEqual(self.rows("positions"), [])
        self.run_it("sync", "--no-realized-pnl")
        self.assertEqual([row["realized_pnl"] for row in self.rows("closes")], [None])
        self.assertIn("nothing would be written", self.run_it("sync", "--dry-run", "--no-realized-pnl"))

    def test_a_list_of_ones_own_and_an_export(self):
        self.run_it("sync")
        self.until_the_day_is_over()
        self.run_it("sync")
        own = self.folder / "own.csv"
        own.write_text("symbol,quantity\r\nAAPL,60\r\nMSFT,20\r\nNVDA,10\r\n")
        self.assertIn("equals", self.run_it("diff", "--against", own))
        own.write_text("con_id,quantity\n1,60\n2,11\n9,3\n")
        rows = self.rows("diff", "--against", own, status=3)
        self.assertEqual([(row["con_id"], row["broker_quantity"], row["book_quantity"]) for row in rows],
                         [(2, "11", "10"), (9, "3", None), (3, None, "20")])
        for text, says in [("", "is empty"), ("symbol\nAAPL\n", "own.csv:1"), ("symbol,quantity\nAAPL,many\n", "own.csv:2"),
                           ("con_id,quantity\nx,1\n", "own.csv:2"), ('symbol,quantity\n"AAPL,1\n', "own.csv:2")]:
            own.write_text(text)
            self.assertIn(says, self.run_it("diff", "--against", own, status=2))
        target = self.folder / "positions.csv"
        self.run_it("export", "positions", "--output", target)
        self.assertEqual({row["symbol"]: row["quantity"] for row in csv.DictReader(io.StringIO(target.read_text()))},
                         {"AAPL": "60", "MSFT": "20", "NVDA": "10"})
        before = target.read_bytes()
        self.assertIn("position_history", self.run_it("export", "nothing", "--output", target, status=2))
        for word, view in [("closes", "position_closes"), ("events", "position_events"), ("runs", "sync_runs"), ("history", "position_history")]:
            text = self.run_it("export", view)
            self.assertEqual(text, self.run_it("export", word))
            self.assertGreater(len(text.splitlines()), 1, view)
        self.assertEqual(target.read_bytes(), before)
        self.run_it("export", "positions", "--output", self.folder / "nowhere" / "x.csv", status=1)


class AStockBesideItsOptions(Commands):
    day = OPTION

    def test_a_list_names_each_of_them(self):
        shown = {row["con_id"]: row for row in self.rows("diff", status=3)}
        self.assertEqual({row["symbol"] for row in shown.values()}, {"AAPL"})
        self.assertEqual(len({row["local_symbol"] for row in shown.values()}), 3, shown)
        self.run_it("sync")
        names = {row["con_id"]: row["local_symbol"] for row in self.rows("positions")}
        own = self.folder / "own.csv"
        own.write_text(f"account,symbol,quantity\nDU1000001,AAPL,5\nDU1000001,{names[2]},-2\nDU1000001,{names[3]},1\n")
        self.assertIn("equals", self.run_it("diff", "--against", own))
        own.write_text("account,symbol,quantity\nDU1000001,AAPL,6\n")
        rows = self.rows("diff", "--against", own, status=3)
        self.assertEqual([(row["con_id"], row["broker_quantity"], row["book_quantity"]) for row in rows], [(1, "6", "5"), (2, None, "-2"), (3, None, "1")])
        self.assertEqual([row["symbol"] for row in rows], ["AAPL"] * 3)
        own.write_text("account,symbol,sec_type,quantity\nDU1000001,AAPL,OPT,-2\n")
        said = self.run_it("diff", "--against", own, status=2)
        self.assertIn("own.csv:2: AAPL is held more than once", said)
        self.assertIn("name its con_id or local symbol", said)
        self.assertIn("con_id 3", said)
        own.write_text("symbol,quantity\nAAPL,5\nAAPL,5\n")  # the second is none of the options
        rows = self.rows("diff", "--against", own, status=3)
        self.assertEqual([row["book_quantity"] for row in rows], [None, "-2", "1"])


if __name__ == "__main__":
    unittest.main()
