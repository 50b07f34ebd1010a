#!/usr/bin/env python3
"""Instructions per message, counted by Valgrind in this program's own code: what the C library does is left out, because its
string functions differ from processor to processor. Compared with instructions.json, which holds for one compiler and its
options: a count may not grow by more than 3 %, and one that fell by more is to be written down with --write.

usage: instructions.py PROGRAM [--write]
exit status: 0 fine, 1 a count grew, 77 another compiler than the one that was counted with (skipped), or no Valgrind
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

program = pathlib.Path(sys.argv[1]).resolve()
kept = pathlib.Path(__file__).with_name("instructions.json")
messages = 200
tolerance = 0.03


def own_instructions(path):
    """Of one dump: self cost of everything that is in the program itself. Lines behind calls= are what the callee took."""
    names, own, total, skip = {}, False, 0, False
    for line in path.read_text().splitlines():
        if match := re.match(r"(c?)ob=\((\d+)\)(?: (.*))?$", line):
            called, number, name = match.groups()  # a name stands where its number is first used, be it of a callee
            if name:
                names[number] = name
            if not called:
                own = pathlib.Path(names[number]).name == program.name
        elif line.startswith("calls="):
            skip = True
        elif re.match(r"[\d+*-]", line):
            if own and not skip:
                total += int(line.split()[1])
            skip = False
    return total


if shutil.which("valgrind") is None:
    print("Valgrind is not installed")
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={folder}/out", program],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    counted = {}
    for path in sorted(pathlib.Path(folder).glob("out.*")):
        trigger = re.search(r"^desc: Trigger: Client Request: (\S+)", path.read_text(), re.M)
        if trigger:
            counted[trigger[1]] = round(own_instructions(path) / messages, 1)
compiler = re.search(rb"clang version [^\0]*", program.read_bytes())
compiler = compiler[0].decode() if compiler else "unknown"
if "--write" in sys.argv:
    kept.write_text(json.dumps({"compiler": compiler, "per_message": counted}, indent=2) + "\n")
    sys.exit(0)
before = json.loads(kept.read_text())
if before["compiler"] != compiler:
    print(f"counted with {before['compiler']}, this is {compiler}; write the counts anew: {sys.argv[0]} PROGRAM --write")
    sys.exit(77)
failed = False
for name, was in before["per_message"].items():
    now = counted.get(name)
    grew = not now or now > was * (1 + tolerance)
    failed = failed or grew
    print(f"{name:<18} {was:>8} -> {now}{'  not counted' if not now else '  grew by more than 3 %' if grew else ''}")
sys.exit(1 if failed else 0)
