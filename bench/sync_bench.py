#!/usr/bin/env python3
"""A sync end to end beside the Python loop of peer_sync.py and the bare writing of the rows that possync wrote, in one run.
possync runs as shipped: history, events, explanation and statistics on. Both sides are running processes that sync when told,
from asking the gateway to the end of the commit; all ask the same simulated gateway.

Phases: first sync into an empty database; without change (several times); after a tenth of the positions was changed by fills.
The sides alternate within each round, ratios are taken round by round, and medians are printed. In the end the quantities of
every side must be the gateway's, and the peer must have written as many rows of each kind as possync, or the run fails.

One JSON object per line on standard output, as of line.hpp.

usage: sync_bench.py POSSYNC RAW_INSERT [--positions N] [--rounds N] [--peers orm,core,nplus1,positions_only]
"""
import argparse
import json
import pathlib
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent / "test/e2e"))
from tws_client import quantities_at  # noqa: E402

from peer_process import Peer

parser = argparse.ArgumentParser()
parser.add_argument("possync")
parser.add_argument("raw")
parser.add_argument("--positions", type=int, default=10000)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--peers", default="orm,core")
options = parser.parse_args()
unchanged_syncs = 5
tables = {"instrument": "instrument", "execution": "execution", "adjustment": "adjustment", "position": "position", "position_close": "close",
          "lot": "lot", "position_event": "event", "position_version": "history", "mark": "mark"}


def report(line, value, floor=None, floor_is="", peer=None, peer_is="", unit="ms", note=""):
    row = {"line": line, "value": value, "unit": unit}
    if floor is not None:
        row.update(floor=floor, floor_is=floor_is)
    if peer is not None:
        row.update(peer=peer, peer_is=peer_is)
    if note:
        row["note"] = note
    print(json.dumps(row), flush=True)


class Files:
    """Each side has a file of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.url = f"sqlite:///{folder}/book.db"

    def peer_url(self, name):
        return self.folder / f"{name}.db"

    def ask(self, side, sql):
        with sqlite3.connect(f"file:{self.folder}/{side}.db?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def snapshot(self, name):
        with sqlite3.connect(self.folder / "book.db") as connection:
            connection.execute("VACUUM INTO ?", (str(self.folder / name),))

    def raw(self, after, before):
        """Rows and milliseconds of writing again what came between two snapshots."""
        rows, milliseconds = subprocess.run([options.raw, self.folder / after, self.folder / "raw.db", self.folder / before], capture_output=True,
                                            text=True, check=True).stdout.split()
        return int(rows), float(milliseconds)

def variant_of(name):
    return ["orm", "--positions-only"] if name == "positions_only" else [name]


def sync(config):
    """Milliseconds of the sync itself, done by the running service."""
    done = subprocess.run([options.possync, "sync", "--json", "--config", config], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    assert answer["success"], answer
    return answer["results"][0]["duration_seconds"] * 1e3


def high_water(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def one_round(folder, results):
    database = Files(folder)
    gateway = subprocess.Popen([options.possync, "simulate", "--port", "0", "--pace", "0s", "--positions", str(options.positions), "--burst",
                                str(options.positions // 10)], stdout=subprocess.PIPE, text=True)
    service, peers = None, {}
    try:
        port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        config = folder / "possync.toml"
        config.write_text(f'[database]\nurl = "{database.url}"\n[[gateway]]\nport = {port}\nname = "sim"\n[sync]\nenabled = false\n'
                          '[http]\nlisten = ""\n[log]\nlevel = "error"\n')
        service = subprocess.Popen([options.possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        peers = {name: Peer(port, database.peer_url(name), *variant_of(name)) for name in options.peers.split(",") if name}
        results["reader"] = next((peer.reader for peer in peers.values()), "")
        time.sleep(1)

        def phase(name, keep=True):
            taken = {"possync": sync(config), **{peer_name: peer.sync() for peer_name, peer in peers.items()}}
            if keep:
                for who, milliseconds in taken.items():
                    results.setdefault((name, who), []).append(milliseconds)

        def floor(name, after, before):
            rows, milliseconds = database.raw(after, before)
            results.setdefault((name, "raw"), []).append(milliseconds)
            results[f"rows.{name}"] = rows

        database.snapshot("before.db")
        quantities_at(port)  # in the peer's form: neither side waits for the simulator to encode its list
        phase("first")
        database.snapshot("after.db")
        floor("first", "after.db", "before.db")
        phase("unchanged", keep=False)
        for _ in range(unchanged_syncs):
            phase("unchanged")
        database.snapshot("before2.db")
        gateway.send_signal(signal.SIGUSR1)
        gateway.stdout.readline()
        phase("tenth")
        database.snapshot("after2.db")
        floor("tenth", "after2.db", "before2.db")

        truth = quantities_at(port)

        def held(side, table):
            return {(account, con_id): float(quantity) for account, con_id, quantity in database.ask(
                side, f"SELECT account, con_id, quantity FROM {table} WHERE status = 'OPEN'")}

        def count(side, table):
            return database.ask(side, f"SELECT count(*) FROM {table}")[0][0]

        assert held("book", "positions") == truth, "possync's book differs from the gateway"
        for name in peers:
            assert held(name, "position") == truth, f"the book of {name} differs from the gateway"
            if name == "positions_only":
                continue
            for own_table, their_table in tables.items():
                own, their = count("book", own_table), count(name, their_table)
                assert abs(own - their) <= own * 0.03, f"{own} rows in {own_table}, {their} in {name}'s {their_table}"
        results.setdefault(("memory", "possync"), []).append(high_water(service.pid))
        for name, peer in peers.items():
            results.setdefault(("memory", name), []).append(high_water(peer.process.pid))
        service.terminate()
        service.wait()
    finally:
        for peer in peers.values():
            peer.end()
        for process in (service, gateway):
            if process is not None:
                process.kill()
                process.communicate()


results = {}
for number in range(options.rounds):
    print(f"sync of {options.positions} positions, round {number + 1} of {options.rounds} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=".") as name:
        one_round(pathlib.Path(name).absolute(), results)

size = f"{options.positions // 1000}k" if options.positions >= 1000 else str(options.positions)
said = {"orm": "SQLAlchemy ORM", "core": "SQLAlchemy Core", "nplus1": "one query per position", "positions_only": "ORM, positions only"}
for phase in ("first", "unchanged", "tenth"):
    own = results[(phase, "possync")]
    value = statistics.median(own)
    floor = None
    if (phase, "raw") in results:
        floor = value * statistics.median(b / a for a, b in zip(own, results[(phase, "raw")]))
    note = f"[{min(own):.1f}..{max(own):.1f}]"
    if f"rows.{phase}" in results:
        note += f", {results[f'rows.{phase}']} rows"
    names = [name for name in options.peers.split(",") if name]
    for name in names or [None]:
        ratio = statistics.median(b / a for a, b in zip(own, results[(phase, name)])) if name else None
        report(f"sync.sqlite.{size}.{phase}" + (f".{name}" if name and name != "orm" else ""), value,
               floor if name in ("orm", None) else None, "bare writing of the same rows", value * ratio if name else None,
               f"{said[name]} ({results['reader']})" if name else "", note=note if name in ("orm", None) else "")
memory = results[("memory", "possync")]
report(f"sync.sqlite.{size}.memory", statistics.median(memory), unit="MiB",
       peer=statistics.median(results[("memory", "orm")]) if ("memory", "orm") in results else None, peer_is="SQLAlchemy ORM")
