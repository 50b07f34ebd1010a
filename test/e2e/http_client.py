"""A service on a port of its own, and a client on plain sockets that sends exactly the bytes that it is told to."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

from processes import end


class Answer:
    def __init__(self, head, body):
        lines = head.split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.body = body

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode()


class Wire:
    """One connection."""

    def __init__(self, address, port, tls=None, timeout=10):
        self.socket = socket.create_connection((address, port), timeout=timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode()

    def answer(self, without_body=False):
        """The next answer; None where the connection ends instead."""
        try:
            head = self.head()
        except (EOFError, ConnectionError):
            return None
        answer = Answer(head, b"")
        size = 0 if without_body or answer.status in (204, 304) else int(answer.headers.get("content-length", 0))
        while len(self.buffer) < size:
            self.receive()
        answer.body, self.buffer = self.buffer[:size], self.buffer[size:]
        return answer

    def close(self):
        self.socket.close()


def request(method, target, host, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Service:
    """`possync run` on a simulated gateway of its own."""

    def __init__(self, possync, folder, simulate=("--pace", "0s"), http='listen = "127.0.0.1:0"', more="", gateway=None, name="book", url=None):
        self.possync = possync
        self.folder = pathlib.Path(folder)
        self.database = self.folder / f"{name}.db"
        self.url = url or f"sqlite:///{self.database}"
        self.config = self.folder / f"{name}.toml"
        self.log = self.folder / f"{name}.log"
        self.processes = []
        self.drains = []
        self.gateway_port = gateway or self.start_gateway(simulate)
        self.config.write_text(f'[database]\nurl = "{self.url}"\n[[gateway]]\nname = "one"\nport = {self.gateway_port}\n'
                               f'[http]\n{http}\n[log]\nformat = "json"\nlevel = "debug"\n{more}')
        self.start()

    def start_gateway(self, arguments):
        process = subprocess.Popen([self.possync, "simulate", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
        port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline()).group(1))
        self.drains.append(subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL))
        self.processes.append(process)
        self.gateway = process
        return port

    def start(self):
        self.process = subprocess.Popen([self.possync, "run", "--config", self.config], stderr=open(self.log, "a"))
        self.started_at = self.log.stat().st_size if self.log.exists() else 0
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = re.findall(r"(https?)://(?:\[([0-9a-f:]+)\]|([0-9.]+)):(\d+)", self.log.read_text())
            if found:
                scheme, six, four, port = found[-1]
                self.scheme, self.address, self.port = scheme, six or four, int(port)
                return
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        raise AssertionError("the service does not listen: " + self.log.read_text()[-2000:])

    def wire(self, **more):
        return Wire(self.address if self.address not in ("0.0.0.0", "::") else "127.0.0.1", self.port, **more)

    def host(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, method, target, headers=(), body=b"", host=None, **more):
        wire = self.wire(**more)
        try:
            wire.send(request(method, target, host or self.host(), headers, body))
            return wire.answer(without_body=method == "HEAD")
        finally:
            wire.close()

    def get(self, target, **headers):
        return self.ask("GET", target, [(name.replace("_", "-"), value) for name, value in headers.items()])

    def wait_synced(self, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            accounts = self.get("/api/accounts").json().get("items", [])
            if accounts and all(account["last_synced_at"] for account in accounts):
                return accounts
            time.sleep(0.05)
        raise AssertionError("no sync: " + self.log.read_text()[-2000:])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the service did not stop within 20 s")
        return self.process.returncode

    def close(self):
        end(self.process, *self.processes)
        for drain in self.drains:
            drain.wait()


@contextlib.contextmanager
def service(possync, folder, **options):
    running = Service(possync, folder, **options)
    try:
        yield running
    except BaseException:
        print(running.log.read_text()[-4000:])
        raise
    finally:
        running.close()


class Events:
    """Server-sent events of one connection."""

    def __init__(self, wire):
        self.wire = wire
        self.last_id = None

    def next(self, seconds=10, kinds=None):
        """(event, data) of the next event, of these kinds where they are named; None when nothing came in time."""
        until = time.monotonic() + seconds
        while True:
            while b"\n\n" not in self.wire.buffer:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self.wire.socket.settimeout(left)
                try:
                    self.wire.receive()
                except (socket.timeout, TimeoutError):
                    return None
            block, _, self.wire.buffer = self.wire.buffer.partition(b"\n\n")
            event, data = "message", None
            for line in block.decode().split("\n"):
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    data = value
                elif name == "id":
                    self.last_id = value
            if data is not None and (kinds is None or event in kinds):
                return event, json.loads(data)


def follow(service, last_id=None, target="/api/stream", headers=()):
    wire = service.wire()
    more = list(headers) + ([("Last-Event-ID", last_id)] if last_id else [])
    wire.send(request("GET", target, service.host(), more))
    head = wire.head()
    assert " 200 " in head.split("\r\n")[0], head
    return Events(wire)


def trust(certificate):
    context = ssl.create_default_context(cafile=certificate)
    return context
