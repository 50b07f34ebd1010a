#!/usr/bin/env python3
"""A sync end to end, three ways in one run: possync as shipped (history, events, explanation on), the ORM loop of
peer_sync.py, and the bare insert of the rows that possync's first sync wrote. Both sides are running processes that sync
when told, from asking the gateway to the end of the commit. Phases: first sync into an empty database, sync without change
(twice, the second counts), sync after 10 % of the positions were changed by fills. A, B alternate within each round; the
final quantities of both are compared with the gateway's, and a difference fails the run. Besides, the whole process of a
one-shot `possync sync` without change.

usage: sync_bench.py POSSYNC RAW_INSERT PEER_PYTHON [--quick] [--check]
"""
import json
import os
import pathlib
import platform
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).parent
possync, raw_insert, python = sys.argv[1:4]
quick, gate = "--quick" in sys.argv, "--check" in sys.argv
count = 2000 if quick else 10000
rounds = 2 if quick else 5
sys.path.insert(0, str(here.parent / "test/e2e"))
from tws_client import Client  # noqa: E402


def possync_sync(config):
    """(whole command, the sync itself) in milliseconds; done by the running service when there is one."""
    begun = time.perf_counter()
    done = subprocess.run([possync, "sync", "--json", "--config", config], capture_output=True, text=True)
    wall = (time.perf_counter() - begun) * 1e3
    answer = json.loads(done.stdout)
    assert answer["success"], answer
    return wall, answer["results"][0]["duration_seconds"] * 1e3


def held_in(database, sql):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return {(account, con_id): float(quantity) for account, con_id, quantity in connection.execute(sql)}


def one_round(folder, results):
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", str(count), "--burst", str(count // 10)],
                               stdout=subprocess.PIPE, text=True)
    port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
    peer = subprocess.Popen([python, here / "peer_sync.py", str(port), folder / "peer.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    config = folder / "possync.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{folder}/book.db"\n[[gateway]]\nport = {port}\nname = "sim"\n[sync]\nenabled = false\n[log]\nlevel = "error"\n')
    service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
    time.sleep(1)

    def peer_sync():
        peer.stdin.write("\n")
        peer.stdin.flush()
        return sum(map(float, peer.stdout.readline().split()))

    def phase(name):
        own = possync_sync(config)[1]
        other = peer_sync()
        results.setdefault((name, "possync"), []).append(own)
        results.setdefault((name, "ORM loop"), []).append(other)

    try:
        phase("first")
        with sqlite3.connect(folder / "book.db") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows, milliseconds = subprocess.run([raw_insert, folder / "book.db", folder / "raw.db"], capture_output=True, text=True, check=True).stdout.split()
        results.setdefault(("first", "raw insert"), []).append(float(milliseconds))
        results["rows"] = int(rows)
        phase("warm-up")
        phase("no change")
        gateway.send_signal(signal.SIGUSR1)
        gateway.stdout.readline()
        phase("10 % changed")
        client = Client(port, 4242)
        truth = {key: float(quantity) for key, quantity in client.positions().items()}
        client.close()
        ours = held_in(folder / "book.db", "SELECT account, con_id, quantity FROM positions WHERE status = 'OPEN'")
        theirs = held_in(folder / "peer.db", "SELECT account, con_id, quantity FROM position WHERE status = 'OPEN'")
        assert ours == truth, "possync's book differs from the gateway"
        assert theirs == truth, "the peer's book differs from the gateway"
        status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
        results["memory"] = max(results.get("memory", 0),
                                int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024)
        service.terminate()
        service.wait()
        results.setdefault(("one-shot", "possync"), []).append(possync_sync(config)[0])
    finally:
        service.kill()
        service.wait()
        peer.kill()
        peer.communicate()
        gateway.kill()
        gateway.communicate()


results = {}
for number in range(rounds):
    print(f"round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as name:
        one_round(pathlib.Path(name), results)
memory = results["memory"]

cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
print(f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}")
print(f"{count} positions, {rounds} rounds, SQLite {sqlite3.sqlite_version}, WAL, synchronous FULL; milliseconds, median [min..max]")
print(f"{'phase':<14}{'possync':>26}{'ORM loop':>28}{'x ORM':>9}{'raw insert':>24}{'of raw':>8}")
floors = {"first": 25, "no change": 100, "10 % changed": 20}
problems = []
for name, floor in floors.items():
    def show(who):
        values = results[(name, who)]
        return f"{statistics.median(values):.1f} [{min(values):.1f}..{max(values):.1f}]"
    own = results[(name, "possync")]
    ratio = statistics.median(b / a for a, b in zip(own, results[(name, "ORM loop")]))
    line = f"{name:<14}{show('possync'):>26}{show('ORM loop'):>28}{ratio:>8.0f}x"
    if name == "first":
        share = statistics.median(b / a for a, b in zip(own, results[(name, "raw insert")]))
        line += f"{show('raw insert'):>24}{share:>8.2f}"
        if share < 0.5 * (0.7 if gate else 1):
            problems.append(f"first sync reaches {share:.2f} of the raw insert, 0.5 is wanted")
    if ratio < floor * (0.7 if gate else 1):
        problems.append(f"{name}: {ratio:.0f} x the ORM loop, {floor} is wanted")
    print(line)
one_shot = results[("one-shot", "possync")]
print(f"one-shot `possync sync` without change, the whole process: {statistics.median(one_shot):.0f} ms")
print(f"{results['rows']} rows written by the first sync; memory of the running service: {memory:.0f} MiB")
if memory > 64:
    problems.append(f"the service takes {memory:.0f} MiB, 64 is the limit")
for problem in problems:
    print("below target:", problem)
sys.exit(1 if gate and problems else 0)
