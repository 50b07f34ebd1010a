#!/usr/bin/env python3
"""Compiles a file as it stands (must work) and with -DFORBIDDEN (must fail, naming the words of its first line)."""
import subprocess
import sys

compiler, include, case = sys.argv[1:]
with open(case) as file:
    words = file.readline().removeprefix("// must fail:").strip()
command = [compiler, "-std=c++23", "-fsyntax-only", f"-I{include}", case]
fine = subprocess.run(command, capture_output=True, text=True)
assert fine.returncode == 0, fine.stderr
forbidden = subprocess.run(command + ["-DFORBIDDEN"], capture_output=True, text=True)
assert forbidden.returncode != 0, "it compiled"
assert words in forbidden.stderr, f"'{words}' is not in:\n{forbidden.stderr}"
