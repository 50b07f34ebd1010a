#!/usr/bin/env python3
"""One service with many accounts: N positions in N/100 accounts over up to 50 simulated gateways, each a process of its own with at
most 200 accounts. Measured for 1,000 to N positions: the first sync, a sync without change, memory, the processor while nothing
happens, the size of the database. The number of open positions in the database must be N in the end.

usage: scale_bench.py POSSYNC [POSITIONS] [--markdown PAGE] [--plots FOLDER]
"""
import argparse
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

import pages

parser = argparse.ArgumentParser()
parser.add_argument("possync")
parser.add_argument("positions", type=int, nargs="?", default=1_000_000)
parser.add_argument("--markdown", type=pathlib.Path, help="a page that has a place for the table")
parser.add_argument("--plots", type=pathlib.Path)
options = parser.parse_args()
possync = pathlib.Path(options.possync).resolve()
per_account, accounts_per_gateway = 100, 200
ticks = os.sysconf("SC_CLK_TCK")


def processor(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / ticks


def memory(pid, what):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


def sync(config):
    begun = time.perf_counter()
    done = subprocess.run([possync, "sync", "--json", "--config", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time.perf_counter() - begun


def settle(pid):
    """Until the work that follows a sync (contract data, which comes at the gateways' pace) is done: three seconds in a row of less than
    5 % of a core."""
    quiet = 0
    for _ in range(180):
        used = processor(pid)
        time.sleep(1)
        quiet = quiet + 1 if processor(pid) - used < 0.05 else 0
        if quiet == 3:
            return
    raise SystemExit("the service does not come to rest")


def measure(positions, folder):
    accounts = positions // per_account
    gateways = max(1, accounts // accounts_per_gateway)
    simulators, ports = [], []
    for i in range(gateways):
        process = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", str(per_account), "--accounts",
                                    str(accounts // gateways), "--first-account", str(1000001 + i * accounts_per_gateway), "--seed", str(i + 1)],
                                   stdout=subprocess.PIPE, text=True)
        simulators.append(process)
    for process in simulators:
        ports.append(int(process.stdout.readline().split(",")[0].rsplit(":", 1)[1]))
    config = folder / "possync.toml"
    book = folder / f"{positions}.db"
    text = f'[database]\nurl = "sqlite:///{book}"\n[sync]\nenabled = false\n[log]\nlevel = "error"\n'
    for i, port in enumerate(ports):
        text += f'[[gateway]]\nport = {port}\nname = "g{i}"\n'
    config.write_text(text)
    service = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            time.sleep(0.2)
            if book.exists():
                with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as connection:
                    try:
                        if connection.execute("SELECT count(*) FROM account").fetchone()[0] == accounts:
                            break
                    except sqlite3.OperationalError:
                        pass
        else:
            raise SystemExit("the accounts did not appear")
        time.sleep(2)
        empty, used = memory(service.pid, "VmRSS"), processor(service.pid)
        first = sync(config)
        first_processor = processor(service.pid) - used
        time.sleep(10)
        settle(service.pid)
        used = processor(service.pid)
        unchanged = sync(config)
        unchanged_processor = processor(service.pid) - used
        time.sleep(5)
        settle(service.pid)
        used, begun = processor(service.pid), time.perf_counter()
        time.sleep(15)
        idle = (processor(service.pid) - used) / (time.perf_counter() - begun)
        with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as connection:
            held = connection.execute("SELECT count(*) FROM position WHERE quantity <> '0'").fetchone()[0]
        assert held == positions, f"{held} positions instead of {positions}"
        row = dict(positions=positions, accounts=accounts, gateways=gateways, first=first, first_processor=first_processor, unchanged=unchanged,
                   unchanged_processor=unchanged_processor, memory=memory(service.pid, "VmRSS"), peak=memory(service.pid, "VmHWM"), empty=empty, idle=idle * 100,
                   database=(book.stat().st_size + sum(path.stat().st_size for path in [pathlib.Path(f"{book}-wal")] if path.exists())) / 2**20)
    finally:
        service.terminate()
        service.wait()
        for process in simulators:
            process.kill()
            process.communicate()
    return row


text = [f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start", "",
        "| positions | accounts | gateways | first sync, s | of the processor, s | without change, s | of the processor, s | memory, MiB | at most, MiB "
        "| bytes per position | idle, % of a core | database, MiB |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
print("\n".join(text))
rows = []
positions = 1000
with tempfile.TemporaryDirectory(dir=possync.parent) as name:
    while positions <= options.positions:
        row = measure(positions, pathlib.Path(name).absolute())
        rows.append(row)
        each = (row["memory"] - row["empty"]) * 2**20 / positions
        text.append(f"| {positions:,} | {row['accounts']:,} | {row['gateways']} | {row['first']:.2f} | {row['first_processor']:.2f} | {row['unchanged']:.2f} "
              f"| {row['unchanged_processor']:.2f} | {row['memory']:.0f} | {row['peak']:.0f} | {each:.0f} | {row['idle']:.2f} | {row['database']:.0f} |")
        print(text[-1], flush=True)
        positions *= 10
if options.markdown:
    pages.replace(options.markdown, "scale", "\n".join(text))
if options.plots:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "possync"
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4))
    n = [row["positions"] for row in rows]
    for key, label in (("first", "first sync"), ("first_processor", "first sync, processor"), ("unchanged", "without change"), ("unchanged_processor", "without change, processor")):
        axes[0].plot(n, [row[key] for row in rows], marker="o", label=label)
    axes[0].set(xscale="log", yscale="log", xlabel="positions", ylabel="seconds")
    axes[0].legend(fontsize=8)
    axes[1].plot(n, [row["memory"] for row in rows], marker="o", label="memory")
    axes[1].plot(n, [row["peak"] for row in rows], marker="s", label="at most")
    axes[1].set(xscale="log", yscale="log", xlabel="positions", ylabel="MiB")
    axes[1].legend(fontsize=8)
    for axis in axes:
        axis.grid(True, alpha=0.3)
    figure.tight_layout()
    options.plots.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.plots / "scale.svg", metadata={"Date": None})
