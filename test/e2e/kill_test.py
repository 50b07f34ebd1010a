#!/usr/bin/env python3
"""Kills the service with SIGKILL at random moments of a busy simulated day, and at the named points of a build that has them. After each: the database passes its integrity
check, no revision is lost that was reported as committed, and nothing ever goes back. At the end it converges.

usage: kill_test.py POSSYNC [--count N] [--seed N]
"""
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from service_log import committed_revision
from tws_client import Client

possync = sys.argv[1]
count = int(sys.argv[sys.argv.index("--count") + 1]) if "--count" in sys.argv else 25
random.seed(int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 1)

# A build without them does not know the word.
listed = subprocess.run([possync, "points"], capture_output=True, text=True)
points = listed.stdout.split() if listed.returncode == 0 else []


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "20ms", "--seed", "3"], stdout=subprocess.PIPE, text=True)
    port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
    # Somebody has to read what the gateway prints, or it would stop at a full pipe.
    drain = subprocess.Popen(["cat"], stdin=gateway.stdout, stdout=subprocess.DEVNULL)
    database = folder / "book.db"
    config = folder / "possync.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{database}"\n[[gateway]]\nname = "sim"\nport = {port}\n[log]\nformat = "json"\n')
    acknowledged = 0
    changes = 0
    try:
        for kill in range(count):
            if kill == 5 and changes == 0:
                # A service waits with a new account until it stands still, for longer than it lives here; a single sync does not.
                subprocess.run([possync, "sync", "--config", config], capture_output=True)
            log = folder / f"log{kill}"
            with open(log, "w") as stderr:
                at_point = {"POSSYNC_KILL_AT": f"{points[kill // 2 % len(points)]}:{random.randint(1, 3)}"} if points and kill % 2 else {}
                service = subprocess.Popen([possync, "run", "--config", config], stderr=stderr, env=os.environ | at_point)
                time.sleep(random.uniform(0.0, 0.8))
                service.send_signal(signal.SIGKILL)
                service.wait()
            acknowledged = max(acknowledged, committed_revision(log))
            if not database.exists():
                continue
            connection = sqlite3.connect(database)
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert not connection.execute("PRAGMA foreign_key_check").fetchall()
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'accounts'").fetchone():
                assert acknowledged == 0, "the schema is gone"  # killed before the first migration was committed
                connection.close()
                continue
            row = connection.execute("SELECT max(revision) FROM accounts").fetchone()
            revision = row[0] or 0
            assert revision >= acknowledged, f"revision {acknowledged} was reported as committed, the database has {revision}"
            assert revision >= changes, "a revision went back"
            changes = revision
            # One open position an instrument, and every position is the sum of its lots.
            bad = connection.execute("""SELECT p.position_id FROM positions_numeric p LEFT JOIN lots_numeric l USING (position_id)
                GROUP BY p.position_id HAVING abs(p.quantity - coalesce(sum(l.remaining_quantity), 0)) > 1e-9""").fetchall()
            assert not bad, f"lots do not sum to their position: {bad}"
            twice = connection.execute("""SELECT account, con_id FROM positions WHERE status = 'OPEN' GROUP BY 1, 2 HAVING count(*) > 1""").fetchall()
            assert not twice, twice
            connection.close()
            if (kill + 1) % 50 == 0:
                print(f"{kill + 1} kills, revision {changes}", flush=True)
        assert changes > 0, "nothing was ever committed"

        # The day goes on; the restarted service follows it. Compared when the day stands still.
        service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        time.sleep(4)
        gateway.send_signal(signal.SIGUSR2)
        client = Client(port, 900)
        equal = False
        for attempt in range(100):
            time.sleep(0.2)
            held = client.positions()
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                book = dict(((account, con_id), quantity) for account, con_id, quantity in
                            connection.execute("SELECT account, con_id, quantity FROM positions WHERE status = 'OPEN'"))
            if book == held:
                equal = True
                break
        client.close()
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
        assert equal, f"book and broker differ: {set(book.items()) ^ set(held.items())}"
        print(f"{count} kills, {changes} revisions, none lost; book and broker are equal")
    finally:
        gateway.send_signal(signal.SIGCONT)
        gateway.kill()
        gateway.wait()
        drain.wait()
