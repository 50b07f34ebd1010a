#!/usr/bin/env python3
"""Committed changes reach webhooks and a NATS JetStream server: all of them, in the order of revisions, at least once.

The receivers fail, stall, answer 500 and die; the NATS server and possync are killed (SIGKILL) and started again. In the end
every revision of every account arrived at every sink, what arrived twice had the same id, and no sink waited for another.

usage: notifications_test.py POSSYNC [--postgres URL]
"""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from database import open_database
from processes import end

possync = pathlib.Path(sys.argv[1]).resolve()
folder = pathlib.Path(tempfile.mkdtemp(prefix="possync-notifications-"))
database = open_database(folder)
rows = database.rows
SECRET = "a key that only we two know".replace(" ", "-")


class Receiver:
    """A webhook's other side. `mode`: take, fail (500), stall, refuse (400)."""

    def __init__(self, mode="take"):
        self.mode = mode
        self.messages = []
        self.lost_answers = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                mode = receiver.mode
                if mode == "stall":
                    time.sleep(3)
                    return
                if mode in ("fail", "refuse"):
                    self.send_response(500 if mode == "fail" else 400)
                    self.end_headers()
                    return
                signed = f'{self.headers["webhook-id"]}.{self.headers["webhook-timestamp"]}.'.encode() + body
                expected = "v1," + base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
                assert self.headers["webhook-signature"] == expected, "the signature is wrong"
                receiver.messages.append((self.headers["webhook-id"], json.loads(body)))
                if mode == "take but say nothing":  # taken, but the sender cannot know
                    receiver.lost_answers += 1
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.handler = Handler
        self.port = 0
        self.start()

    def start(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def die(self):
        self.server.shutdown()
        self.server.server_close()


class NatsServer:
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        self.process = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", folder / "jetstream"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("nats-server does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def request(self, subject, payload):
        """One request of the NATS protocol, by hand."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            stream = connection.makefile("rb")
            stream.readline()  # INFO
            inbox = "_INBOX.test"
            data = json.dumps(payload).encode()
            connection.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n' + f"SUB {inbox} 1\r\nPUB {subject} {inbox} {len(data)}\r\n".encode() + data + b"\r\n")
            while True:
                line = stream.readline().decode()
                if line.startswith("PING"):
                    connection.sendall(b"PONG\r\n")
                if line.startswith("MSG"):
                    return json.loads(stream.read(int(line.split()[-1])))
                if line.startswith("HMSG"):
                    raise AssertionError(f"nobody answers {subject}")

    def make_stream(self):
        answer = self.request("$JS.API.STREAM.CREATE.POSSYNC", {"name": "POSSYNC", "subjects": ["possync.>"], "storage": "file"})
        assert "error" not in answer, answer

    def messages(self):
        state = self.request("$JS.API.STREAM.INFO.POSSYNC", {})["state"]
        found = []
        for number in range(state["first_seq"], state["last_seq"] + 1):
            message = self.request("$JS.API.STREAM.MSG.GET.POSSYNC", {"seq": number})["message"]
            headers = base64.b64decode(message["hdrs"]).decode()
            found.append((headers.split("Nats-Msg-Id:")[1].split("\r\n")[0].strip(), json.loads(base64.b64decode(message["data"])), message["subject"]))
        return found


def wait_for(what, condition, seconds=60):
    until = time.time() + seconds
    while time.time() < until:
        try:
            if condition():
                return
        except database.away:
            pass
        time.sleep(0.2)
    print((folder / "service.log").read_text()[-3000:])
    raise AssertionError(what)


def acknowledged(sink):
    return dict(rows(f"SELECT a.code, c.revision FROM sink_cursor c JOIN account a USING (account_id) WHERE sink = '{sink}'"))


def committed():
    return dict(rows("SELECT code, revision FROM account WHERE revision > 0"))


log = open(folder / "service.log", "a")


def start_service():
    return subprocess.Popen([possync, "run", "--config", config], stderr=log)


def check(messages, what):
    """Every revision, first arrivals in order, the same id for the same revision and account."""
    by_account = {}
    for identity, body in messages:
        assert identity == body["id"] == f'{body["account"]}:{body["revision"]}', body
        by_account.setdefault(body["account"], []).append(body["revision"])
        if body["revision"] > 1:
            assert body["type"] == "change", body
        for event in body["events"]:
            assert event["revision"] == body["revision"]
        assert {row["position_id"] for row in body["positions"]} == {row["position_id"] for row in body["events"]}
    for account, revision in committed().items():
        arrived = by_account.get(account, [])
        first = sorted(set(arrived), key=arrived.index)
        assert first == list(range(1, revision + 1)), f"{what}, {account}: {arrived} of {revision}"
    return sum(len(each) - len(set(each)) for each in by_account.values())


nats = NatsServer()
good, flaky = Receiver(), Receiver("fail")
day = folder / "day.scn"
lines = ["account DU1", "account DU2", "instrument AS STK USD conid 71 symbol AS", "instrument BS STK USD conid 72 symbol BS", "hold AS 100 @ 50", "start"]
for step in range(3000):
    lines.append(f"fill {'AB'[step % 2]}S {'sell' if step % 3 == 2 else 'buy'} {1 + step % 5} @ 5{step % 10} commission 1 account DU{1 + step % 2}")
day.write_text("\n".join(lines) + "\n")
gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--scenario", day, "--pace", "300ms"], stdout=subprocess.PIPE, text=True)
port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
drain = subprocess.Popen(["cat"], stdin=gateway.stdout, stdout=subprocess.DEVNULL)
secret_file = folder / "secret"
secret_file.write_text(SECRET + "\n")
secret_file.chmod(0o600)
config = folder / "possync.toml"
config.write_text(f"""[database]
url = "{database.url}"
[[gateway]]
name = "sim"
port = {port}
[http]
listen = ""
[log]
format = "json"
[[sink]]
name = "good"
url = "http://127.0.0.1:{good.port}/hook"
secret_file = "{secret_file}"
[[sink]]
name = "flaky"
url = "http://127.0.0.1:{flaky.port}/hook"
secret = "{SECRET}"
timeout = "1s"
retry_max = "1s"
[[sink]]
name = "stream"
type = "nats"
url = "nats://127.0.0.1:{nats.port}"
timeout = "2s"
retry_max = "1s"
""")
shown = subprocess.run([possync, "config", "--config", config], capture_output=True, text=True)
assert shown.returncode == 0 and SECRET not in shown.stdout and 'secret = "***"' in shown.stdout, shown.stdout + shown.stderr

service = start_service()
try:
    # No stream takes the subject yet, one webhook answers 500: the other is not delayed.
    wait_for("the good webhook has everything so far", lambda: sum(acknowledged("good").values()) >= 10)
    assert not acknowledged("flaky") and not acknowledged("stream")
    nats.make_stream()
    wait_for("the stream catches up", lambda: sum(acknowledged("stream").values()) >= 10)
    for mode in ("stall", "refuse", "take but say nothing"):
        flaky.mode = mode
        time.sleep(2)
    assert not acknowledged("flaky") and flaky.lost_answers > 0
    flaky.mode = "take"
    wait_for("the flaky webhook catches up", lambda: sum(acknowledged("flaky").values()) >= 20)
    flaky.die()
    nats.kill()
    before = sum(acknowledged("good").values())
    wait_for("the good one is not delayed", lambda: sum(acknowledged("good").values()) > before + 3)
    for _ in range(3):
        time.sleep(1)
        service.kill()
        service.wait()
        service = start_service()
    flaky.start()
    nats.start()
    wait_for("both hear again", lambda: sum(acknowledged("stream").values()) > before + 5 and sum(acknowledged("flaky").values()) > before + 5)
    end(service)  # and once in order, while messages are on their way
    gateway.kill()
    service = start_service()
    wait_for("everybody has everything", lambda: all(acknowledged(sink) == committed() for sink in ("good", "flaky", "stream")))
    time.sleep(2)  # a process that has only begun does not stop in order
    service.send_signal(signal.SIGTERM)
    status = service.wait(timeout=30)
    assert status == 0, f"the service ended with {status}"
    twice = {"good": check(good.messages, "good"), "flaky": check(flaky.messages, "flaky")}
    stream = nats.messages()
    twice["stream"] = check([(identity, body) for identity, body, _ in stream], "stream")
    assert all(subject == f'possync.{body["account"]}' for _, body, subject in stream)
    assert twice["flaky"] >= flaky.lost_answers > 0, "what was taken without an answer comes again"
    assert twice["stream"] == 0, "the server drops what it has"
    assert SECRET not in (folder / "service.log").read_text()
    print(f"{sum(committed().values())} revisions at each of 3 sinks; delivered again: {twice}")
    # A sink that was away for too long is told what it does not get.
    database.execute("UPDATE sink_cursor SET revision = 1 WHERE sink = 'good'", "DELETE FROM outbox WHERE revision <= 5")
    good.messages.clear()
    service = start_service()
    # Whose gateway is away delivers all the same.
    wait_for("the gap is told", lambda: acknowledged("good") == committed())
    gaps = {body["account"]: body for _, body in good.messages if body["type"] == "gap"}
    assert gaps["DU1"]["from_revision"] == 2 and gaps["DU1"]["revision"] == 5 and gaps["DU1"]["id"] == "DU1:2-5", gaps
    print("a gap is told as one")
finally:
    end(service, gateway, nats.process)
    database.drop()
