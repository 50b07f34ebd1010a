#!/usr/bin/env python3
"""One person is told what is wrong, once, and when it is over: through webhook, ntfy and Telegram, by the real program.

Broker and book differ, the service is killed and started again, the difference is explained; the gateway goes away and comes back; the
broker liquidates and assigns; a login is of the wrong kind. The receivers are HTTP servers that check what they are sent; one refuses at first.

usage: alerts_test.py POSSYNC [--database URL]
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.request

from processes import end

parser = argparse.ArgumentParser()
parser.add_argument("possync", type=pathlib.Path)
parser.add_argument("--database")
arguments = parser.parse_args()
possync = arguments.possync.resolve()
folder = pathlib.Path(tempfile.mkdtemp(prefix="possync-alerts-"))
KEY, TOPIC, TOKEN, CHAT, BOT = "webhook-key", "topic-4711", "tk_access", "-100123", "123456:bot-token"


class Receiver:
    """Checks the shape of each request and keeps it; `refuse`: so many tries are answered with 500 first."""

    def __init__(self, check):
        self.received, self.refuse, self.paths = [], 0, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.refuse > 0:
                    receiver.refuse -= 1
                    self.send_response(500)
                else:
                    try:
                        receiver.received.append(check(self, body))
                        self.send_response(200)
                    except Exception as error:  # noqa: BLE001
                        receiver.received.append(f"WRONG {error!r}")
                        self.send_response(400)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def lines(self, word):
        return [line for message in self.received for line in message.splitlines() if word in line]


def check_webhook(request, body):
    assert request.path == "/hook"
    signed = f'{request.headers["webhook-id"]}.{request.headers["webhook-timestamp"]}.'.encode() + body
    expected = "v1," + base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == expected, "the signature is wrong"
    note = json.loads(body)
    assert note["id"] == request.headers["webhook-id"] and note["type"] == "alert"
    return f'{note["id"]} {note["kind"]} {note["condition"]} {note["account"]} {note["gateway"]}: ' + note["text"].splitlines()[1]


def check_ntfy(request, body):
    assert request.path == "/" and request.headers["authorization"] == f"Bearer {TOKEN}"
    message = json.loads(body)
    assert message["topic"] == TOPIC and message["title"].startswith("possync: ") and 1 <= message["priority"] <= 5
    return message["message"]


def check_telegram(request, body):
    assert request.path == f"/bot{BOT}/sendMessage", request.path
    message = json.loads(body)
    assert message["chat_id"] == CHAT and set(message) == {"chat_id", "text", "disable_notification", "link_preview_options"}
    return message["text"]


webhook, ntfy, telegram = Receiver(check_webhook), Receiver(check_ntfy), Receiver(check_telegram)


def secret(name, text):
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


processes = []


def simulate(name, scenario, port=0, pace="200ms"):
    path = folder / name
    path.write_text(scenario)
    process = subprocess.Popen([possync, "simulate", "--port", str(port), "--scenario", path, "--pace", pace], stdout=subprocess.PIPE, text=True)
    processes.append(process)
    line = process.stdout.readline()
    return process, int(line.split(",")[0].rsplit(":", 1)[1])


DAY = """account DU1
instrument AAPL STK USD conid 1
instrument MSFT STK USD conid 3
instrument "SPY P570" OPT USD conid 4 multiplier 100 strike 570 right P expiry {expiry} symbol SPY
hold AAPL 100 @ 150
hold "SPY P570" -2 @ 3
start
"""
expiry = time.strftime("%Y%m%d", time.gmtime(time.time() + 86400))
first = DAY.format(expiry=expiry)
gateway, port = simulate("day.scn", first + "adjust MSFT 20 @ 310\n")
log = open(folder / "service.log", "a")


def configure(port, name="possync.toml", expect="any", database=None):
    path = folder / name
    path.write_text(f"""[database]
url = "{database or arguments.database or f'sqlite:///{folder}/book.db'}"
[[gateway]]
name = "sim"
port = {port}
expect = "{expect}"
[http]
listen = "127.0.0.1:0"
[log]
format = "json"
[alerts]
zone = "UTC"
sessions = ["Sat-Fri 00:00-24:00"]
break_after = "2s"
stale_after = "1s"
recovered_after = "1s"
[[alert]]
name = "hook"
url = "{webhook.url}/hook"
token_file = "{secret('key', KEY)}"
[[alert]]
name = "phone"
type = "ntfy"
url = "{ntfy.url}"
topic_file = "{secret('topic', TOPIC)}"
token = "{TOKEN}"
retry_max = "1s"
[[alert]]
name = "chat"
type = "telegram"
url = "{telegram.url}"
topic = "{CHAT}"
token_file = "{secret('bot', BOT)}"
retry_max = "1s"
""")
    return path


config = configure(port)


def run(*words, status=0, config=config):
    done = subprocess.run([possync, *words, "--config", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def serve(config=config):
    process = subprocess.Popen([possync, "run", "--config", config], stderr=log)
    processes.append(process)
    return process


def wait_for(what, condition, seconds=40):
    until = time.time() + seconds
    while time.time() < until:
        if condition():
            return
        time.sleep(0.1)
    print((folder / "service.log").read_text()[-4000:])
    raise AssertionError(f"{what}: " + str([receiver.received[-8:] for receiver in (webhook, ntfy, telegram)])[:6000])


def everybody(word, count=1):
    return all(len(receiver.lines(word)) >= count for receiver in (webhook, ntfy, telegram))


def metric(name):
    address = [json.loads(line)["text"] for line in (folder / "service.log").read_text().splitlines() if '"http.listening"' in line][-1]
    text = urllib.request.urlopen(f"{address.removesuffix('/')}/metrics", timeout=10).read().decode()
    return [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)]


try:
    # By hand: what is sent is what a person will get, and who does not take it is named.
    assert "hook: taken" in run("alert", "test")
    assert len(webhook.received) == len(ntfy.received) == len(telegram.received) == 1
    telegram.refuse = 1
    assert "chat: answered with status 500" in run("alert", "test", "chat", status=1)
    assert "no [[alert]] is named nobody" in run("alert", "test", "nobody", status=2)
    for receiver in (webhook, ntfy, telegram):
        receiver.received.clear()
    shown = run("config")
    for word in (KEY, TOPIC, TOKEN, BOT, webhook.url):
        assert word not in shown, shown
    (folder / "bot").chmod(0o644)
    assert "chmod 600" in run("alert", "test", status=2)
    (folder / "bot").chmod(0o600)

    telegram.refuse = 2
    service = serve()
    wait_for("the break is told", lambda: everybody("broker and book differ in MSFT"))
    wait_for("the option is told", lambda: everybody("1 option position expires"))
    assert "quantity_break" in run("alert", "list") and "MSFT" in run("alert", "list")
    wait_for("the metrics know", lambda: metric('possync_alert_notes_sent_total{receiver="chat"}') == [2.0])
    assert metric('possync_alerts_raised{condition="quantity_break"}') == [1.0] and metric('possync_alert_failures_total{receiver="chat"}') == [2.0]

    # A restart neither repeats nor forgets.
    service.kill()
    service.wait()
    before = {id(receiver): list(receiver.received) for receiver in (webhook, ntfy, telegram)}
    service = serve()
    wait_for("the service looks again", lambda: '"sync.' in (folder / "service.log").read_text().rsplit("service.started", 1)[1])
    time.sleep(2.5)
    for receiver in (webhook, ntfy, telegram):
        assert receiver.received == before[id(receiver)], (before, receiver.received)
    assert "MSFT" in run("alert", "list")

    # It is over.
    (broken,) = [row for row in json.loads(run("breaks", "--json")) if row["closed_at"] is None and row["class"] == "alert"]
    run("explain", str(broken["break_id"]), "--cause", "transfer", "--price", "310")
    wait_for("the recovery is told", lambda: everybody("over, after"))
    assert all(len(receiver.lines("over, after")) == 1 for receiver in (webhook, ntfy, telegram))
    assert "MSFT" not in run("alert", "list")

    # The gateway goes, and comes back; what happened meanwhile is told.
    gateway.kill()
    gateway.wait()
    wait_for("the gateway's absence is told", lambda: everybody("gateway sim"))
    status = json.loads(run("status", "--json"))["gateways"][0]
    assert status["stale"] and status["down_expected"] is False and status["state"] == "connecting", status
    gateway, _ = simulate("more.scn", first.replace("start\n", "hold MSFT 20 @ 310\nstart\n") + "wait 3s\n"
                          + 'fill AAPL sell 40 @ 140 liquidation commission 1\nfill "SPY P570" buy 2 @ 0 exercise 100\n', port)
    wait_for("that it is back is told", lambda: everybody("over, after", 2))
    wait_for("the liquidation is told", lambda: everybody("the broker liquidated: SLD 40 AAPL @ 140"))
    wait_for("the assignment is told", lambda: everybody("assignment: SPY went from -2 to 0"))
    service.terminate()
    assert service.wait(timeout=30) == 0
    kinds = [line.split(":")[0].split(" ", 1)[1] for line in webhook.received]
    assert sorted(kinds[:2]) == ["raised expiring DU1 sim", "raised quantity_break DU1 sim"], kinds
    assert kinds[2:5] == ["recovered quantity_break DU1 sim", "raised stale None sim", "recovered stale None sim"], kinds
    assert sorted(kinds[5:]) == ["happened assignment DU1 sim", "happened liquidation DU1 sim"], kinds
    assert len({line.split(" ")[0] for line in webhook.received}) == len(webhook.received), "each note has an id of its own"

    # A login of the wrong kind is told, though nothing of it is followed.
    service = serve(configure(port, "live.toml", "live"))
    wait_for("the wrong login is told", lambda: everybody("was configured as live and serves paper accounts"))
    service.terminate()
    service.wait(timeout=30)
    said = (folder / "service.log").read_text()
    for word in (KEY, TOPIC, TOKEN, BOT):
        assert word not in said
    wrong = [message for receiver in (webhook, ntfy, telegram) for message in receiver.received if message.startswith("WRONG")]
    assert not wrong, wrong
    print(f"{len(webhook.received)} notes, each once at each of 3 receivers")
finally:
    end(*processes)
