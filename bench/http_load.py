#!/usr/bin/env python3
"""Load on the HTTP server: /api/positions of 100 positions by wrk, unchanged (304) and in full, while syncs commit; the service on one core.

usage: http_load.py POSSYNC [--seconds N]      needs wrk
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "test/e2e"))
from http_client import service  # noqa: E402

possync = sys.argv[1]
seconds = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 10


def wrk(running, tag):
    words = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", f"http://{running.host()}/api/positions"]
    if tag:
        words[1:1] = ["-H", f"If-None-Match: {tag}"]
    if len(os.sched_getaffinity(0)) > 1:
        words = ["taskset", "-c", "1", *words]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    errors = re.search(r"Socket errors.*|Non-2xx or 3xx.*", text)
    assert not errors, errors.group(0)
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), re.search(r"^\s+50%\s+([\d.]+\w+)", text, re.M).group(1),
            re.search(r"^\s+99%\s+([\d.]+\w+)", text, re.M).group(1))


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


with tempfile.TemporaryDirectory() as name:
    # Fills move positions all the time: nothing here is unchanged for long.
    with service(possync, name, simulate=("--positions", "100", "--pace", "100ms", "--account-interval", "1s"), name="load") as running:
        running.wait_synced()
        subprocess.run(["taskset", "-a", "-p", "-c", "0", str(running.process.pid)], capture_output=True, check=True)
        rows = len(running.get("/api/positions?status=OPEN").json()["items"])
        size = len(running.get("/api/positions").body)
        ended = False
        synced = 0

        def sync():
            global synced
            while not ended:
                assert running.ask("POST", "/api/sync/positions").status == 200
                synced += 1
                time.sleep(0.05)

        def revision():
            return running.get("/api/accounts").json()["items"][0]["revision"]

        thread = threading.Thread(target=sync)
        thread.start()
        print(f"{rows} positions, {size / 1000:.0f} kB a body, the service on one core")
        # "*" is unchanged whatever was committed: each commit still makes the server render and compare anew.
        for what, tag in (("full bodies", None), ("unchanged (304)", "*")):
            before, synced, used = revision(), 0, processor_seconds(running.process)
            rate, median, worst = wrk(running, tag)
            used = processor_seconds(running.process) - used
            # By processor time the figure is the same beside other work; by the clock only an idle machine shows it.
            print(f"{what:16}{rate:10,.0f}/s   p50 {median}  p99 {worst}   {rate * seconds / used:10,.0f} in a second of processor time, syncs included   "
                  f"{revision() - before} commits and {synced} syncs meanwhile")
        ended = True
        thread.join()
