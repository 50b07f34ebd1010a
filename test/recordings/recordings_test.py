#!/usr/bin/env python3
"""Replays every recording of this folder, twice, and compares with the JSON beside it.

usage: recordings_test.py POSSYNC        POSSYNC_UPDATE_EXPECTED=1: accept what comes out
"""
import difflib
import json
import os
import pathlib
import subprocess
import sys

folder = pathlib.Path(__file__).parent
possync = pathlib.Path(sys.argv[1]).resolve()
recordings = sorted(folder.glob("*.rec"))
failed = 0 if recordings else 1
for recording in recordings:
    runs = [subprocess.run([possync, "replay", recording.name, "--json"], cwd=folder, capture_output=True, text=True) for _ in range(2)]
    if runs[0].returncode != 0:
        print(f"{recording.name}: exit status {runs[0].returncode}: {runs[0].stderr}")
        failed += 1
        continue
    if runs[0].stdout != runs[1].stdout:
        print(f"{recording.name}: two runs differ")
        failed += 1
    text = json.dumps(json.loads(runs[0].stdout), indent=1) + "\n"
    expected = recording.with_suffix(".json")
    if os.environ.get("POSSYNC_UPDATE_EXPECTED"):
        expected.write_text(text)
    elif expected.read_text() != text:
        sys.stdout.writelines(difflib.unified_diff(expected.read_text().splitlines(True), text.splitlines(True), expected.name, "now", n=2))
        failed += 1
print(f"{len(recordings)} recordings, {failed} problems")
sys.exit(1 if failed else 0)
