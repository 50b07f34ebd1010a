#!/usr/bin/env python3
"""Every command of docs/simulator.md, and of the help's examples, starts a gateway that answers a client.

usage: simulator_doc_test.py POSSYNC SOURCE_DIR
"""
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tws_client import Client
from processes import end

possync, source = sys.argv[1], pathlib.Path(sys.argv[2])
text = (source / "docs/simulator.md").read_text()
help_text = subprocess.run([possync, "simulate", "--help"], capture_output=True, text=True, check=True).stdout
commands = [line.strip() for line in (text + help_text).splitlines() if line.strip().startswith("possync simulate ")]
assert len(commands) >= 10, commands
for option in set(re.findall(r"`(--[a-z-]+)", text)):
    assert option in help_text, f"{option} is documented but not an option"
for command in commands:
    words = shlex.split(command)[1:]
    if "--port" in words:
        words[words.index("--port") + 1] = "0"
    else:
        words += ["--port", "0"]
    gateway = subprocess.Popen([possync, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=source)
    try:
        first = gateway.stdout.readline()
        assert first.startswith("simulated gateway on"), (command, first, gateway.stderr.read())
        if "--faults" not in words and "--newer" not in words:
            client = Client(int(first.split(",")[0].rsplit(":", 1)[1]), 7)
            assert client.positions() or "--scenario" in words, command
            client.close()
    finally:
        end(gateway)
print(f"{len(commands)} commands start and answer")
