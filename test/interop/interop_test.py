#!/usr/bin/env python3
"""Two readings of the same gateway: @stoqey/ib, which others wrote, and possync. They must agree, and what the gateway says in
several ways must agree with itself.

usage: interop_test.py POSSYNC SOURCE_DIR WORK_DIR
"""
import json
import pathlib
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timezone
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

THEIR_NEWEST = 193  # server version; above it they take the older protocol from a newer gateway
FIRST, SECOND = "DU1000001", "DU1000002"
AAPL = 265598
FILLS = 60


def number(value):
    return Decimal(str(value))


def keyed(rows, *names):
    result = {tuple(row[name] for name in names): row for row in rows}
    assert len(result) == len(rows), f"repeated rows: {Counter(tuple(row[name] for name in names) for row in rows).most_common(3)}"
    return result


def day():
    """A day of two accounts that stands still: the gateway's port, and its process."""
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "20ms", "--happenings", str(FILLS), "--positions", "9",
                                "--accounts", "2", "--seed", "11", "--server-version", str(version)], stdout=subprocess.PIPE, text=True)
    port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
    for _ in range(FILLS):
        gateway.stdout.readline()
    time.sleep(0.2)
    return gateway, port


def ours(port):
    config, database = work / "possync.toml", work / "book.db"
    for left in work.glob("book.db*"):
        left.unlink()
    config.write_text(f'[database]\nurl = "sqlite:///{database}"\n[[gateway]]\nname = "sim"\nport = {port}\n[log]\nlevel = "error"\n')
    subprocess.run([possync, "sync", "--config", config], check=True, stdout=subprocess.DEVNULL)

    def table(*words):
        return json.loads(subprocess.run([possync, *words, "--json", "--config", config], check=True, capture_output=True, text=True).stdout)

    return (keyed(table("positions", "--status", "OPEN"), "account", "con_id"), keyed(table("executions"), "exec_id"),
            keyed(table("instruments"), "con_id"))


def compare_positions(theirs, positions, instruments):
    rows = keyed(theirs["positions"], "account", "con_id")
    held = {key: row for key, row in rows.items() if row["quantity"] != 0}
    assert held.keys() == positions.keys(), held.keys() ^ positions.keys()
    assert len(rows) > len(held), "closed positions stay in the list with quantity 0"
    assert {"STK", "OPT", "FUT"} <= {row["sec_type"] for row in rows.values()}
    for key, row in held.items():
        mine, contract = positions[key], instruments[(key[1],)]
        assert number(row["quantity"]) == Decimal(mine["quantity"]), (row, mine)
        assert number(row["averageCost"]) == Decimal(mine["broker_avg_cost"]), (row, mine)
        for name in ("symbol", "sec_type", "currency", "local_symbol"):
            assert row[name] == mine[name], (name, row, mine)
        assert row["trading_class"] == contract["trading_class"], (row, contract)
        assert row["expiry"].replace("-", "") == (contract["expiry"] or "").replace("-", ""), (row, contract)
        assert number(row["strike"] or 0) == Decimal(contract["strike"] or 0), (row, contract)
        assert row.get("right") == contract["right"], (row, contract)
        assert number(row["multiplier"] or 1) == Decimal(contract["multiplier"]), (row, contract)
    if version >= 103:
        of_account = keyed(theirs["positions_multi"], "account", "con_id")
        assert of_account.keys() == {key for key in rows if key[0] == FIRST}
        for key, row in of_account.items():
            assert row.pop("id") == 21 and row.pop("model") == ""
            assert row == rows[key]
    return len(held)


def compare_executions(theirs, executions):
    rows = keyed(theirs["executions"]["7"], "exec_id")
    assert rows.keys() == executions.keys(), rows.keys() ^ executions.keys()
    assert len(rows) > 20, len(rows)
    for key, row in rows.items():
        mine = executions[key]
        for name in ("account", "con_id", "symbol", "side", "exchange", "client_id", "perm_id"):
            assert row[name] == mine[name], (name, row, mine)
        assert (number(row["shares"]), number(row["price"])) == (Decimal(mine["shares"]), Decimal(mine["price"])), (row, mine)
        assert (row["order_ref"] or None) == mine["order_ref"], (row, mine)
        # From 174 on the zone stands behind it; before, two blanks between and the gateway's own.
        text = row["time"].removesuffix(" UTC")
        at = datetime.strptime(text, "%Y%m%d %H:%M:%S" if version >= 174 else "%Y%m%d  %H:%M:%S").replace(tzinfo=timezone.utc)
        assert at == datetime.fromisoformat(mine["time"]), (row, mine)
    chosen = {key for key, row in rows.items() if row["account"] == FIRST and row["side"] == "SLD" and row["sec_type"] == "STK"}
    assert chosen and {(row["exec_id"],) for row in theirs["executions"]["17"]} == chosen
    assert "18" not in theirs["executions"]
    # The filtered answer repeats the commissions of what it lists.
    times = Counter(row["exec_id"] for row in theirs["commissions"])
    assert times == Counter([key[0] for key in rows] + [key[0] for key in chosen])
    for row in theirs["commissions"]:
        mine = executions[(row["exec_id"],)]
        assert number(row["commission"]) == Decimal(mine["commission"]) and row["currency"] == mine["commission_currency"], (row, mine)
        realized = row.get("realized")
        assert (number(realized) if realized is not None else None) == (
            Decimal(mine["broker_realized_pnl"]) if mine["broker_realized_pnl"] else None), (row, mine)
    assert any(row.get("realized") is not None for row in theirs["commissions"])
    assert any(row.get("realized") is None for row in theirs["commissions"])
    return len(rows)


def compare_account(theirs, positions):
    portfolio = keyed(theirs["portfolio"], "account", "con_id")
    assert portfolio.keys() == {key for key in positions if key[0] == FIRST}
    for key, row in portfolio.items():
        assert number(row["quantity"]) == Decimal(positions[key]["quantity"])
        assert number(row["averageCost"]) == Decimal(positions[key]["broker_avg_cost"])
        cost = number(row["averageCost"]) * number(row["quantity"])
        assert abs(number(row["value"]) - cost - number(row["unrealized"])) < Decimal("0.02"), row
    values = {(row["key"], row["currency"]): row["value"] for row in theirs["values"]}
    assert all(row["account"] == FIRST for row in theirs["values"])
    assert values[("AccountReady", "")] == "true" and values[("AccountCode", "")] == FIRST
    summary = {(row["account"], row["tag"]): row["value"] for row in theirs["summary"]}
    assert summary.keys() == {(who, tag) for who in (FIRST, SECOND) for tag in ("NetLiquidation", "TotalCashValue", "BuyingPower")}
    for tag in ("NetLiquidation", "TotalCashValue", "BuyingPower"):
        assert summary[(FIRST, tag)] == values[(tag, "USD")], tag
    if version >= 103:
        assert {(row["key"], row["currency"]): row["value"] for row in theirs["values_multi"]} == values
    if version >= 107:
        assert theirs["family_codes"] == [{"accountID": "*", "familyCode": ""}], theirs["family_codes"]
    if version >= 127:
        one = portfolio[(FIRST, AAPL)]
        single, whole = theirs["pnl_single"], theirs["pnl"]
        assert (number(single["quantity"]), number(single["value"])) == (number(one["quantity"]), number(one["value"]))

        def in_base(name):
            """A portfolio row is in its contract's currency, the account's P&L in the account's."""
            return sum(number(row[name]) * Decimal(values[("ExchangeRate", row["currency"])]) for row in portfolio.values())

        if version >= 129:
            assert number(single["unrealized"]) == number(one["unrealized"])
            assert abs(number(whole["unrealized"]) - in_base("unrealized")) < Decimal("0.2"), (whole, in_base("unrealized"))
            assert number(whole["unrealized"]) == Decimal(values[("UnrealizedPnL", "BASE")])
        if version >= 135:
            assert number(single["realized"]) == number(one["realized"])
            assert number(whole["realized"]) == Decimal(values[("RealizedPnL", "BASE")])
    return len(portfolio)


def compare_the_rest(theirs):
    assert theirs["version"] == min(version, THEIR_NEWEST)
    assert theirs["accounts"] == [f"{FIRST},{SECOND}"] * 2, theirs["accounts"]
    assert abs(theirs["time"] - time.time()) < 60
    assert theirs["notices"] == [2104, 2106, 2158], theirs["notices"]
    assert theirs["errors"] == ({"10": [200], "25": [321]} if version >= 103 else {"10": [200]}), theirs["errors"]
    for request in ("8", "9"):
        (contract,) = theirs["contracts"][request]
        assert (contract["con_id"], contract["symbol"], contract["sec_type"], contract["currency"], contract["magnifier"],
                contract["zone"], contract["min_tick"]) == (AAPL, "AAPL", "STK", "USD", 1, "US/Eastern", 0.01), contract


for version in (100, 151, 176, 200):
    gateway, gateway_port = day()
    try:
        book = ours(gateway_port)
        client = subprocess.run(["node", "client.cjs", str(gateway_port), FIRST, str(AAPL)], cwd=work, capture_output=True, text=True)
        assert client.returncode == 0, client.stderr[:2000]
        read = json.loads(client.stdout)
        compare_the_rest(read)
        print(f"server version {version}, theirs {read['version']}: {compare_positions(read, book[0], book[2])} positions, "
              f"{compare_executions(read, book[1])} executions, {len(read['commissions'])} commissions, "
              f"{compare_account(read, book[0])} portfolio rows, {len(read['values'])} account values agree")
    finally:
        gateway.kill()
        gateway.communicate()
