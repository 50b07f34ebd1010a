#!/usr/bin/env python3
"""A sync end to end on PostgreSQL, as sync_bench.py does it on SQLite: possync as shipped beside the ORM loop of peer_sync.py, which
writes the same kinds of rows to the same server, and beside the bare `unnest` of the very rows that the first sync wrote
(raw_unnest.cpp). A server of its own, with fsync on, is started and stopped.

The sides alternate within each round, ratios are taken round by round, and medians are printed. In the end the quantities of both
sides must be the gateway's, and the peer must have written as many rows of each kind, or the run fails.

One JSON object per line on standard output, as of line.hpp.

usage: postgres_bench.py BUILD [--quick]
"""
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).parent.resolve()
build, quick = pathlib.Path(sys.argv[1]).resolve(), "--quick" in sys.argv
possync, raw_unnest = build / "possync", build / "bench/raw_unnest"
positions, rounds, unchanged_syncs = 10_000, 3 if quick else 7, 5
sys.path.insert(0, str(here.parent / "test/e2e"))
from tws_client import quantities_at  # noqa: E402

from peer_process import Peer

tables = {"instrument": "instrument", "execution": "execution", "adjustment": "adjustment", "position": "position", "position_close": "close",
          "lot": "lot", "position_event": "event", "position_version": "history", "mark": "mark"}


def server(verb, folder, *more):
    subprocess.run([sys.executable, here.parent / "test/postgres/server.py", verb, folder, *more], check=True, stdout=subprocess.DEVNULL)


def sql(url, text):
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def held_in(url, text):
    return {(account, int(con_id)): float(quantity) for account, con_id, quantity in (line.split("|") for line in sql(url, text).splitlines())}


def sync(config):
    """Milliseconds of the sync itself, done by the running service."""
    done = subprocess.run([possync, "sync", "--json", "--config", config], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    assert answer["success"], answer
    return answer["results"][0]["duration_seconds"] * 1e3


def one_round(folder, url, results):
    for schema in ("book", "peer"):
        sql(url, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    sql(url, "CREATE SCHEMA peer")
    processes = []
    try:
        gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", str(positions), "--burst", str(positions // 10)],
                                   stdout=subprocess.PIPE, text=True)
        processes.append(gateway)
        port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        config = folder / "possync.toml"
        config.write_text(f'[database]\nurl = "{url}?schema=book"\n[[gateway]]\nport = {port}\nname = "sim"\n[sync]\nenabled = false\n'
                          '[log]\nlevel = "error"\n[http]\nlisten = ""\n')
        service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
        processes.append(service)
        peer_url = url.replace("postgresql://", "postgresql+psycopg2://") + "?options=-csearch_path%3Dpeer"
        peer = Peer(port, peer_url, "orm")
        processes.append(peer.process)
        results["reader"] = peer.reader
        time.sleep(1)

        def phase(name, keep=True):
            if name != "unchanged":
                sql(url, "CHECKPOINT")  # what the last phase left to be written is not this one's
            taken = {"possync": sync(config), "orm": peer.sync()}
            if keep:
                for who, milliseconds in taken.items():
                    results.setdefault((name, who), []).append(milliseconds)

        quantities_at(port)  # in the peer's form: neither side waits for the simulator to encode its list
        phase("first")
        rows, raw, fastest = subprocess.run([raw_unnest, url, "book"], capture_output=True, text=True, check=True).stdout.split()
        results["rows"] = int(rows)
        results.setdefault(("first", "raw"), []).append(float(raw))
        results.setdefault(("first", "fastest"), []).append(float(fastest))
        phase("unchanged", keep=False)
        for _ in range(unchanged_syncs):
            phase("unchanged")
        gateway.send_signal(signal.SIGUSR1)
        gateway.stdout.readline()
        phase("tenth")

        truth = quantities_at(port)
        assert held_in(url, "SELECT account, con_id, quantity FROM book.positions WHERE status = 'OPEN'") == truth, "possync's book differs from the gateway"
        assert held_in(url, "SELECT account, con_id, quantity FROM peer.position WHERE status = 'OPEN'") == truth, "the peer's book differs from the gateway"
        for own_table, their_table in tables.items():
            own, their = (int(sql(url, f'SELECT count(*) FROM {name}')) for name in (f'book."{own_table}"', f'peer."{their_table}"'))
            assert abs(own - their) <= own * 0.03, f"{own} rows in {own_table}, {their} in the peer's {their_table}"
    finally:
        for process in processes:
            process.kill()
            process.communicate()


results = {}
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    server("start", folder / "server", "--durable")
    try:
        url = (folder / "server/url").read_text().strip()
        for number in range(rounds):
            print(f"sync of {positions} positions on PostgreSQL, round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
            one_round(folder, url, results)
    finally:
        server("stop", folder / "server")


def beside(phase, who):
    """What makes value / other the median of the rounds' ratios."""
    own = results[(phase, "possync")]
    return statistics.median(own) * statistics.median(b / a for a, b in zip(own, results[(phase, who)]))


for phase in ("first", "unchanged", "tenth"):
    own = results[(phase, "possync")]
    row = {"line": f"sync.postgres.10k.{phase}", "value": statistics.median(own), "unit": "ms", "peer": beside(phase, "orm"),
           "peer_is": f"SQLAlchemy ORM ({results['reader']})", "note": f"[{min(own):.1f}..{max(own):.1f}]"}
    if phase == "first":
        row.update(floor=beside(phase, "raw"), floor_is="bare unnest of the same rows")
        row["note"] += f", {results['rows']} rows"
    print(json.dumps(row), flush=True)
own = results[("first", "possync")]
print(json.dumps({"line": "sync.postgres.10k.first_to_fastest", "value": statistics.median(own), "unit": "ms", "floor": beside("first", "fastest"),
                  "floor_is": "the same rows, arrays unnested side by side"}), flush=True)
