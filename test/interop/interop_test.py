#!/usr/bin/env python3
"""Two readings of the same gateway: @stoqey/ib, which others wrote, and possync. They must agree.

usage: interop_test.py POSSYNC SOURCE_DIR WORK_DIR
"""
import json
import pathlib
import shutil
import subprocess
import sys
import time
from decimal import Decimal

possync, source, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
if shutil.which("npm") is None:
    print("skipped: npm is not installed")
    sys.exit(77)
work.mkdir(parents=True, exist_ok=True)
for name in ("package.json", "package-lock.json", "client.cjs"):
    shutil.copy(source / name, work)
if not (work / "node_modules/@stoqey/ib").exists():
    installed = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=work, capture_output=True, text=True)
    if installed.returncode != 0:
        print("skipped: the client cannot be installed:", installed.stderr.strip().splitlines()[-1:])
        sys.exit(77)


def simulate(*options):
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    return gateway, int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])


def compare(version):
    # 2 s of calm, then a few fills; then the day stands still (SIGSTOP would freeze the answers too, so it ends by itself).
    gateway, port = simulate("--pace", "30ms", "--happenings", "60", "--positions", "9", "--seed", "11", "--server-version", str(version))
    try:
        for _ in range(60):
            gateway.stdout.readline()
        time.sleep(0.2)
        config = work / "possync.toml"
        database = work / "book.db"
        for left in work.glob("book.db*"):
            left.unlink()
        config.write_text(f'[database]\nurl = "sqlite:///{database}"\n[[gateway]]\nname = "sim"\nport = {port}\n[log]\nlevel = "error"\n')
        subprocess.run([possync, "sync", "--config", config], check=True, stdout=subprocess.DEVNULL)

        def table(*words):
            return json.loads(subprocess.run([possync, *words, "--json", "--config", config], check=True, capture_output=True, text=True).stdout)

        ours = {row["con_id"]: row for row in table("positions", "--status", "OPEN")}
        executions = {row["exec_id"]: row for row in table("executions")}
        theirs = json.loads(subprocess.run(["node", "client.cjs", str(port), "DU1000001", "265598"], cwd=work, check=True,
                                           capture_output=True, text=True).stdout)
        number = lambda value: Decimal(str(value))
        assert theirs["accounts"] == "DU1000001", theirs["accounts"]
        held = {row["con_id"]: row for row in theirs["positions"] if row["quantity"] != 0}
        assert held.keys() == ours.keys(), (held.keys(), ours.keys())
        for con_id, row in held.items():
            assert number(row["quantity"]) == Decimal(ours[con_id]["quantity"]), (row, ours[con_id])
            assert row["symbol"] == ours[con_id]["symbol"] and row["sec_type"] == ours[con_id]["sec_type"]
        assert len(executions) > 10, len(executions)
        assert {row["exec_id"] for row in theirs["executions"]} == executions.keys()
        for row in theirs["executions"]:
            mine = executions[row["exec_id"]]
            assert (row["side"], number(row["shares"]), number(row["price"])) == (mine["side"], Decimal(mine["shares"]), Decimal(mine["price"]))
        for row in theirs["commissions"]:
            assert number(row["commission"]) == Decimal(executions[row["exec_id"]]["commission"]), row
        assert len(theirs["commissions"]) == len(executions)
        assert {row["con_id"] for row in theirs["portfolio"]} == held.keys()
        assert theirs["values"]["AccountReady"] == "true"
        assert theirs["contract"] == {"con_id": 265598, "magnifier": 1, "zone": "US/Eastern"}, theirs["contract"]
        print(f"server version {version}: {len(held)} positions, {len(executions)} executions, {len(theirs['commissions'])} commissions agree")
    finally:
        gateway.kill()
        gateway.communicate()


for version in (100, 151, 176, 200):
    compare(version)
