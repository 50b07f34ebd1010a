#!/usr/bin/env python3
"""`possync verify` on a database that the service made, and on copies of it with one row changed each: every change is found.

usage: verify_test.py POSSYNC
"""
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from processes import end

possync = sys.argv.pop(1)

# What is changed, and what `verify` must say of it.
DAMAGES = [
    ("a position's quantity", "UPDATE position SET quantity = '7' WHERE position_id = {open}", "sum to"),
    ("a position's average", "UPDATE position SET average_price = '7' WHERE position_id = {open}", "average_price is 7"),
    ("a position's cost", "UPDATE position SET cost = '7' WHERE position_id = {open}", "cost is 7"),
    ("a position's realized P&L", "UPDATE position SET realized_pnl = '7' WHERE position_id = {closed}", "the position says 7"),
    ("a position reopened by hand", "UPDATE position SET closed_at = NULL WHERE position_id = {closed}", "closed without a time"),
    ("a close's P&L", "UPDATE position_close SET realized_pnl = '0.01' WHERE close_id = {close}", "realized_pnl is 0.01"),
    ("a close's quantity", "UPDATE position_close SET quantity_closed = '0.5' WHERE close_id = {close}", "quantity_closed is 0.5"),
    ("a close's commission", "UPDATE position_close SET commissions = '99' WHERE close_id = {close}", "commissions is 99"),
    ("a close that is gone", "DELETE FROM position_close WHERE close_id = {close}", "is missing"),
    ("a lot's rest", "UPDATE lot SET remaining_quantity = '3' WHERE lot_id = {lot}", "its lots hold"),
    ("a lot's price", "UPDATE lot SET price = '3' WHERE lot_id = {lot}", "price is 3"),
    ("a fill's price", "UPDATE execution SET price = '1' WHERE exec_id = '{exec}'", "its facts give"),
    ("a fill's quantity", "UPDATE execution SET shares = '1000' WHERE exec_id = '{exec}'", "sum to"),
    ("a fill that is gone", "DELETE FROM execution WHERE exec_id = '{exec}'", "sum to"),
    ("a commission", "UPDATE execution SET commission = '50' WHERE exec_id = '{exec}'", "commissions"),
    ("an adjustment", "UPDATE adjustment SET quantity = '1' WHERE adjustment_id = {adjustment}", "sum to"),
    ("an event's chain", "UPDATE position_event SET quantity_before = '42' WHERE event_id = {event}", "begins at 42"),
    ("an event that is gone", "DELETE FROM position_event WHERE event_id = {event}", "event"),
    ("a lost commit", "DELETE FROM outbox WHERE revision = 2", "its commits are"),
    ("a lost instrument", "PRAGMA foreign_keys = OFF; DELETE FROM instrument WHERE con_id = {con_id}", "do not exist"),
    ("a number that is none", "UPDATE position SET quantity = 'many' WHERE position_id = {open}", "cannot be read"),
]


class Verify(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "50ms", "--happenings", "60", "--seed", "5"],
                                   stdout=subprocess.PIPE, text=True)
        try:
            port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
            cls.write_config("book.db", port)
            service = subprocess.Popen([possync, "run", "--config", cls.folder / "possync.toml"], stderr=subprocess.DEVNULL)
            for line in gateway.stdout:
                if line.startswith("simulated"):
                    continue
                cls.happened = getattr(cls, "happened", 0) + 1
                if cls.happened == 60:
                    break
            subprocess.run([possync, "sync", "--config", cls.folder / "possync.toml"], check=True, capture_output=True)
            service.terminate()
            service.wait()
        finally:
            end(gateway)
        with sqlite3.connect(cls.folder / "book.db") as connection:
            def one(sql):
                return connection.execute(sql).fetchone()[0]
            cls.ids = {
                "open": one("SELECT max(position_id) FROM position WHERE quantity <> '0'"),
                "closed": one("SELECT min(position_id) FROM position WHERE quantity = '0'"),
                "close": one("SELECT min(close_id) FROM position_close WHERE realized_pnl <> '0'"),
                "lot": one("SELECT min(lot_id) FROM lot"),
                "exec": one("SELECT min(exec_id) FROM execution"),
                "adjustment": one("SELECT min(adjustment_id) FROM adjustment"),
                "event": one("SELECT min(event_id) FROM position_event WHERE quantity_before <> '0'"),
                "con_id": one("SELECT min(con_id) FROM position"),
            }
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def write_config(cls, database, port=1):
        (cls.folder / "possync.toml").write_text(
            f'[database]\nurl = "sqlite:///{cls.folder / database}"\n[[gateway]]\nname = "sim"\nport = {port}\n')

    def verify(self, database):
        self.write_config(database)
        return subprocess.run([possync, "verify", "--config", self.folder / "possync.toml"], capture_output=True, text=True)

    def test_what_the_service_made(self):
        done = self.verify("book.db")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("follow from their facts", done.stdout)

    def test_every_damage_is_found(self):
        for what, sql, says in DAMAGES:
            with self.subTest(what):
                shutil.copy(self.folder / "book.db", self.folder / "damaged.db")
                connection = sqlite3.connect(self.folder / "damaged.db")
                connection.executescript(sql.format(**self.ids))
                connection.commit()
                connection.close()
                done = self.verify("damaged.db")
                both = done.stdout + done.stderr
                self.assertEqual(done.returncode, 1 if "cannot be read" in says else 3, both)
                self.assertIn(says, both)

    def test_every_method_has_the_same_flat_to_flat_total(self):
        """Closed episodes only: the gross of each is the same whatever the method."""
        with sqlite3.connect(self.folder / "book.db") as connection:
            closed = {row[0] for row in connection.execute("SELECT DISTINCT symbol FROM positions GROUP BY account, con_id HAVING max(status) = 'CLOSED'")}
        self.write_config("book.db")
        totals = {}
        for method in ("average", "fifo", "lifo", "hifo"):
            done = subprocess.run([possync, "pnl", "--by", "symbol", "--method", method, "--csv", "--config", self.folder / "possync.toml"],
                                  capture_output=True, text=True, check=True)
            header, *rows = [line.split(",") for line in done.stdout.splitlines()]
            totals[method] = sorted((row[header.index("symbol")], row[header.index("realized_pnl")]) for row in rows if row[header.index("symbol")] in closed)
        self.assertTrue(totals["average"])
        for method, each in totals.items():
            self.assertEqual(each, totals["average"], method)


if __name__ == "__main__":
    unittest.main()
