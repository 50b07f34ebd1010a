#!/usr/bin/env python3
"""The HTTP API of a real service on a simulated gateway: every answer against its description, pages, tags, the gate, P&L, metrics and documents.

usage: http_test.py POSSYNC ROOT [--database URL]      needs Debian's python3-jsonschema and curl
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import jsonschema

from http_client import Events, follow, request, service

possync, root = sys.argv[1], pathlib.Path(sys.argv[2])
database = sys.argv[sys.argv.index("--database") + 1] if "--database" in sys.argv else None

LISTS = {"accounts": "accounts", "positions": "positions", "closes": "closes", "executions": "executions", "lots": "lots", "events": "events",
         "breaks": "breaks", "runs": "runs", "coverage": "coverage", "adjustments": "adjustments", "instruments": "instruments",
         "statements": "statements", "certifications": "certifications", "certification_differences": "differences", "cash_transactions": "cash",
         "account_values": "account_values", "instrument_successions": "successions", "currency_rates": "currency_rates", "history": None}


def command(running, *words):
    return json.loads(subprocess.run([possync, *words, "--json", "--config", running.config], capture_output=True, text=True, check=True).stdout)


def settled(what, ask, told):
    """Prices move between two looks: what is asked for twice is the same soon."""
    for _ in range(8):
        ours, theirs = ask(), told()
        if ours == theirs:
            return
    raise AssertionError((what, [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:3], len(ours), len(theirs)))


class Description:
    """Answers against /api/openapi.json."""

    def __init__(self, running):
        self.document = running.get("/api/openapi.json").json()
        assert self.document["openapi"] == "3.1.0"
        self.used = set()

    def check(self, path, answer, method="get"):
        operation = self.document["paths"][path][method]
        said = operation["responses"].get(str(answer.status))
        assert said, f"{method} {path} answers {answer.status}, which is not described"
        self.used.add((path, method))
        if answer.status in (204, 304):
            return None
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in said["content"], (path, kind)
        if not kind.endswith("json"):
            return answer.text()
        schema = dict(said["content"][kind]["schema"])
        schema["components"] = self.document["components"]
        value = answer.json()
        jsonschema.Draft202012Validator(schema).validate(value)
        return value


def same_as_commands(running, described):
    for name, word in LISTS.items():
        answer = running.get(f"/api/{name}?limit=10000")
        value = described.check(f"/api/{name}", answer)
        columns = described.document["components"]["schemas"][
            described.document["paths"][f"/api/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]["items"]
            ["$ref"].rsplit("/", 1)[1]]["required"]
        for row in value["items"]:
            assert list(row) == columns, (name, list(row), columns)
        if word:
            words = ("export", word) if word in ("account_values", "currency_rates") else (word,)
            settled(name, lambda: running.get(f"/api/{name}?limit=10000").json()["items"], lambda: command(running, *words))
    for words, query in [(("--status", "OPEN"), "status=open"), (("--symbol", "AAPL"), "symbol=aapl"), (("--sort", "-quantity", "--limit", "3"), "sort=-quantity&limit=3"),
                         (("--since", "2020-01-01"), "since=2020-01-01")]:
        settled(query, lambda: running.get("/api/positions?" + query).json()["items"], lambda: command(running, "positions", *words))
    for words, query in [((), ""), (("--by", "account,symbol"), "?by=account,symbol"), (("--by", "total"), "?by=total"), (("--method", "fifo"), "?method=fifo"),
                         (("--view", "tax", "--method", "lifo"), "?view=tax&method=lifo"), (("--total",), "?total=true"), (("--symbol", "MSFT"), "?symbol=MSFT")]:
        value = described.check("/api/pnl", running.get("/api/pnl" + query))
        assert value["items"] == command(running, "pnl", *words), query


def pages(running):
    for name in ("positions", "closes", "events", "executions", "history", "account_values", "instruments", "runs", "adjustments", "lots"):
        whole = running.get(f"/api/{name}?limit=10000").json()["items"]
        backwards = name in ("closes", "events", "executions", "runs", "adjustments")
        for size in (1, 2, 3, 7):
            got, cursor, count = [], None, 0
            while True:
                value = running.get(f"/api/{name}?limit={size}" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else "")).json()
                assert len(value["items"]) <= size
                got = value["items"] + got if backwards else got + value["items"]
                cursor = value["next"]
                count += 1
                if cursor is None:
                    break
                assert len(value["items"]) == size and count < 10000
            # Values change while one turns the pages; which rows there are, and their order, does not.
            if name in ("positions", "account_values"):
                key = ("position_id",) if name == "positions" else ("account", "key", "currency")
                got, wanted = ([tuple(row[part] for part in key) for row in rows] for rows in (got, whole))
            else:
                wanted = whole
            assert name == "runs" or got == wanted, f"{name} by {size}: {len(got)} of {len(whole)} rows"
    for query in ("sort=-market_value", "sort=opened_at", "as_of=0s"):
        whole = running.get(f"/api/positions?status=OPEN&{query}").json()["items"]
        got, cursor = [], None
        while True:
            value = running.get(f"/api/positions?status=OPEN&{query}&limit=4" + (f"&cursor={cursor}" if cursor else "")).json()
            got += value["items"]
            cursor = value["next"]
            if cursor is None:
                break
        assert [row["position_id"] for row in got] == [row["position_id"] for row in whole], query
    cursor = running.get("/api/positions?limit=1").json()["next"]
    for bad in (f"/api/closes?cursor={cursor}", f"/api/positions?sort=symbol&cursor={cursor}", "/api/positions?cursor=x", "/api/positions?limit=10001",
                "/api/positions?limit=0", "/api/positions?status=HALF", "/api/lots?status=OPEN", "/api/positions?since=yesterday", "/api/positions?sort=size",
                "/api/positions?con_id=x", "/api/positions?as_of=2020-01-01&since=2020-01-01", "/api/pnl?by=week", "/api/pnl?method=best", "/api/pnl?total=yes",
                "/api/gate/DU1000001/x", "/api/why/position/x"):
        answer = running.get(bad)
        assert answer.status == 400 and answer.headers["content-type"] == "application/problem+json", (bad, answer.status, answer.body)
        assert "--" not in answer.json()["detail"], answer.json()
    assert running.get("/api/positions?account=DU9").status == 404


def tags(running):
    for target in ("/api/positions", "/api/closes?limit=2", "/api/sync/status", "/api/openapi.json", "/", "/api/pnl"):
        first = running.get(target)
        tag = first.headers["etag"]
        assert tag.startswith('W/"'), tag
        again = running.get(target, If_None_Match=tag)
        assert again.status == 304 and not again.body and again.headers["etag"] == tag, (target, again.status)
        assert running.get(target, If_None_Match='"other"').status == 200
        assert running.get(target, If_None_Match=f'"a", {tag}, "b"').status == 304
    other = running.get("/api/positions?limit=1").headers["etag"]
    assert other != running.get("/api/positions").headers["etag"]


def gate_and_why(running, described):
    for position in running.get("/api/positions?status=OPEN").json()["items"]:
        gate = described.check("/api/gate/{account}/{con_id}", running.get(f"/api/gate/{position['account']}/{position['con_id']}"))
        assert gate["state"] == "OK" and gate["quantity"] == position["quantity"], gate
    for position in running.get("/api/positions").json()["items"]:
        why = described.check("/api/why/position/{position_id}", running.get(f"/api/why/position/{position['position_id']}"))
        assert why["position"]["quantity"] == position["quantity"]
        assert all(row["position_id"] == position["position_id"] for part in ("closes", "lots", "events", "history") for row in why[part])
        assert {row["exec_id"] for row in why["closes"] if row["exec_id"]} <= {row["exec_id"] for row in why["executions"]}, why
        assert len(why["explanation"]) >= 3 and position["account"] in why["explanation"][0], why["explanation"]
    assert running.get("/api/why/position/1").status == 404
    unknown = described.check("/api/gate/{account}/{con_id}", running.get("/api/gate/DU9/1"))
    assert unknown["state"] == "BROKEN" and unknown["quantity"] is None, unknown
    flat = described.check("/api/gate/{account}/{con_id}", running.get(f"/api/gate/{position['account']}/999999999"))
    assert flat["quantity"] == "0" and flat["state"] == "OK", flat


def the_past(running, described):
    events = running.get("/api/events?limit=10000").json()["items"]
    recorded = sorted({event["recorded_at"] for event in events})
    assert len(recorded) > 1, "nothing happened"
    before = running.get(f"/api/positions?as_of={recorded[0]}&status=OPEN").json()["items"]
    now = running.get("/api/positions?status=OPEN").json()["items"]
    key = lambda rows: {(row["con_id"], row["quantity"]) for row in rows}
    assert before and key(before) != key(now), "the past is the present"
    assert key(running.get("/api/positions?as_of=now&status=OPEN").json()["items"]) == key(now)
    for name, column in [("closes", "closed_at"), ("executions", "time"), ("runs", "started_at")]:
        rows = running.get(f"/api/{name}?limit=10000").json()["items"]
        moment = sorted(row[column] for row in rows)[len(rows) // 2]
        then = described.check(f"/api/{name}", running.get(f"/api/{name}?limit=10000&as_of={moment}"))["items"]
        assert rows and [row[column] for row in then] == [row[column] for row in rows if row[column] <= moment], (name, moment)
    assert running.get("/api/events?as_of=2020-01-01").json()["items"] == []
    assert running.get("/api/pnl?as_of=2020-01-01").json()["items"] == []
    for name in ("accounts", "lots", "breaks"):
        refused = running.get(f"/api/{name}?as_of=1m")
        assert refused.status == 400 and "there is no parameter 'as_of' here" in refused.json()["detail"], refused.body
    for name in ("positions", "closes", "pnl"):
        refused = running.get(f"/api/{name}?as_of=x")
        assert refused.status == 400 and refused.json()["detail"].startswith("as_of: 'x' is not a time"), refused.body
    assert running.get("/api/closes?as_of=1m&until=2m").status == 400


def commands_of_the_api(running, described):
    value = described.check("/api/sync/positions", running.ask("POST", "/api/sync/positions"), "post")
    assert value["success"] and value["results"][0]["trigger"] == "manual", value
    account = value["results"][0]["account"]
    assert described.check("/api/sync/positions", running.ask("POST", f"/api/sync/positions?account={account}"), "post")["success"]
    nobody = running.ask("POST", "/api/sync/positions?account=DU9")
    assert nobody.status == 404 and nobody.json()["results"], (nobody.status, nobody.body)
    assert running.ask("POST", "/api/sync/positions?acount=DU9").status == 400
    # Several at once are merged, and each is answered.
    wires = [running.wire() for _ in range(8)]
    for wire in wires:
        wire.send(request("POST", "/api/sync/positions", running.host()))
    assert all(wire.answer().json()["success"] for wire in wires)
    status = described.check("/api/sync/status", running.get("/api/sync/status"))
    assert status["statistics"]["total_syncs"] > 0 and status["gateways"][0]["connected"] and status["accounts"][0]["gate"] == "OK", status
    described.check("/api/sync/stats/reset", running.ask("POST", "/api/sync/stats/reset"), "post")
    time.sleep(0.3)
    assert running.get("/api/sync/status").json()["statistics"]["total_syncs"] == 0
    described.check("/livez", running.get("/livez"))
    described.check("/readyz", running.get("/readyz"))
    described.check("/", running.get("/"))
    described.check("/api/openapi.json", running.get("/api/openapi.json"))
    described.check("/api/session", running.ask("POST", "/api/session", [("Content-Type", "application/json")], b'{"token": "any"}'), "post")
    described.check("/api/session", running.ask("DELETE", "/api/session"), "delete")


def families(text):
    found = {}
    for line in text.split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            found[name] = kind
    return found


def labels_of(text):
    found = {}
    for name, inside in re.findall(r"^(possync_\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\}", text, re.M):
        found.setdefault(name, set()).update(label for label in re.findall(r'(\w+)="', inside) if label != "le")
    return found


def metrics(running, described):
    text = described.check("/metrics", running.get("/metrics"))
    served, labels = families(text), labels_of(text)
    documented = {}
    for name, kind, with_labels in re.findall(r"^\| `(possync_\w+)` \| (\w+) \|([^|]*)\|", (root / "docs/metrics.md").read_text(), re.M):
        documented[name] = (kind, {label.strip() for label in with_labels.split(",") if label.strip()})
    # Appear with their first event, or while something waits.
    rare = {"possync_callback_triggers_total", "possync_gateway_losses_total", "possync_sink_oldest_seconds"}
    assert set(served) <= set(documented), set(served) - set(documented)
    assert set(documented) - set(served) <= rare, set(documented) - set(served)
    for name, kind in served.items():
        assert kind == documented[name][0], (name, kind)
        assert labels.get(name, set()) == documented[name][1], (name, labels.get(name), documented[name][1])
    values = dict(re.findall(r"^(possync_\w+(?:\{[^}]*\})?) (\S+)$", text, re.M))
    accounts = running.get("/api/accounts").json()["items"]
    for account in accounts:
        assert float(values[f'possync_account_revision{{account="{account["account"]}"}}']) == account["revision"]
    assert float(values["possync_accounts"]) == len(accounts) and float(values["possync_database_up"]) == 1
    counted = sum(float(value) for name, value in values.items() if name.startswith("possync_syncs_total"))
    assert counted >= 1 and float(values['possync_sync_duration_seconds_count{gateway="one"}']) == counted
    # Rules and dashboard ask for what there is.
    known = set(documented) | {name + end for name, (kind, _) in documented.items() if kind == "histogram" for end in ("_bucket", "_sum", "_count")}
    board = json.loads((root / "packaging/grafana/possync.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(asked) > 10
    asked += re.findall(r"^\s+expr: (.*)$", (root / "packaging/prometheus/alerts.yml").read_text(), re.M)
    for expression in asked:
        names = set(re.findall(r"possync_\w+", expression))
        assert names or expression.startswith("up{"), expression
        assert names <= known, (expression, names - known)
        for name, by in re.findall(r"sum by \(([^)]*)\) \(\w+\((possync_\w+)", expression):
            base = re.sub(r"_(bucket|sum|count)$", "", by) if by not in documented else by
            assert {label.strip() for label in name.split(",")} <= documented[base][1] | {"le"}, expression


def documents(running):
    """Every curl in docs/http.md, as it stands there."""
    text = (root / "docs/http.md").read_text()
    count = 0
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.strip().split("\n"):
            done = subprocess.run(["bash", "-c", line.replace("127.0.0.1:8321", running.host())], capture_output=True, text=True)
            assert done.returncode == 0 and done.stdout.strip(), (line, done.returncode, done.stdout[:200], done.stderr)
            count += 1
    assert count >= 10, count
    paths = set(running.get("/api/openapi.json").json()["paths"])
    for path in re.findall(r"`(/[a-z_/]+)`", text):
        assert path in paths or path == "/api/why/position/POSITION_ID", f"docs/http.md names {path}"
    return count


def broker_goes_away(running, described):
    running.gateway.kill()
    running.gateway.wait()
    end = time.monotonic() + 10
    while time.monotonic() < end and running.get("/api/sync/status").json()["gateways"][0]["connected"]:
        time.sleep(0.05)
    position = running.get("/api/positions?status=OPEN").json()["items"][0]
    gate = running.get(f"/api/gate/{position['account']}/{position['con_id']}").json()
    assert gate["state"] == "STALE" and "not connected" in gate["reason"] and gate["quantity"] == position["quantity"], gate
    away = running.ask("POST", "/api/sync/positions", timeout=60)
    described.check("/api/sync/positions", away, "post")
    assert away.status == 503 and away.json()["results"] and away.json()["success"] is False, (away.status, away.body)
    assert running.get("/readyz").status == 200, running.get("/readyz").text()
    assert 'possync_gateway_losses_total{gateway="one"}' in running.get("/metrics").text()


# Nobody takes what is sent there.
SINKS = '[[sink]]\nname = "away"\nurl = "http://127.0.0.1:1/"\n[[alert]]\nname = "nobody"\nurl = "http://127.0.0.1:1/"\n'

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with service(possync, folder, simulate=("--pace", "150ms", "--happenings", "40", "--account-interval", "500ms"), name="api", url=database,
                 more=SINKS) as running:
        running.wait_synced()
        # The day is over when nothing has happened for a while.
        revisions = []
        end = time.monotonic() + 60
        while time.monotonic() < end and (len(revisions) < 12 or len(set(revisions[-12:])) > 1):
            revisions.append(running.get("/api/accounts").json()["items"][0]["revision"])
            time.sleep(0.25)
        assert revisions[-1] > 3, f"nothing happened: {revisions}"
        described = Description(running)
        same_as_commands(running, described)
        pages(running)
        tags(running)
        gate_and_why(running, described)
        the_past(running, described)
        commands_of_the_api(running, described)
        metrics(running, described)
        examples = documents(running)
        left = {(path, method) for path, methods in described.document["paths"].items() for method in methods} - described.used - {("/api/stream", "get")}
        assert not left, f"described and never asked for: {left}"
        broker_goes_away(running, described)
        assert running.stop() == 0
        print(f"{len(described.used)} operations answer as described; {examples} examples of docs/http.md run")
