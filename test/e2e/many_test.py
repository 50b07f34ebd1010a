#!/usr/bin/env python3
"""Many gateways in one service, and many accounts at one gateway.

Six simulated gateways of different server versions, each with accounts of its own. While one says nothing any more, one is
killed and comes back, one drops its connections again and again, and one sends a row nobody can read, the others go on
committing; in the end every book equals its broker, but for the account of the unreadable row, which stays as it was seen last.

Then an adviser's login with 500 accounts of 20 positions each, whose lists come one account at a time: time and memory of the
first sync and of one in which nothing changed are printed.

usage: many_test.py POSSYNC [--accounts N] [--seconds N]
"""
import datetime
import json
import os
import pathlib
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

from tws_client import Client
from processes import end

possync = sys.argv[1]


def option(name, default):
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


class Gateway:
    """A simulated gateway on a port of its own."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([possync, "simulate", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        # Somebody has to read what the gateway prints, or it would stop at a full pipe.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.drain.wait()


class Proxy:
    """Stands between the service and a gateway, and passes frames on, or not, or not as they were."""

    def __init__(self, port):
        self.port_behind = port
        self.stalled = False
        self.damage = None  # payload -> payload
        self.connections = []
        self.port = 0
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def kill(self):
        """As a gateway's process that is killed: connections are reset, nobody listens."""
        self.close(self.listener)
        self.drop()

    def accept(self, listener):
        while True:
            try:
                front, _ = listener.accept()
            except OSError:
                return
            back = socket.create_connection(("127.0.0.1", self.port_behind))
            self.connections.append((front, back))
            threading.Thread(target=self.up, args=(front, back), daemon=True).start()
            threading.Thread(target=self.down, args=(front, back), daemon=True).start()

    def up(self, front, back):
        try:
            while data := front.recv(65536):
                back.sendall(data)
        except OSError:
            pass
        self.close(front, back)

    def down(self, front, back):
        buffer = b""
        try:
            while data := back.recv(65536):
                buffer += data
                while len(buffer) >= 4 and len(buffer) >= 4 + struct.unpack(">I", buffer[:4])[0]:
                    size = struct.unpack(">I", buffer[:4])[0]
                    payload, buffer = buffer[4:4 + size], buffer[4 + size:]
                    if self.damage:
                        payload = self.damage(payload)
                    if not self.stalled:
                        front.sendall(struct.pack(">I", len(payload)) + payload)
        except OSError:
            pass
        self.close(front, back)

    def close(self, *sockets):
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def drop(self):
        for front, back in self.connections:
            self.close(front, back)
        self.connections = []


def unreadable_rows_of(account):
    """Each row of a list of positions of this account loses its conId."""

    def damage(payload):
        fields = payload.split(b"\0")
        if fields[0] == b"61" and fields[2] == account:
            fields[3] = b"?"
        return b"\0".join(fields)

    return damage


def scenario(folder, name, accounts, con_id, steps):
    """A day of small fills, in each account the same way."""
    lines = []
    for index, account in enumerate(accounts):
        lines += [f"account {account}", f"instrument {account}S STK USD conid {con_id + index} symbol {account}S", f"hold {account}S 100 @ 50"]
    lines.append("start")
    for step in range(steps):
        for account in accounts:
            lines.append(f"fill {account}S {'sell' if step % 3 == 2 else 'buy'} {1 + step % 5} @ 5{step % 10} commission 1 account {account}")
    path = folder / f"{name}.scn"
    path.write_text("\n".join(lines) + "\n")
    return path


def query(database, statement):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(statement).fetchall()


def revisions(database):
    try:
        return dict(query(database, "SELECT account, revision FROM accounts"))
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}  # the file is there before its tables are
        raise


def book_of(database, accounts):
    rows = query(database, "SELECT account, con_id, quantity FROM positions WHERE status = 'OPEN'")
    return {(account, con_id): quantity for account, con_id, quantity in rows if account in accounts}


def wait_until(what, seconds, condition):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def many_gateways(folder, seconds):
    plan = {"steady": (226, ["DUA1"]), "old": (200, ["DUB1"]), "torn": (176, ["DUC1", "DUC2"]), "stalls": (213, ["DUD1"]),
            "killed": (203, ["DUE1"]), "drops": (226, ["DUF1"])}
    gateways = {}
    for number, (name, (version, accounts)) in enumerate(plan.items()):
        day = scenario(folder, name, accounts, 7000 + 10 * number, (seconds + 15) * 5 // len(accounts))
        gateways[name] = Gateway("--scenario", day, "--pace", "200ms", "--server-version", str(version))
    proxies = {name: Proxy(gateways[name].port) for name in ("torn", "stalls", "drops", "killed")}
    database = folder / "book.db"
    config = folder / "possync.toml"
    text = f'[database]\nurl = "sqlite:///{database}"\n[sync]\ninterval = "10s"\ntimeout = "4s"\n[log]\nformat = "json"\n'
    for number, name in enumerate(plan):
        port = proxies[name].port if name in proxies else gateways[name].port
        text += f'[[gateway]]\nname = "{name}"\nport = {port}\nclient_id = {70 + number}\n'
    config.write_text(text)
    everybody = [account for _, accounts in plan.values() for account in accounts]
    with open(folder / "log", "w") as log:
        service = subprocess.Popen([possync, "run", "--config", config], stderr=log)
    try:
        wait_until("every account was synced once", 30,
                   lambda: database.exists() and all(revisions(database).get(account, 0) > 0 for account in everybody))
        proxies["torn"].damage = unreadable_rows_of(b"DUC1")
        proxies["stalls"].stalled = True
        proxies["killed"].kill()
        killed_at = time.time()
        until = time.monotonic() + seconds
        seen = [revisions(database)]
        while time.monotonic() < until:
            for _ in range(10):
                time.sleep(0.25)
            if len(seen) <= 4:
                proxies["drops"].drop()
            seen.append(revisions(database))
        for account in ("DUA1", "DUB1", "DUC2"):
            pauses = [later[account] for later in seen]
            assert all(b > a for a, b in zip(pauses, pauses[1:])), f"{account} stood still: {pauses}"
        frozen = book_of(database, ["DUD1", "DUE1"])
        status = json.loads(subprocess.run([possync, "status", "--json", "--config", config], capture_output=True, text=True, check=True).stdout)
        heard = {each["gateway"]: each for each in status["gateways"]}
        assert heard["steady"]["connected"] and not heard["steady"]["stale"] and heard["steady"]["stale_since"] is None, heard
        assert not heard["killed"]["connected"] and heard["killed"]["stale"] and heard["killed"]["last_error"], heard
        assert killed_at - 5 < datetime.datetime.fromisoformat(heard["killed"]["stale_since"]).timestamp() < killed_at + 1, heard
        synced = {each["account"]: each["last_synced_at"] for each in status["accounts"]}
        assert synced["DUC1"] < synced["DUC2"], "an unreadable row counted as a sync"
        assert synced["DUE1"] < synced["DUA1"], "a gateway that is away counted as synced"
        assert len(frozen) == 2, "what could not be asked about was closed"

        # Everything is well again, and the days end.
        proxies["stalls"].stalled = False
        proxies["torn"].damage = None
        proxies["killed"].start()
        wait_until("each account catches up", 90, lambda: all(
            revisions(database)[account] > seen[-1][account] for account in everybody))

        def equal():
            return all(book_of(database, accounts) == held[name] for name, (_, accounts) in plan.items())

        held = {}
        until = time.monotonic() + 90
        while time.monotonic() < until:
            for name, (_, accounts) in plan.items():
                client = Client(gateways[name].port, 900)
                held[name] = client.positions()
                client.close()
            if equal():
                break
            time.sleep(0.5)
        assert equal(), {name: (book_of(database, plan[name][1]), held[name]) for name in plan}
        verified = subprocess.run([possync, "verify", "--config", config], capture_output=True, text=True)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
        after = revisions(database)
        print(f"{len(plan)} gateways, {len(everybody)} accounts, {sum(after.values())} revisions; books and brokers are equal")
    except BaseException:
        print((folder / "log").read_text()[-6000:], file=sys.stderr)
        raise
    finally:
        end(service, *(gateway.process for gateway in gateways.values()))
        for gateway in gateways.values():
            gateway.drain.wait()


def timed(*command):
    """Seconds, peak memory in MiB and what was printed."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, text
    return time.monotonic() - began, usage.ru_maxrss / 1024, text


def many_accounts(folder, count):
    gateway = Gateway("--accounts", str(count), "--positions", "20", "--pace", "0s")
    try:
        database = folder / "many.db"
        config = folder / "many.toml"
        config.write_text(f'[database]\nurl = "sqlite:///{database}"\n[[gateway]]\nname = "adviser"\nport = {gateway.port}\n')
        first, first_memory, text = timed(possync, "sync", "--json", "--config", config)
        results = json.loads(text)["results"]
        assert len(results) == count and all(result["success"] for result in results)
        held = query(database, "SELECT count(*), count(DISTINCT account) FROM positions WHERE status = 'OPEN'")[0]
        assert held == (20 * count, count), held
        again, again_memory, text = timed(possync, "sync", "--json", "--config", config)
        results = json.loads(text)["results"]
        assert all(result["success"] and result["positions_updated"] == 0 for result in results)
        print(f"{count} accounts x 20 positions: first sync {first:.1f} s, {first_memory:.0f} MiB at most; without a change {again:.1f} s, "
              f"{again_memory:.0f} MiB; one list each at the pace that gateways allow")
    finally:
        end(gateway.process)
        gateway.drain.wait()


with tempfile.TemporaryDirectory() as name:
    many_gateways(pathlib.Path(name), option("--seconds", 20))
    many_accounts(pathlib.Path(name), option("--accounts", 500))
