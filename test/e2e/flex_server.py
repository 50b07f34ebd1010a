#!/usr/bin/env python3
"""A Flex Web Service on 127.0.0.1 with a certificate of its own making, which plays every code the real one has.

usage: flex_server.py FOLDER     writes cert.pem into FOLDER, prints the port, serves until its stdin closes

The query id says what to play; a request log is in FOLDER/requests.
  1     a statement at once          2NNNN  SendRequest answers error NNNN always
  3     twice 1019, then it is there 4      Url on another path
  5     Url of a foreign host        6      Url without TLS
  7     a statement of 3 MiB         8      hangs in the middle
  9     HTTP 503 once, then fine     10     HTTP 404
  11    redirect to http             12     not XML (CSV)
  13    GetStatement: 1012, with the token in its message
  14    HTTP 429                     15     SendRequest: an answer without an end
"""
import http.server
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

STATEMENT = ('<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1"><FlexStatement accountId="U1234567" fromDate="20250911" '
             'toDate="20250911" whenGenerated="20250912;050533"><Trades/></FlexStatement></FlexStatements></FlexQueryResponse>\n')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts = {}
    folder = None

    def log_message(self, *words):
        pass

    def answer(self, text, status=200, headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, code, message="A message."):
        self.answer(f"<FlexStatementResponse timestamp='28 August, 2012 10:37 AM EDT'><Status>Fail</Status><ErrorCode>{code}</ErrorCode>"
                    f"<ErrorMessage>{message}</ErrorMessage></FlexStatementResponse>")

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        token, what = query.get("t", ""), query.get("q", "")
        with open(self.folder / "requests", "a") as log:
            log.write(f"{time.time():.3f} {url.path} {what} v={query.get('v')} {self.headers.get('User-Agent')}\n")
        here = f"https://127.0.0.1:{self.server.server_address[1]}"
        if url.path.endswith("/SendRequest"):
            if what.startswith("2"):
                return self.error(what[1:])
            if what == "9" and not self.counts.get("9"):
                self.counts["9"] = 1
                return self.answer("busy", 503)
            if what == "10":
                return self.answer("gone", 404)
            if what == "11":
                return self.answer("", 302, [("Location", f"http://127.0.0.1:{self.server.server_address[1]}/x")])
            if what == "14":
                return self.answer("slow down", 429)
            if what == "15":
                return self.answer("<FlexStatementResponse>" + " " * 1_000_000)
            address = {"4": here + "/elsewhere/Fetch", "5": "https://statements.example.org/GetStatement",
                       "6": f"http://127.0.0.1:{self.server.server_address[1]}/GetStatement"}.get(what, here + "/flex/GetStatement")
            return self.answer(f"<FlexStatementResponse timestamp='x'>\n<Status>Success</Status>\n<ReferenceCode>ref{what}</ReferenceCode>\n"
                               f"<Url>{address}</Url>\n</FlexStatementResponse>")
        if what == "ref3" and self.counts.setdefault("3", 0) < 2:
            self.counts["3"] += 1
            return self.error(1019, "Statement generation in progress. Please try again shortly.")
        if what == "ref4" and url.path != "/elsewhere/Fetch":
            return self.error(1017)
        if what == "ref7":
            return self.answer(STATEMENT + " " * (3 << 20))
        if what == "ref8":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(STATEMENT[:50].encode())
            self.wfile.flush()
            time.sleep(30)
            return None
        if what == "ref12":
            return self.answer("ClientAccountID,Symbol\n")
        if what == "ref13":
            return self.error(1012, f"Token {token} has expired.")
        return self.answer(STATEMENT)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that hangs up on purpose


def main():
    folder = pathlib.Path(sys.argv[1])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    Handler.folder = folder
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
