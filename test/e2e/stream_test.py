#!/usr/bin/env python3
"""The stream: what subscribers are told is what was committed, by whichever process; who comes back is told what was missed; who reads
slowly is dropped; idle ones cost next to nothing.

usage: stream_test.py POSSYNC [--subscribers N]
"""
import json
import os
import pathlib
import resource
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time

from http_client import Events, Service, follow, request, service

possync = sys.argv[1]
os.environ["POSSYNC_FLEET_LEASE"] = "5s"  # who is killed has its gateway back soon
subscribers = int(sys.argv[sys.argv.index("--subscribers") + 1]) if "--subscribers" in sys.argv else 1000
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def memory(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().split("\n"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


class Mirror:
    """A client's book, made of the stream alone after one load."""

    def __init__(self, running, last_id=None):
        self.running = running
        self.events = follow(running, last_id)
        self.positions, self.seen, self.closes = {}, set(), {}
        if last_id is None:
            for row in running.get("/api/positions?limit=10000").json()["items"]:
                self.positions[row["position_id"]] = row
            for row in running.get("/api/closes?limit=10000").json()["items"]:
                self.closes[row["close_id"]] = row

    def take(self, event):
        kind, data = event
        assert kind != "gap", data
        if kind != "change":
            return
        for row in data["positions"]:
            self.positions[row["position_id"]] = row
        for gone in data["removed"]:
            self.positions.pop(gone, None)
        for row in data["events"]:
            self.seen.add(row["event_id"])
        for row in data["closes"]:
            self.closes[row["close_id"]] = row

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            event = self.events.next(max(0.01, min(1, end - time.monotonic())))
            if event:
                self.take(event)
            assert time.monotonic() < end, "not within the time"

    def becomes(self, running, seconds=20):
        """When nothing happens any more, what was told amounts to what is stored."""
        end = time.monotonic() + seconds
        while True:
            while event := self.events.next(0.3, ("change", "gap")):
                self.take(event)
            try:
                return self.equals(running)
            except AssertionError:
                if time.monotonic() > end:
                    raise

    def equals(self, running):
        wanted = {row["position_id"]: row for row in running.get("/api/positions?limit=10000").json()["items"]}
        # Marks and freshness come by other events.
        same = lambda row: {key: value for key, value in row.items() if key in ("quantity", "average_price", "status", "realized_pnl", "closed_at", "unknown_closes")}
        mine = {key: same(row) for key, row in self.positions.items()}
        assert mine == {key: same(row) for key, row in wanted.items()}, [(mine.get(key), same(row)) for key, row in wanted.items() if mine.get(key) != same(row)]
        closes = {row["close_id"] for row in running.get("/api/closes?limit=10000").json()["items"]}
        assert closes == set(self.closes), closes ^ set(self.closes)


def revision_of(running, account):
    return {row["account"]: row["revision"] for row in running.get("/api/accounts").json()["items"]}.get(account, 0)


def scenario(folder, name, account, con_id, steps):
    lines = [f"account {account}", f"instrument {account}S STK USD conid {con_id} symbol {account}S", f"hold {account}S 100 @ 50", "start"]
    for step in range(steps):
        side, size = ("buy", 10) if step % 4 < 2 else ("sell", 60 if step % 8 == 7 else 9)
        lines.append(f"fill {account}S {side} {size} @ 5{step % 10} commission 1 account {account}")
    path = folder / f"{name}.scn"
    path.write_text("\n".join(lines) + "\n")
    return path


def two_processes(folder):
    """One service follows the gateway and serves nothing; another one, on the same database, tells of what it commits."""
    day = scenario(folder, "day", "DUA1", 7001, 400)
    other = scenario(folder, "other", "DUB1", 7101, 1)
    with service(possync, folder, simulate=("--scenario", day, "--pace", "150ms"), name="writer") as writer:
        writer.wait_synced()
        with service(possync, folder, simulate=("--scenario", other, "--pace", "1s"), name="teller", more="") as teller:
            pass  # its database is its own: only to have a gateway's port
        of_day = writer.gateway
        gateway = Service.start_gateway(writer, ("--scenario", other, "--pace", "1s"))
        config = folder / "second.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{writer.database}"\n[[gateway]]\nname = "two"\nport = {gateway}\nclient_id = 72\n'
                          '[http]\nlisten = "127.0.0.1:0"\n[log]\nformat = "json"\n')
        second = Service.__new__(Service)
        second.possync, second.folder, second.database, second.config = possync, folder, writer.database, config
        second.log, second.processes, second.drains = folder / "second.log", [], []
        second.start()
        try:
            second.wait_synced()
            mirror = Mirror(second)
            mirror.until(lambda: len(mirror.seen) >= 5)
            # Noticed within a second: the commit's own time against the moment the event came.
            late = []
            while len(late) < 5:
                event = mirror.events.next(10, ("change",))
                mirror.take(event)
                recorded = event[1]["recorded_at"]
                late.append(time.time() - __import__("datetime").datetime.fromisoformat(recorded.replace("Z", "+00:00")).timestamp())
            assert max(late) < 1.5, late
            cursor = mirror.events.last_id
            seen = set(mirror.seen)
            # Killed, and started again: who comes back misses nothing and is told nothing twice.
            second.process.kill()
            second.process.wait()
            before = revision_of(writer, "DUA1")
            time.sleep(1)
            second.log.write_text("")
            second.start()
            again = Mirror(second, cursor)
            again.positions, again.closes = mirror.positions, mirror.closes
            again.until(lambda: len(again.seen) >= 5)
            assert not (again.seen & seen), "told twice"
            of_day.kill()  # the day stands still
            again.becomes(second)
            everything = {row["event_id"] for row in second.get("/api/events?account=DUA1&limit=10000").json()["items"]}
            first = min(seen)
            assert {event for event in everything if event >= first} <= seen | again.seen, "an event is missing"
            # What cannot be resumed says so.
            for bad in ("x", "1.!!!", "0.", "1.AX__________8B", "2." + cursor[2:]):
                gap = follow(second, bad).next(5)
                assert gap[0] == "gap" and gap[1]["reason"], (bad, gap)
            status = follow(second, cursor).next(5, ("status",))
            assert status and len(status[1]["gateways"]) == 2, status
            own = follow(second, target="/api/stream?last_event_id=" + again.events.last_id)
            assert own.next(1, ("change", "gap")) is None, "what was seen is told again"
            assert second.get("/api/stream?since=1").status == 400
            return max(late)
        finally:
            second.close()


def marks_and_status(running):
    events = follow(running)
    mark = events.next(15, ("mark",))
    assert mark and mark[1]["positions"], mark
    identifiers = {row["position_id"] for row in running.get("/api/positions?status=OPEN").json()["items"]}
    assert {row["position_id"] for row in mark[1]["positions"]} <= identifiers
    before = events.last_id
    assert before, "no place to come back to before the first change"
    running.ask("POST", "/api/sync/stats/reset")
    assert events.next(10, ("status",))


class Reader(threading.Thread):
    """Reads what comes as fast as it comes, and counts it."""

    def __init__(self, wire):
        super().__init__(daemon=True)
        self.wire, self.told, self.ended = wire, 0, False
        wire.settimeout(None)
        self.start()

    def run(self):
        try:
            while data := self.wire.recv(1 << 16):
                self.told += len(data)
        except OSError:
            pass
        self.ended = True


def slow_reader(folder):
    """Does not read at all, and is dropped, while another one is told everything."""
    with service(possync, folder, simulate=("--pace", "1ms", "--account-interval", "100ms"), name="slow") as running:
        running.wait_synced()
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((running.address, running.port))
        slow.sendall(request("GET", "/api/stream", running.host()))
        quick = Reader(follow(running).wire.socket)
        began = time.monotonic()
        while "possync_stream_subscribers_dropped_total 1\n" not in (text := running.get("/metrics").text()):
            assert time.monotonic() - began < 120, f"still followed after {quick.told} bytes: {text[-300:]}"
            assert not quick.ended, "with the slow one the others were dropped"
            time.sleep(0.2)
        told = quick.told
        assert "possync_stream_subscribers 1\n" in text and told > 1 << 20, text[-300:]
        end = time.monotonic() + 15
        while quick.told == told:
            assert time.monotonic() < end, "the others wait for the slow one"
            time.sleep(0.05)
        slow.close()
        return told


def many_idle(running):
    before = memory(running.process)
    wires = []
    for _ in range(subscribers):
        wire = running.wire()
        wire.send(request("GET", "/api/stream", running.host()))
        wires.append(wire)
    for wire in wires:
        assert " 200 " in wire.head()
    end = time.monotonic() + 10
    while time.monotonic() < end and f"possync_stream_subscribers {subscribers}\n" not in running.get("/metrics").text():
        time.sleep(0.1)
    assert f"possync_stream_subscribers {subscribers}\n" in running.get("/metrics").text()
    # Each of them is told of a sync's status.
    running.ask("POST", "/api/sync/stats/reset")
    for wire in wires[:: max(1, subscribers // 20)]:
        assert Events(wire).next(20, ("status",))
    used = memory(running.process) - before
    for wire in wires:
        wire.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and "possync_stream_subscribers 0\n" not in running.get("/metrics").text():
        time.sleep(0.2)
    assert "possync_stream_subscribers 0\n" in running.get("/metrics").text(), "who is gone is still counted"
    # A sanitizer keeps what was freed, and a shadow of it all.
    assert used < 50 or "POSSYNC_TEST_SANITIZED" in os.environ, f"{used:.0f} MiB for {subscribers} idle subscribers"
    return used


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    late = two_processes(folder)
    unread = slow_reader(folder)
    with service(possync, folder, simulate=("--pace", "300ms", "--account-interval", "1s"), name="live") as running:
        running.wait_synced()
        mirror = Mirror(running)
        mirror.until(lambda: len(mirror.seen) >= 10, 30)
        marks_and_status(running)
        running.gateway.send_signal(signal.SIGUSR2)
        running.gateway.kill()
        mirror.becomes(running)
        mirror.events.wire.close()
        used = many_idle(running)
        print(f"another process's commits are told after {late * 1000:.0f} ms at most; who does not read is dropped after {unread / 1e6:.1f} MB; "
              f"{subscribers} idle subscribers take {used:.1f} MiB")
