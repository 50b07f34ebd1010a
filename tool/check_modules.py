#!/usr/bin/env python3
"""Holds the code against tool/modules.json: who may include whom, and who makes no call to the operating system.

usage: check_modules.py ROOT [LIBRARY_DIR]   LIBRARY_DIR: a build's src folder, to check symbols too
       check_modules.py --self-test
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def include_problems(root):
    rules = json.loads((root / "tool/modules.json").read_text())
    problems = []
    for path in sorted((root / "src").rglob("*.[hc]pp")):
        module = path.relative_to(root / "src").parts[0]
        is_test = path.name.endswith(("_test.cpp", "_testing.hpp", "_fuzz.cpp")) or "contract_test" in path.name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            own, system = match.groups()
            where = f"{path.relative_to(root)}:{number}"
            if own:
                target = own.split("/")[0]
                if target != module and target not in rules["may_include"].get(module, []):
                    problems.append(f"{where}: {module} may not include {target}")
            elif module in rules["without_operating_system"] and not is_test:
                for header in rules["forbidden_headers"]:
                    if system == header or (header.endswith("/") or "/" in header) and system.startswith(header):
                        problems.append(f"{where}: {module} makes no call to the operating system: <{system}>")
    return problems


def symbol_problems(root, libraries):
    rules = json.loads((root / "tool/modules.json").read_text())
    problems = []
    for module in rules["without_operating_system"]:
        library = libraries / module / f"libpossync_{module}.a"
        if not library.exists():
            problems.append(f"{library} is missing: build it first")
            continue
        undefined = subprocess.run(["nm", "--undefined-only", "--format=posix", library], capture_output=True, text=True, check=True)
        for line in undefined.stdout.splitlines():
            symbol = line.split(" ")[0].split("@")[0]
            if symbol in rules["forbidden_symbols"] and symbol not in rules["symbols_exempt"].get(module, []):
                problems.append(f"libpossync_{module}.a calls {symbol}()")
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for folder in ("tool", "src/ledger", "src/base"):
            (root / folder).mkdir(parents=True)
        rules = pathlib.Path(__file__).with_name("modules.json").read_text()
        (root / "tool/modules.json").write_text(rules)
        (root / "src/ledger/bad.cpp").write_text('#include "sync/engine.hpp"\n#include <thread>\n#include <sys/socket.h>\n#include "base/time.hpp"\n')
        found = include_problems(root)
        assert len(found) == 3, found
    print("a planted violation of each kind is found")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        sys.exit(0)
    top = pathlib.Path(sys.argv[1])
    found = include_problems(top)
    if len(sys.argv) > 2:
        found += symbol_problems(top, pathlib.Path(sys.argv[2]))
    for problem in found:
        print(problem)
    print(f"{len(found)} problems")
    sys.exit(1 if found else 0)
