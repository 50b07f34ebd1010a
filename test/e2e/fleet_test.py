#!/usr/bin/env python3
"""Several services share the gateways of one database: real processes, each with all gateways in its configuration.

One writer: at every look at most one service is connected to a gateway, and an epoch has one owner for ever. Services join and
leave, are killed (SIGKILL) and paused (SIGSTOP for longer than the lease, then SIGCONT); what they serve is spread evenly again
without anybody's help, and the books stay whole.

usage: fleet_test.py POSSYNC [--services N] [--gateways N] [--postgres URL]
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from database import open_database
from processes import end

possync = pathlib.Path(sys.argv[1]).resolve()
LEASE = 6.0


def option(name, default):
    return type(default)(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


services_wanted = option("--services", 3)
gateways_wanted = option("--gateways", 4)
folder = pathlib.Path(tempfile.mkdtemp(prefix="possync-fleet-"))
database = open_database(folder)
rows = database.rows


class Gateway:
    """A simulated gateway with an account of its own, where something is traded every half second."""

    def __init__(self, number):
        self.name = f"g{number}"
        account, stock = f"DU{number}", f"{number}S"
        day = folder / f"{self.name}.scn"
        lines = [f"account {account}", f"instrument {stock} STK USD conid {7000 + number} symbol {stock}", f"hold {stock} 100 @ 50", "start"]
        lines += [f"fill {stock} {'sell' if step % 3 == 2 else 'buy'} {1 + step % 5} @ 5{step % 10} commission 1 account {account}" for step in range(2000)]
        day.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([possync, "simulate", "--port", "0", "--scenario", day, "--pace", "500ms"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)


class Service:
    count = 0

    def __init__(self, config):
        Service.count += 1
        self.log = folder / f"service{Service.count}.log"
        with open(self.log, "w") as stderr:
            self.process = subprocess.Popen([possync, "run", "--config", config], stderr=stderr)
        self.pid = self.process.pid

    def lines(self, event):
        found = []
        for line in self.log.read_text().splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if row.get("event") == event:
                found.append(row)
        return found

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=30)


owner_of_epoch = {}


def look():
    """{gateway: owner's pid} of the leases that run; checks that an epoch never changes hands."""
    held = {}
    for name, owner, epoch, until in rows(f"SELECT name, owner, epoch, {database.microseconds('lease_until')} FROM gateway"):
        if owner is None:
            continue
        before = owner_of_epoch.setdefault((name, epoch), owner)
        assert before == owner, f"epoch {epoch} of {name} was {before}'s and is {owner}'s"
        if until > time.time() * 1e6:
            held[name] = int(owner.split(":")[1])
    return held


def wait_for(what, condition, seconds):
    until = time.time() + seconds
    while time.time() < until:
        try:
            if condition():
                return time.time()
        except database.away:  # the first service is making the tables
            pass
        time.sleep(0.1)
    for log in sorted(folder.glob("*.log")):
        print(f"--- {log.name}\n" + "".join(log.read_text().splitlines(True)[-15:]))
    raise AssertionError(f"{what}: {look()}")


def spread(live):
    held = look()
    counts = {service.pid: 0 for service in live}
    for pid in held.values():
        if pid not in counts:
            return None
        counts[pid] += 1
    return (len(held), max(counts.values()) - min(counts.values()))


def is_even(live):
    return lambda: spread(live) in ((gateways_wanted, 0), (gateways_wanted, 1))


def check_books():
    """No revision was written twice, and every account's events follow each other without a hole."""
    for account, revision in rows("SELECT account_id, revision FROM account"):
        written = [row[0] for row in rows("SELECT revision FROM outbox WHERE account_id = ? ORDER BY revision", account)]
        assert written == list(range(1, revision + 1)), f"account {account}: revisions {written} of {revision}"
    verified = subprocess.run([possync, "verify", "--config", config], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


gateways = [Gateway(number) for number in range(1, gateways_wanted + 1)]
config = folder / "possync.toml"
text = f'[database]\nurl = "{database.url}"\n[fleet]\nlease = "{LEASE:.0f}s"\n[sync]\ninterval = "10s"\n[log]\nformat = "json"\n[http]\nlisten = ""\n'
for gateway in gateways:
    text += f'[[gateway]]\nname = "{gateway.name}"\nport = {gateway.port}\n'
config.write_text(text)
live = []
PATIENCE = 6 * LEASE + 20
try:
    live.append(Service(config))
    wait_for("one service takes all gateways", is_even(live), PATIENCE)
    while len(live) < services_wanted:
        live.append(Service(config))
        wait_for(f"{len(live)} services share", is_even(live), PATIENCE)
        print(f"{len(live)} services share {gateways_wanted} gateways", flush=True)
    wait_for("every account is synced", lambda: rows("SELECT count(*) FROM account WHERE revision > 0")[0][0] >= gateways_wanted, PATIENCE)

    # A standby says once that it is one.
    newest = live[-1]
    names = [line["gateway"] for line in newest.lines("gateway.standby")]
    assert len(names) == len(set(names)), names
    assert not newest.lines("gateway.claim_failed")

    # Commands reach the service that holds what they ask for.
    status = json.loads(subprocess.run([possync, "status", "--json", "--config", config], capture_output=True, text=True, check=True).stdout)
    assert len({row["owner"] for row in status["gateways"]}) == min(services_wanted, gateways_wanted), status
    synced = subprocess.run([possync, "sync", "--json", "--config", config], capture_output=True, text=True)
    assert len(json.loads(synced.stdout)["results"]) >= gateways_wanted, synced.stdout + synced.stderr

    # Killed: the others take over within the lease.
    victim = live.pop(0)
    before = time.time()
    victim.end(signal.SIGKILL)
    after = wait_for("the killed service's gateways are taken over", is_even(live), PATIENCE)
    print(f"taken over {after - before:.1f} s after SIGKILL (lease {LEASE:.0f} s)", flush=True)

    # Paused for longer than the lease: it wakes up, finds that it lost, and writes nothing more.
    paused = live[0]
    theirs = {name: owner for name, owner in look().items() if owner == paused.pid}
    assert theirs
    before = time.time()
    paused.process.send_signal(signal.SIGSTOP)
    after = wait_for("the paused service's gateways are taken over", lambda: all(look().get(name) not in (None, paused.pid) for name in theirs), PATIENCE)
    print(f"taken over {after - before:.1f} s after SIGSTOP (lease {LEASE:.0f} s)", flush=True)
    time.sleep(1)
    paused.process.send_signal(signal.SIGCONT)
    wait_for("the paused service says that it lost", lambda: {line["gateway"] for line in paused.lines("gateway.lease_lost")} >= set(theirs), PATIENCE)
    wait_for("the fleet is even again", is_even(live), 2 * PATIENCE)

    # One joins, one leaves in order: its gateways are free at once.
    live.append(Service(config))
    wait_for("a service joined", is_even(live), PATIENCE)
    leaver = live.pop(0)
    before = time.time()
    leaver.end()
    after = wait_for("the gateways of one that ended are taken over", is_even(live), PATIENCE)
    print(f"taken over {after - before:.1f} s after SIGTERM", flush=True)
    assert not rows("SELECT 1 FROM service WHERE owner LIKE ?", f"%:{leaver.pid}:%")

    # At rest nothing moves.
    epochs = rows("SELECT name, epoch FROM gateway ORDER BY name")
    time.sleep(2 * LEASE)
    assert rows("SELECT name, epoch FROM gateway ORDER BY name") == epochs, "gateways change hands though nothing changed"
    look()
    for service in live:
        service.end()
    live.clear()
    check_books()
    print(f"{len(owner_of_epoch)} epochs, each with one owner")
finally:
    end(*(service.process for service in live), *(gateway.process for gateway in gateways))
    database.drop()
