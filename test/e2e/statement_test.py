#!/usr/bin/env python3
"""Statements as their user imports them: years into an empty database, again, interrupted, gzipped, wrong; then live trading goes on, and
the next day's statement certifies it.

usage: statement_test.py POSSYNC
"""
import gzip
import json
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from decimal import Decimal

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import flex_file  # noqa: E402
from processes import end

possync = sys.argv[1]
folder = pathlib.Path(tempfile.mkdtemp())


def run(*words, status=0, config="possync.toml", stdin=None):
    done = subprocess.run([possync, *words, "--config", str(folder / config)], capture_output=True, text=True, input=stdin)
    assert done.returncode == status, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def configure(name, port=4002, accounts='["DU7000001"]'):
    (folder / f"{name}.toml").write_text(f'[database]\nurl = "sqlite:///{folder}/{name}.db"\n[[gateway]]\nname = "sim"\nport = {port}\n'
                                         f'accounts = {accounts}\n[log]\nlevel = "error"\n')
    return f"{name}.toml"


def rows(table, *words, config="possync.toml"):
    return json.loads(run(table, *words, "--json", config=config).stdout)


def dump(name):
    """Everything a user sees of the database, without when it was recorded."""
    connection = sqlite3.connect(folder / f"{name}.db")
    result = {}
    for view in ("positions", "position_closes", "lots", "executions", "certifications", "certification_differences", "cash_transactions"):
        cursor = connection.execute(f"SELECT * FROM {view}")
        names = [column[0] for column in cursor.description]
        skip = {i for i, column in enumerate(names) if column.endswith("_id") or column in ("revision", "recorded_at")}
        result[view] = sorted(tuple(str(value) for i, value in enumerate(row) if i not in skip) for row in cursor)
    return result


def revision(name):
    return sqlite3.connect(folder / f"{name}.db").execute("SELECT revision FROM accounts").fetchone()[0]


# --- years into an empty database ------------------------------------------------------------------------------------------
configure("possync")
history = folder / "history.xml"
book = flex_file.write_history(history, trades=30000, instruments=40)
begun = time.monotonic()
print(run("import-flex", str(history)).stdout)
print(f"30,000 trades imported in {time.monotonic() - begun:.1f} s")
held = {row["con_id"]: row for row in rows("positions", "--status", "OPEN")}
for con_id, lots in book.lots.items():
    if not lots:
        assert con_id not in held
        continue
    assert Decimal(held[con_id]["quantity"]) == book.held(con_id), (con_id, held[con_id])
certified = run("certify")
assert "certified through 2026-11-20" in certified.stdout, certified.stdout
total = json.loads(run("pnl", "--by", "total", "--method", "fifo", "--json").stdout)[0]
assert abs(Decimal(total["net_realized_pnl"]) - book.realized) < Decimal("0.05"), (total, book.realized)
assert run("verify").returncode == 0
accounts = rows("accounts")
assert accounts[0]["certified_through"] == "2026-11-20", accounts

# --- again, gzipped, by standard input: nothing changes ---------------------------------------------------------------------
before, at = dump("possync"), revision("possync")
run("import-flex", str(history))
with gzip.open(folder / "history.xml.gz", "wb") as packed:
    packed.write(history.read_bytes())
run("import-flex", str(folder / "history.xml.gz"))
run("import-flex", "-", stdin=history.read_text())
assert revision("possync") == at and dump("possync") == before

# --- killed at any point, a second run completes it -------------------------------------------------------------------------
for wait in (0.2, 0.5, 0.9, 1.4):
    for left in folder.glob("killed.db*"):
        left.unlink()
    config = configure("killed")
    process = subprocess.Popen([possync, "import-flex", str(history), "--config", str(folder / config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run("import-flex", str(history), config=config)
    after = dump("killed")
    for view, content in before.items():
        assert after[view] == content, (wait, view, len(after[view]), len(content))
print("interrupted imports were completed by a second run")

# --- what is wrong is said in one line --------------------------------------------------------------------------------------
foreign = folder / "foreign.xml"
flex_file.write_history(foreign, trades=10, account="U9999999")
refused = run("import-flex", str(foreign), status=1)
assert refused.stderr.count("\n") == 1 and "U9999999" in refused.stderr and "--account" in refused.stderr, refused.stderr
(folder / "cut.xml").write_bytes(history.read_bytes()[:100000])
cut = run("import-flex", str(folder / "cut.xml"), status=2)
assert cut.stderr.count("\n") == 1 and "cut.xml" in cut.stderr, cut.stderr
(folder / "cut.xml.gz").write_bytes((folder / "history.xml.gz").read_bytes()[:20000])
cut = run("import-flex", str(folder / "cut.xml.gz"), status=2)
assert cut.stderr.count("\n") == 1, cut.stderr
assert "there is no file" in run("import-flex", str(folder / "none.xml"), status=2).stderr
assert revision("possync") == at and dump("possync") == before

# --- a day of live trading after it, and its statement ----------------------------------------------------------------------
for left in folder.glob("live.db*"):
    left.unlink()
gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "40ms", "--happenings", "80", "--positions", "9", "--seed", "5"],
                           stdout=subprocess.PIPE, text=True)
try:
    port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
    config = configure("live", port, "[]")
    # The day begins when the book does: whether a fill of the second in which a list is first seen is part of it, nobody can tell at once.
    gateway.send_signal(signal.SIGUSR2)
    assert "stands still" in gateway.stdout.readline()
    run("sync", config=config)
    gateway.send_signal(signal.SIGUSR2)
    assert "goes on" in gateway.stdout.readline()
    for _ in range(80):
        gateway.stdout.readline()
    time.sleep(0.3)
    run("sync", config=config)
    executions = rows("executions", config=config)
    assert len(executions) > 20
    # The broker's statement of the day: the same fills, but one commission is another and one fill has another price.
    instruments = {}
    for row in rows("instruments", config=config):
        more = {}
        if row["sec_type"] in ("OPT", "FUT"):
            more = {"underlyingSymbol": row["symbol"], "expiry": row["expiry"] or ""}
        if row["sec_type"] == "OPT":
            more |= {"strike": row["strike"], "putCall": row["right"]}
        scale = Decimal(row["price_scale"] or 1)
        instruments[row["con_id"]] = (flex_file.Instrument(row["con_id"], row["local_symbol"] or row["symbol"], row["sec_type"],
                                                           Decimal(row["multiplier"]), row["currency"], **more), scale)
    from zoneinfo import ZoneInfo
    eastern = ZoneInfo("America/New_York")
    ours = flex_file.Book()
    account = executions[0]["account"]
    wrong_commission, wrong_price = executions[3]["exec_id"], executions[7]["exec_id"]
    days = []
    with open(folder / "day.xml", "w") as file:
        writer = flex_file.Writer(file)
        moments = [datetime.fromisoformat(row["time"].replace("Z", "+00:00")).astimezone(eastern).replace(tzinfo=None) for row in executions]
        writer.begin(account, min(moments), max(moments))
        writer.section("Trades")
        for number, (row, when) in enumerate(sorted(zip(executions, moments), key=lambda pair: (pair[0]["time"], pair[0]["perm_id"]))):
            instrument, scale = instruments[row["con_id"]]
            price = Decimal(row["price"]) + (Decimal("0.5") if row["exec_id"] == wrong_price else 0)
            commission = Decimal(row["commission"]) + (1 if row["exec_id"] == wrong_commission else 0)
            # What was held before the day is not for this test: no realized P&L is claimed.
            writer.trade(account, instrument, when, Decimal(row["signed_quantity"]), price * scale, commission, 5000 + number, row["exec_id"],
                         flex_file.ZERO, [])
        writer.end_section("Trades")
        writer.end()
        writer.close()
    text = (folder / "day.xml").read_text().replace('fifoPnlRealized="0"', 'fifoPnlRealized=""')
    (folder / "day.xml").write_text(text)
    print(run("import-flex", str(folder / "day.xml"), config=config).stdout)
    found = {(row["kind"], row["subject"], row["state"]) for row in rows("differences", config=config)}
    assert found == {("commission", wrong_commission, "corrected"), ("execution_price", wrong_price, "corrected")}, found
    corrected = {row["exec_id"]: row for row in rows("executions", config=config)}
    assert corrected[wrong_price]["superseded_by"] == wrong_price + "+statement"
    # Live goes on: the broker's state is what it was, so nothing moves.
    at = rows("accounts", config=config)[0]["revision"]
    again = json.loads(run("sync", "--json", config=config).stdout)
    assert again["success"] and rows("accounts", config=config)[0]["revision"] == at, again
    assert not [row for row in rows("breaks", config=config) if row["class"] == "alert" and row["state"] in ("open", "settling")]
    run("certify", config=config)
    # A running service imports for the command, and loads its books anew.
    service = subprocess.Popen([possync, "run", "--config", str(folder / config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        answer = run("import-flex", str(folder / "day.xml"), config=config)
        assert "running service" in answer.stdout, answer.stdout
        assert rows("accounts", config=config)[0]["revision"] == at
        # What it cannot read ends as it would without a service.
        (folder / "cut.xml").write_text(text[:len(text) // 2])
        answer = run("import-flex", str(folder / "cut.xml"), config=config, status=2)
        assert re.match(r"possync: cut\.xml:\d+:\d+: ", answer.stderr), answer.stderr
        assert rows("accounts", config=config)[0]["revision"] == at
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
finally:
    end(gateway)

# --- what nobody has explained is not certified ------------------------------------------------------------------------------


def write_days(name, first, last, held, trade="", action=""):
    """One statement; `held`: (symbol, conid, quantity, cost) at its end."""
    account = 'accountId="DU7000001" assetCategory="STK" multiplier="1" currency="USD" fxRateToBase="1"'
    positions = "".join(f'<OpenPosition {account} symbol="{symbol}" conid="{con_id}" reportDate="{last}" position="{quantity}" '
                        f'costBasisMoney="{cost}" levelOfDetail="SUMMARY"/>' for symbol, con_id, quantity, cost in held)
    actions = "".join(f'<CorporateAction {account} {row}/>' for row in action)
    trades = f'<Trade {account} {trade}/>' if trade else ""
    (folder / name).write_text(f'<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><FlexStatement accountId="DU7000001" '
                               f'fromDate="{first}" toDate="{last}" whenGenerated="{int(last) + 1};050000"><Trades>{trades}</Trades>'
                               f'<OpenPositions>{positions}</OpenPositions><CorporateActions>{actions}</CorporateActions>'
                               f'</FlexStatement></FlexStatements></FlexQueryResponse>')
    return str(folder / name)


bought = ('symbol="AAA" conid="501" tradeID="1" transactionID="900" ibExecID="0001.01.01.01" dateTime="20261116;100000" tradeDate="20261116" '
          'buySell="BUY" quantity="10" tradePrice="5" ibCommission="0" ibCommissionCurrency="USD" fifoPnlRealized="0" levelOfDetail="EXECUTION"')
first = write_days("first.xml", "20261116", "20261118", [("AAA", 501, 10, 50)], bought)
both = [("AAA", 501, 10, 50), ("BBB", 502, 10, 70)]
# The next day, or days that overlap: what was not held on an earlier evening was not held before either.
for name, since in (("next", "20261119"), ("overlap", "20261117"), ("whole", "20261116")):
    config = configure(name)
    run("import-flex", first, config=config)
    run("import-flex", write_days(f"{name}.xml", since, "20261119", both, bought if name == "whole" else ""), config=config)
    run("certify", status=3, config=config)
    found = [(row["trade_date"], row["kind"], row["con_id"]) for row in rows("differences", "--status", "open", config=config)]
    assert found == [("2026-11-19", "position_missing", 502)], (name, found)
    [broken] = rows("breaks", config=config)
    run("explain", str(broken["break_id"]), "--cause", "transfer", "--price", "7", config=config)
    assert "certified through 2026-11-19" in run("certify", config=config).stdout

# A corporate action that is not decided ends with what the operator states.
config = configure("undecided")
run("import-flex", first, config=config)
merger = ('reportDate="20261119" dateTime="20261118;202500" type="TC" description="AAA MERGED FOR CASH AND BBB" actionID="77" '
          'levelOfDetail="DETAIL" transactionID=')
merged = write_days("merged.xml", "20261119", "20261119", [("BBB", 502, 5, 20)], action=[
    f'symbol="AAA" conid="501" quantity="-10" proceeds="30" {merger}"950"', f'symbol="BBB" conid="502" quantity="5" proceeds="0" {merger}"951"'])
run("import-flex", merged, config=config)
kinds = [row["kind"] for row in rows("differences", config=config)]
assert kinds.count("corporate_action_undecided") == 2, kinds
price = {501: "5", 502: "4"}
for broken in rows("breaks", config=config):
    run("explain", str(broken["break_id"]), "--cause", "corporate_action", "--price", price[broken["con_id"]], config=config)
assert "certified through 2026-11-19" in run("certify", config=config).stdout
run("import-flex", merged, config=config)
assert not rows("differences", config=config)
assert "certified through 2026-11-19" in run("certify", config=config).stdout
run("verify", config=config)
shutil.rmtree(folder)
print("statements: cold start, repetition, interruption, faults and a live day are as they should be")
