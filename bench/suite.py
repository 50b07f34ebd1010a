#!/usr/bin/env python3
"""Runs the benchmarks and prints one table: each line's value, its floor of the same run and how near it comes, its peer of the
same run and how many times faster it is, and what it must reach. Only ratios are held against targets, never times.

usage: suite.py BUILD [--quick] [--only NAME,...] [--markdown FILE] [--plots FOLDER]
exit status: 0 every ratio is at its target (with --quick at 0.7 of it), 1 one is not, or an answer was wrong
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import pages

here = pathlib.Path(__file__).parent.resolve()
parser = argparse.ArgumentParser()
parser.add_argument("build", type=pathlib.Path)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--only", default="")
parser.add_argument("--markdown", type=pathlib.Path, help="a page that has a place for the table")
parser.add_argument("--plots", type=pathlib.Path)
options = parser.parse_args()
build = options.build.resolve()
possync = build / "possync"
bench = build / "bench"
python = "/usr/bin/python3"
folder = pathlib.Path(tempfile.mkdtemp(prefix="possync-bench-", dir=os.environ.get("POSSYNC_BENCH_FOLDER", build)))
rows, problems = [], []


def lines_of(name, command, **more):
    print(f"== {name}", file=sys.stderr, flush=True)
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, cwd=folder, **more)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"line"')]
    if done.returncode != 0:
        problems.append(f"{name} ended with status {done.returncode}")
    for row in found:
        row["suite"] = name
    rows.extend(found)


def decode():
    """Google Benchmark; the best of its repetitions, as what disturbs a run only makes it slower."""
    print("== decode", file=sys.stderr, flush=True)
    if not (bench / "decode_bench").exists():
        print("   not built: libbenchmark-dev and libprotobuf-dev are needed", file=sys.stderr)
        return
    out = folder / "decode.json"
    done = subprocess.run([bench / "decode_bench", f"--benchmark_out={out}", "--benchmark_out_format=json", "--benchmark_enable_random_interleaving=true",
                           f"--benchmark_min_time={0.02 if options.quick else 0.1}", "--benchmark_repetitions=9"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        return problems.append(f"decode ended with status {done.returncode}")
    best = {}
    for run in json.loads(out.read_text())["benchmarks"]:
        if run["run_type"] == "iteration":
            name = run["run_name"]
            best[name] = min(best.get(name, 1e300), run["cpu_time"] / 1000)  # of 1,000 messages
    for message in ("position", "portfolio", "execution"):
        rows.append(dict(suite="decode", line=f"decode.{message}.text", unit="ns/message", value=best[f"{message}/text"], floor=best[f"{message}/text/floor"],
                         floor_is="scan for NUL", peer=best[f"{message}/text/plain"], peer_is="split and strtod"))
        rows.append(dict(suite="decode", line=f"decode.{message}.binary", unit="ns/message", value=best[f"{message}/binary"],
                         peer=best[f"{message}/binary/libprotobuf"], peer_is="libprotobuf, one message used again"))
    rows.append(dict(suite="decode", line="decode.position.unchanged", unit="ns/message", value=best["position/unchanged"],
                     floor=best["position/text/floor"], floor_is="scan for NUL", peer=best["position/text"], peer_is="the full decode"))


def diff():
    lines_of("diff", [bench / "diff_bench", 10_000 if options.quick else 100_000])


def store():
    lines_of("store", [bench / "store_bench", folder, *([10_000, 3] if options.quick else [10_000, 7])])


def postgres():
    """As sync, on a server that is started for it; where there is none, it says so."""
    if shutil.which("pg_ctl") is None and not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")):
        print("== postgres\n   left out: there is no PostgreSQL server; install Debian's package postgresql", file=sys.stderr)
        return
    lines_of("postgres", [python, here / "postgres_bench.py", build, *(["--quick"] if options.quick else [])])


def sync():
    sizes = [(10_000, 3, "orm,core,positions_only"), (1000, 3, "orm")] if options.quick else [
        (1000, 5, "orm,core,nplus1,positions_only"), (10_000, 5, "orm,core,positions_only")]
    for positions, rounds, peers in sizes:
        lines_of("sync", [python, here / "sync_bench.py", possync, bench / "raw_insert", "--positions", positions, "--rounds", rounds, "--peers", peers])


def live():
    lines_of("live", [bench / "stream_bench", folder, *([2, 500] if options.quick else [10, 500, 2000, 10_000])])


def start():
    """From the start of the process to its end, with the first sync of 1,000 positions committed in between."""
    print("== start", file=sys.stderr, flush=True)
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "0s", "--positions", "1000"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        own, memory, theirs, their_memory = [], [], [], []
        for i in range(5):
            config = folder / "start.toml"
            book = folder / f"start{i}.db"
            config.write_text(f'[database]\nurl = "sqlite:///{book}"\n[[gateway]]\nport = {port}\n[log]\nlevel = "error"\n')
            begun = time.perf_counter()
            process = subprocess.Popen([possync, "sync", "--config", config], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            own.append((time.perf_counter() - begun) * 1e3)
            memory.append(usage.ru_maxrss / 1024)
            with sqlite3.connect(book) as connection:
                held = connection.execute("SELECT count(*) FROM positions WHERE status = 'OPEN'").fetchone()[0]
            if status != 0 or held != 1000:
                problems.append(f"the first sync left {held} positions")
            begun = time.perf_counter()
            process = subprocess.Popen([python, here / "peer_sync.py", str(port), folder / f"peer{i}.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            process.stdin.write(b"\n")
            process.stdin.close()
            process.stdout.read()
            _, _, usage = os.wait4(process.pid, 0)
            theirs.append((time.perf_counter() - begun) * 1e3)
            their_memory.append(usage.ru_maxrss / 1024)
    finally:
        gateway.kill()
        gateway.communicate()
    middle = lambda values: sorted(values)[len(values) // 2]  # noqa: E731
    rows.append(dict(suite="start", line="start.first_sync_1k", unit="ms", value=middle(own), floor=50, floor_is="limit", peer=middle(theirs), peer_is="SQLAlchemy ORM"))
    rows.append(dict(suite="start", line="start.memory_1k", unit="MiB", value=middle(memory), floor=20, floor_is="limit", peer=middle(their_memory), peer_is="SQLAlchemy ORM"))
    stripped = folder / "stripped"
    subprocess.run(["strip", "-o", stripped, possync], check=True)
    rows.append(dict(suite="start", line="start.program_size", unit="MiB", value=stripped.stat().st_size / 2**20, note="stripped"))


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    file_system = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    cache = (build / "CMakeCache.txt").read_text()
    of = lambda key: next((line.split("=", 1)[1] for line in cache.splitlines() if line.startswith(key + ":")), "")  # noqa: E731
    compiler = subprocess.run([of("CMAKE_CXX_COMPILER") or "c++", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    priority = {1: ", real-time priority", 2: ", real-time priority"}.get(os.sched_getscheduler(0), "")
    return (f"{time.strftime('%Y-%m-%d %H:%M')}, {cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start{priority}; Linux {platform.release()}, "
            f"{file_system}; {compiler}, {of('CMAKE_BUILD_TYPE')}; SQLite {sqlite3.sqlite_version}, WAL, synchronous FULL")


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def table():
    """Rows of text: line, value, floor, share, peer, ratio, must, verdict."""
    targets = json.loads((here / "targets.json").read_text())
    share = 0.7 if options.quick else 1
    printed = []
    for row in rows:
        target = next((target for pattern, target in targets.items() if re.fullmatch(pattern, row["line"])), {})
        near = row["floor"] / row["value"] if "floor" in row else None
        times = row["peer"] / row["value"] if "peer" in row else None
        verdict = ""
        for what, reached, wanted in (("floor", near, target.get("floor")), ("peer", times, target.get("peer"))):
            if wanted is None or reached is None:
                continue
            if reached < wanted * share:
                problems.append(f"{row['line']}: {number(reached)} of its {what}, {wanted} is wanted" + (f", {share} of it at least" if share < 1 else ""))
                verdict = "below"
            verdict = verdict or "ok"
        must = ", ".join(text for text in (f"{target['floor']} of floor" if "floor" in target else "", f"{target['peer']}x" if "peer" in target else "") if text)
        printed.append([row["line"], f"{number(row['value'])} {row['unit']}", f"{number(row['floor'])} ({row['floor_is']})" if near else "",
                        f"{near:.2f}" if near else "", f"{number(row['peer'])} ({row['peer_is']})" if times else "", f"{times:.1f}x" if times else "", must, verdict,
                        row.get("note", "")])
    return printed


def plots(into):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "possync"
    into.mkdir(parents=True, exist_ok=True)
    # Sync beside the ORM, by size.
    found = {}
    for row in rows:
        match = re.fullmatch(r"sync\.sqlite\.(\w+)\.(first|unchanged|tenth)", row["line"])
        if match and "peer" in row:
            size = int(match[1].replace("k", "000"))
            found.setdefault(match[2], []).append((size, row["value"], row["peer"]))
    if found:
        figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.4), sharey=True)
        for axis, (phase, title) in zip(axes, (("first", "first sync"), ("unchanged", "without change"), ("tenth", "10 % changed by fills"))):
            points = sorted(found.get(phase, []))
            axis.plot([p[0] for p in points], [p[1] for p in points], marker="o", label="possync")
            axis.plot([p[0] for p in points], [p[2] for p in points], marker="s", label="SQLAlchemy ORM")
            axis.set(xscale="log", yscale="log", title=title, xlabel="positions")
            axis.grid(True, which="major", alpha=0.3)
        axes[0].set_ylabel("milliseconds")
        axes[0].legend()
        figure.tight_layout()
        figure.savefig(into / "sync.svg", metadata={"Date": None})
    near = [(row["line"], row["floor"] / row["value"]) for row in rows if "floor" in row and row["suite"] in ("decode", "store", "sync", "postgres")]
    if near:
        figure, axis = pyplot.subplots(figsize=(8, 0.28 * len(near) + 1))
        axis.barh([name for name, _ in near], [value for _, value in near])
        axis.axvline(1, color="black", linewidth=0.8)
        axis.invert_yaxis()
        axis.set_xlabel("share of the floor measured in the same run (1: at the limit)")
        figure.tight_layout()
        figure.savefig(into / "floors.svg", metadata={"Date": None})


suites = {"decode": decode, "diff": diff, "store": store, "postgres": postgres, "sync": sync, "live": live, "start": start}
wanted = [name for name in options.only.split(",") if name] or list(suites)
unknown = [name for name in wanted if name not in suites]
if unknown:
    sys.exit(f"suite.py: there is no benchmark {unknown[0]}; there are {', '.join(suites)}")
head = machine()
begun = time.monotonic()
try:
    for name in wanted:
        suites[name]()
finally:
    shutil.rmtree(folder, ignore_errors=True)
titles = ["line", "value", "floor", "of floor", "peer", "x peer", "must", "", ""]
printed = table()
print(head)
widths = [max(len(row[i]) for row in [titles, *printed]) for i in range(len(titles))]
for row in [titles, *printed]:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
print(f"took {time.monotonic() - begun:.0f} s")
for problem in problems:
    print("below target:" if " is wanted" in problem else "failed:", problem)
if options.markdown:
    text = [head, "", "| line | value | floor | of floor | peer | times | must | |", "|---|---|---|---|---|---|---|---|"]
    text += ["| " + " | ".join([*row[:7], (row[7] + " " + row[8]).strip()]) + " |" for row in printed]
    pages.replace(options.markdown, "bench", "\n".join(text))
if options.plots:
    plots(options.plots)
sys.exit(1 if problems else 0)
