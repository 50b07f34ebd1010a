#!/usr/bin/env python3
"""Who is let in: bind address x token x Host x Origin over real sockets, and everything that is refused before it is a request.

usage: doors_test.py POSSYNC
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from http_client import Service, request, service, trust

possync = sys.argv[1]
TOKEN = "0123456789abcdef0123456789abcdef"


def own_address():
    """An address of this machine that is not loopback; none where there is no network at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return None


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def refused_to_start(folder, listen, more=""):
    """What `possync run` says when it does not start; None when it does."""
    config = folder / "refused.toml"
    config.write_text(f'[database]\nurl = "sqlite:///{folder}/refused.db"\n[[gateway]]\nport = 1\n[http]\nlisten = "{listen}"\n{more}')
    process = subprocess.Popen([possync, "run", "--config", config], stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if "http.listening" in line:
            process.terminate()
            break
    process.stderr.close()
    status = process.wait()
    if "http.listening" in said:
        return None
    assert status == 2, (listen, status, said)
    return said


def starting(folder, token_file, ipv6, own):
    """Bind addresses without and with a token."""
    rows = 0
    always = ["127.0.0.1", "127.0.0.2", "localhost"] + (["[::1]"] if ipv6 else [])
    only_with_token = ["0.0.0.0"] + ([own] if own else []) + (["[::]", "[::ffff:0.0.0.0]"] if ipv6 else [])
    if ipv6:
        always.append("[::ffff:127.0.0.1]")
    never = ["127.0.0.1", ":8321", "8321", "127.0.0.1:65536", "127.0.0.1:http", "::1:8321", "[::1]", "http://127.0.0.1:80", "unix:/tmp/x", "no host:1",
             "999.1.1.1:8321", "127.0.0.1:-1", "[fe80::1%lo]:1", "[127.0.0.1]:1"]
    for address in always:
        for more in ("", f'token_file = "{token_file}"\n'):
            assert refused_to_start(folder, f"{address}:0", more) is None, address
            rows += 1
    for address in only_with_token:
        said = refused_to_start(folder, f"{address}:0")
        assert said and "token_file" in said and len(said.strip().split("\n")) == 1, (address, said)
        assert refused_to_start(folder, f"{address}:0", f'token_file = "{token_file}"\n') is None, address
        rows += 2
    for listen in never:
        said = refused_to_start(folder, listen, f'token_file = "{token_file}"\n')
        assert said and len(said.strip().split("\n")) == 1, (listen, said)
        rows += 1
    return rows


def token_files(folder):
    rows = 0
    for name, text, mode, word in [("open", TOKEN, 0o644, "chmod 600"), ("group", TOKEN, 0o640, "chmod 600"), ("short", "abc", 0o600, "openssl rand"),
                                   ("empty", "", 0o600, "openssl rand"), ("words", "two words of a token here", 0o600, "one line"),
                                   ("long", "x" * 5000, 0o600, "characters")]:
        path = folder / f"token_{name}"
        path.write_text(text)
        path.chmod(mode)
        said = refused_to_start(folder, "127.0.0.1:0", f'token_file = "{path}"\n')
        assert said and word in said and TOKEN not in said, (name, said)
        rows += 1
    said = refused_to_start(folder, "127.0.0.1:0", 'token_file = "/nowhere/token"\n')
    assert said and "cannot be read" in said, said
    return rows + 1


# What each Host makes of a request to 127.0.0.1:PORT, nothing configured: served, misdirected, or no host at all.
HOSTS = [("127.0.0.1:{port}", 200), ("127.0.0.1", 200), ("localhost:{port}", 200), ("LOCALHOST", 200), ("localhost.", 200), ("[::1]:{port}", 200),
         ("127.0.0.1:1", 200), ("[::ffff:127.0.0.1]", 200),
         ("evil.example", 421), ("evil.example:{port}", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("169.254.169.254", 421),
         ("[::2]", 421), ("0.0.0.0:{port}", 421), ("book.example", 421), ("localhost:{port}:1", 400), ("", 400), ("a b", 400), ("[::1", 400), ("::1", 400),
         ("localhost:x", 400), ("user@localhost", 400), ("localhost/", 400), ("localhost,evil.example", 400), ("127.0.0.1\t", 200)]

# Origin and Sec-Fetch-Site of what changes something, for a request with Host localhost:PORT.
ORIGINS = [((), 200), ((("Origin", "http://localhost:{port}"),), 200), ((("Origin", "http://LOCALHOST:{port}"),), 200),
           ((("Origin", "http://evil.example"),), 403), ((("Origin", "http://localhost:1"),), 403), ((("Origin", "http://localhost"),), 403),
           ((("Origin", "null"),), 403), ((("Origin", ""),), 403), ((("Origin", "http://127.0.0.1:{port}"),), 403),
           ((("Origin", "http://localhost:{port}.evil.example"),), 403), ((("Origin", "http://evil.example/http://localhost:{port}"),), 403),
           ((("Origin", "file://"),), 403), ((("Origin", "localhost:{port}"),), 403), ((("Sec-Fetch-Site", "same-origin"),), 200),
           ((("Sec-Fetch-Site", "none"),), 200), ((("Sec-Fetch-Site", "cross-site"),), 403), ((("Sec-Fetch-Site", "same-site"),), 403),
           ((("Origin", "http://localhost:{port}"), ("Sec-Fetch-Site", "cross-site")), 403)]

TOKENS = [(None, 401), ("Bearer " + TOKEN, 200), ("bearer " + TOKEN, 200), ("Bearer " + TOKEN[:-1], 401), ("Bearer " + TOKEN + "0", 401), ("Bearer ", 401),
          ("Basic " + TOKEN, 401), (TOKEN, 401), ("Bearer  " + TOKEN, 401)]


def filled(headers, port):
    return [(name, value.format(port=port)) for name, value in headers]


def hosts_and_origins(running):
    rows = 0
    for host, expected in HOSTS:
        host = host.format(port=running.port)
        got = running.ask("GET", "/api/accounts", host=host if host else " ").status
        assert got == expected, (host, got, expected)
        rows += 1
    for headers, expected in ORIGINS:
        headers = filled(headers, running.port)
        for method, target, good in [("POST", "/api/sync/stats/reset", 200), ("DELETE", "/api/session", 204)]:
            got = running.ask(method, target, headers, host=f"localhost:{running.port}").status
            assert got == (good if expected == 200 else expected), (method, headers, got)
            rows += 1
        wire = running.wire()
        wire.send(request("GET", "/api/stream", f"localhost:{running.port}", headers))
        assert f" {expected} " in wire.head().split("\r\n")[0], ("stream", headers)
        wire.close()
        rows += 1
    # A page of another site may make a browser ask; it cannot read the answer, for nothing here says that it may.
    answer = running.ask("GET", "/api/accounts", [("Origin", "http://evil.example")])
    assert answer.status == 200 and not any(name.startswith("access-control") for name in answer.headers), answer.headers
    return rows + 1


def tokens(running):
    rows = 0
    for authorization, expected in TOKENS:
        headers = [("Authorization", authorization)] if authorization is not None else []
        for method, target in [("GET", "/api/accounts"), ("GET", "/api/sync/status"), ("GET", "/metrics"), ("GET", "/api/openapi.json"),
                               ("GET", "/api/gate/DU1/1"), ("POST", "/api/sync/stats/reset")]:
            if expected == 401 and target != "/api/accounts" and authorization is not None:
                continue  # the address would soon be told to wait
            answer = running.ask(method, target, headers)
            assert answer.status == expected, (authorization, target, answer.status)
            assert expected != 401 or answer.headers.get("www-authenticate") == "Bearer", answer.headers
            rows += 1
    for target in ("/", "/livez", "/readyz", "/favicon.ico"):
        assert running.get(target).status in (200, 404, 503), target
    assert "gateway" not in running.get("/readyz").text(), "whoever has no token is told no names"
    # A browser's way in.
    wrong = running.ask("POST", "/api/session", [("Content-Type", "application/json")], b'{"token": "wrong"}')
    assert wrong.status == 401 and "set-cookie" not in wrong.headers, wrong.headers
    assert running.ask("POST", "/api/session", [("Content-Type", "text/plain")], b'{"token": "wrong"}').status == 415
    body = f'{{"token": "{TOKEN}"}}'.encode()
    assert running.ask("POST", "/api/session", [("Content-Type", "application/json"), ("Origin", "http://evil.example")], body).status == 403
    right = running.ask("POST", "/api/session", [("Content-Type", "application/json")], body)
    cookie = right.headers["set-cookie"]
    assert right.status == 204 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie, cookie
    value = cookie.split(";")[0]
    assert running.get("/api/accounts", Cookie=value).status == 200
    assert running.get("/api/accounts", Cookie=f"a=b; {value}").status == 200
    assert running.get("/api/accounts", Cookie=value[:-1]).status == 401
    assert running.get("/api/accounts", Cookie="possync_session=").status == 401
    rows += 9
    # Guessing is slow.
    for _ in range(30):
        last = running.get("/api/accounts", Authorization="Bearer guess0000000000000000").status
    assert last == 429, last
    assert running.get("/livez").status == 200
    return rows + 2


SMUGGLED = [
    ("both lengths", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 411)),
    ("chunked", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (411,)),
    ("strange coding", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n", (400, 411)),
    ("two lengths", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nabcde", (400,)),
    ("the same length twice", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", (400,)),
    ("a list of lengths", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0, 0\r\n\r\n", (400,)),
    ("length with a sign", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: +0\r\n\r\n", (400,)),
    ("length in hex", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0x0\r\n\r\n", (400,)),
    ("negative length", "POST /api/sync/stats/reset HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n", (400,)),
    ("folded line", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\nX-A: 1\r\n 2\r\n\r\n", (400,)),
    ("folded by tab", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\nX-A: 1\r\n\t2\r\n\r\n", (400,)),
    ("bare line feeds", "GET /api/accounts HTTP/1.1\nHost: {host}\n\n", (400,)),
    ("one bare line feed", "GET /api/accounts HTTP/1.1\r\nHost: {host}\nX: 1\r\n\r\n", (400,)),
    ("bare carriage return", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\nX: 1\r2\r\n\r\n", (400,)),
    ("NUL", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\n\r\n", (400,)),
    ("blank before colon", "GET /api/accounts HTTP/1.1\r\nHost : {host}\r\n\r\n", (400,)),
    ("two Hosts", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n", (400,)),
    ("no Host", "GET /api/accounts HTTP/1.1\r\n\r\n", (400,)),
    ("absolute target", "GET http://{host}/api/accounts HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
    ("CONNECT", "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
    ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", (400,)),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    ("HTTP/0.9", "GET /api/accounts\r\n\r\n", (400,)),
    ("long name", "GET /api/accounts HTTP/1.1\r\nHost: {host}\r\n" + "X" * 20000, (431,)),
    ("long target", "GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", (431,)),
    ("many headers", "GET / HTTP/1.1\r\nHost: {host}\r\n" + "A: b\r\n" * 4000 + "\r\n", (431,)),
    ("long body", "POST /api/session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 70000\r\n\r\n", (413,)),
    ("huge length", "POST /api/session HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999999999\r\n\r\n", (400, 413)),
    ("TLS to plain", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", (400,)),
]


def smuggling(running):
    for name, text, expected in SMUGGLED:
        data = text if isinstance(text, bytes) else text.replace("{host}", running.host()).encode()
        # Whatever follows must not be taken for a request of its own.
        wire = running.wire()
        wire.send(data)
        answer = wire.answer()
        assert answer is not None and answer.status in expected, (name, answer and answer.status)
        assert answer.headers.get("connection") == "close", name
        assert answer.headers["content-type"] == "application/problem+json", name
        assert answer.json()["status"] == answer.status, name
        assert wire.answer() is None, f"{name}: the connection goes on"
        wire.close()
    # What is well formed is served on one connection, one after the other, also when it comes at once.
    wire = running.wire()
    wire.send(request("GET", "/livez", running.host()) * 3 + request("POST", "/api/sync/stats/reset", running.host(), body=b"{}"))
    assert [wire.answer().status for _ in range(4)] == [200] * 4
    wire.send(request("GET", "/livez", running.host(), [("Connection", "close")]))
    assert wire.answer().headers["connection"] == "close" and wire.answer() is None
    wire.close()
    # And one byte at a time.
    wire = running.wire()
    for byte in request("GET", "/livez", running.host()):
        wire.send(bytes([byte]))
    assert wire.answer().status == 200
    wire.close()
    for method, target, status in [("PUT", "/api/accounts", 405), ("POST", "/api/accounts", 405), ("GET", "/api/sync/positions", 405),
                                   ("OPTIONS", "/api/accounts", 405), ("TRACE", "/", 405), ("GET", "/api/nothing", 404), ("GET", "/../etc/passwd", 404),
                                   ("GET", "/assets/../index.html", 404), ("GET", "//evil.example/", 404), ("GET", "/api/accounts?x=1", 400),
                                   ("GET", "/api/accounts?limit=%zz", 400), ("GET", "/api/accounts?limit=%00", 400), ("GET", "/api/accounts?limit=%ff", 400),
                                   ("GET", "/api/accounts?limit=1&limit=2", 400), ("HEAD", "/api/accounts", 200), ("HEAD", "/", 200)]:
        answer = running.ask(method, target)
        assert answer.status == status, (method, target, answer.status)
        assert answer.headers["x-content-type-options"] == "nosniff" and "x-frame-options" in answer.headers, answer.headers
    assert "GET" in running.ask("PUT", "/api/accounts").headers["allow"]
    return len(SMUGGLED) + 20


def headers_of_the_page(running):
    policy = running.get("/").headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy, policy
    assert "unsafe-eval" not in policy and "script-src 'self' 'unsafe-inline'" not in policy
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', running.get("/").text()):
        if asset.startswith("/assets/"):
            assert "immutable" in running.get(asset).headers["cache-control"], asset


def slow_loris(folder):
    """Clients that send a byte now and then, or nothing, hold nobody up and are ended."""
    with service(possync, folder, name="loris", more="") as running:
        running.wait_synced()
        slow = [running.wire(timeout=40) for _ in range(200)]
        for wire in slow[:100]:
            wire.send("GET /api/accounts HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        assert running.get("/api/accounts").status == 200
        assert time.monotonic() - began < 5, "slow clients hold the others up"
        while time.monotonic() - began < 30 and slow:
            for wire in slow[:100]:
                try:
                    wire.send("a")
                except OSError:
                    pass
            for wire in list(slow):
                wire.socket.setblocking(False)
                try:
                    if not wire.socket.recv(4096):
                        raise ConnectionError
                except BlockingIOError:
                    continue
                except OSError:
                    slow.remove(wire)
                    wire.close()
            if not slow:
                break
            time.sleep(0.3)
        assert not slow, f"{len(slow)} of 200 were not ended within {time.monotonic() - began:.0f} s"
        took = time.monotonic() - began
        assert took > 5, f"ended after {took:.1f} s: a slow line would be cut off too"
        return took


def limits(folder):
    with service(possync, folder, name="limits", http='listen = "127.0.0.1:0"\nmax_connections = 30\nmax_connections_per_address = 20') as running:
        running.wait_synced()
        wires = [running.wire() for _ in range(20)]
        for wire in wires:
            wire.send(request("GET", "/livez", running.host()))
            assert wire.answer().status == 200
        try:
            beyond = running.ask("GET", "/livez")
        except OSError:
            beyond = None
        assert beyond is None, "one more than the limit was let in"
        # Another address still comes in.
        other = socket.create_connection(("127.0.0.1", running.port), timeout=5, source_address=("127.0.0.2", 0))
        other.sendall(request("GET", "/livez", running.host()))
        assert b" 200 " in other.recv(100)
        other.close()
        wires.pop().close()
        time.sleep(0.2)
        assert running.ask("GET", "/livez").status == 200, "a place that became free stays taken"


def over_tls(folder, token_file):
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, capture_output=True)
    key.chmod(0o600)
    http = f'listen = "127.0.0.1:0"\ncertificate_file = "{certificate}"\nkey_file = "{key}"\ntoken_file = "{token_file}"'
    with service(possync, folder, name="tls", http=http) as running:
        assert running.scheme == "https"
        wire = running.wire(tls=trust(certificate))
        for _ in range(3):
            wire.send(request("GET", "/api/accounts", running.host(), [("Authorization", "Bearer " + TOKEN)]))
            assert wire.answer().status == 200
        wire.send(request("POST", "/api/session", running.host(), [("Content-Type", "application/json")], f'{{"token": "{TOKEN}"}}'.encode()))
        assert "Secure" in wire.answer().headers["set-cookie"]
        wire.send(request("GET", "/api/stream", running.host(), [("Authorization", "Bearer " + TOKEN)]))
        assert " 200 " in wire.head()
        wire.close()
        plain = running.wire()
        plain.send(request("GET", "/livez", running.host()))
        assert plain.answer() is None, "plain HTTP is answered where TLS is configured"
        plain.close()
    key.chmod(0o644)
    said = refused_to_start(folder, "127.0.0.1:0", f'certificate_file = "{certificate}"\nkey_file = "{key}"\n')
    assert said and "chmod 600" in said, said
    said = refused_to_start(folder, "127.0.0.1:0", f'certificate_file = "{certificate}"\n')
    assert said and "go together" in said, said
    said = refused_to_start(folder, "127.0.0.1:0", f'certificate_file = "{token_file}"\nkey_file = "{token_file}"\n')
    assert said and "PEM" in said, said


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    token_file = folder / "token"
    token_file.write_text(TOKEN + "\n")
    token_file.chmod(0o600)
    ipv6, own = has_ipv6(), own_address()
    loris = []
    patient = threading.Thread(target=lambda: loris.append(slow_loris(folder)))
    patient.start()
    rows = starting(folder, token_file, ipv6, own) + token_files(folder)
    with service(possync, folder, name="plain") as running:
        running.wait_synced()
        rows += hosts_and_origins(running) + smuggling(running)
        headers_of_the_page(running)
        log = running.log.read_text()
        assert "http.request" in log and "x=1" not in log, "the access log shows what stands behind the question mark"
    wide = f'listen = "0.0.0.0:0"\ntoken_file = "{token_file}"\nhosts = ["book.example"]'
    with service(possync, folder, name="wide", http=wide) as running:
        bearer = [("Authorization", "Bearer " + TOKEN)]
        for host, expected in [("book.example", 200), ("BOOK.example:443", 200), ("other.example", 421), ("localhost", 200), ("0.0.0.0", 421),
                               ("127.0.0.1", 200)] + ([(own, 421)] if own else []):
            got = running.ask("GET", "/api/accounts", bearer, host=host).status
            assert got == expected, (host, got, "through 127.0.0.1")
            rows += 1
        for host, expected in [(own, 200), ("evil.example", 421)] if own else []:
            there = socket.create_connection((own, running.port), timeout=5)
            there.sendall(request("GET", "/api/accounts", host, bearer))
            got = int(there.recv(4096).split(b" ")[1])
            assert got == expected, (host, got, "through " + own)
            there.close()
            rows += 1
        # Behind a reverse proxy that ends TLS.
        for origin, host, expected in [("https://book.example", "book.example", 200), ("https://book.example", "book.example:443", 200),
                                       ("http://book.example", "book.example", 200), ("https://book.example:8443", "book.example:8443", 200),
                                       ("https://book.example", "book.example:80", 403), ("https://book.example:8443", "book.example", 403),
                                       ("https://other.example", "book.example", 403), ("https://book.example", "localhost", 403)]:
            got = running.ask("POST", "/api/sync/stats/reset", bearer + [("Origin", origin)], host=host).status
            assert got == expected, (origin, host, got)
            rows += 1
        rows += tokens(running)
        log = running.log.read_text()
        assert TOKEN not in log and "guess0000" not in log, "a token is in the log"
    limits(folder)
    over_tls(folder, token_file)
    patient.join()
    assert loris, "the slow clients were not ended"
    print(f"{rows} rows of the doors' table hold{'' if ipv6 else ' (no IPv6 here)'}{'' if own else ' (loopback only here)'}; "
          f"200 slow clients were ended after {loris[0]:.0f} s")
