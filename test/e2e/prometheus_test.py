#!/usr/bin/env python3
"""Alert rules and dashboard on a real Prometheus that scrapes a real service: every query is answered, and what should be there is.

usage: prometheus_test.py POSSYNC ROOT      needs Debian's prometheus
"""
import http.server
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from http_client import service  # noqa: E402

possync, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
rules = root / "packaging/prometheus/alerts.yml"
board = json.loads((root / "packaging/grafana/possync.json").read_text())
subprocess.run([shutil.which("promtool") or "/usr/bin/promtool", "check", "rules", rules], check=True, stdout=subprocess.DEVNULL)


class Takes(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
more = "".join(f'[[{section}]]\nname = "here"\nurl = "http://127.0.0.1:{receiver.server_address[1]}/"\n' for section in ("sink", "alert"))


def ask(path, **parameters):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    answer = json.loads(urllib.request.urlopen(url, timeout=10).read())
    assert answer["status"] == "success", answer
    return answer["data"]


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(what + ": " + (folder / "prometheus.log").read_text()[-2000:])


def value(query):
    return [float(each["value"][1]) for each in ask("query", query=query)["result"]]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with service(possync, folder, simulate=("--pace", "300ms", "--happenings", "60"), more=more) as running:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{rules}']\n"
            f"scrape_configs: [{{job_name: possync, static_configs: [{{targets: ['127.0.0.1:{running.port}']}}]}}]\n")
        with open(folder / "prometheus.log", "w") as log:
            prometheus = subprocess.Popen([shutil.which("prometheus") or "/usr/bin/prometheus", f"--config.file={folder}/prometheus.yml",
                                           f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            wait_for("syncs are counted over time", lambda: value('sum(rate(possync_syncs_total[1m]))') > [0])
            # Series that begin with their first event, or are not here at all.
            rare = {"possync_gateway_losses_total"}
            asked = 0
            for panel in board["panels"]:
                for target in panel["targets"]:
                    query = target["expr"].replace("$instance", ".*")
                    assert "$" not in query, query
                    result = value(query)
                    asked += 1
                    assert result or any(word in query for word in rare), f"{panel['title']} shows nothing: {query}"
            assert asked >= 18, asked
            for variable in board["templating"]["list"]:
                if variable["type"] == "query":
                    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
                    assert ask(f"label/{label}/values", **{"match[]": metric}), variable["name"]
            judged = lambda: [rule for group in ask("rules")["groups"] for rule in group["rules"]]
            wait_for("the rules are evaluated", lambda: len(judged()) >= 12 and all(rule["health"] == "ok" for rule in judged()))
            assert [rule["name"] for rule in judged() if rule["state"] != "inactive"] == [], judged()
            # Each metric that a rule asks for has series here, so that a rule is silent because all is well.
            for rule in judged():
                for word in set(re.findall(r"possync_\w+", rule["query"])) - rare:
                    assert value(f"count({word})"), f"{rule['name']} asks for {word}, which is not there"
            # The gateway goes: what follows from it is seen, and at night it is no alarm.
            running.gateway.kill()
            wait_for("the gateway's absence is seen", lambda: value("possync_gateway_connected") == [0])
            expected = value("possync_gateway_down_expected")[0]
            wanted = "inactive" if expected else "pending"
            wait_for("the rule sees it", lambda: {rule["name"]: rule["state"] for rule in judged()}["PossyncGatewayDisconnected"] == wanted)
            running.stop()
            wait_for("the service's absence is seen", lambda: {rule["name"]: rule["state"] for rule in judged()}["PossyncDown"] == "pending")
            print(f"{asked} queries of the dashboard and {len(judged())} rules on Prometheus")
        finally:
            prometheus.terminate()
            prometheus.wait(20)
