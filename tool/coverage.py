#!/usr/bin/env python3
"""Reads what `llvm-cov export` says of the test suite and prints branch and line coverage per module.

    coverage.py EXPORT.json [--bar MODULE=PERCENT]... [--list PATH]...     exit status 1: a bar is not reached
    coverage.py --self-test

A branch is one outcome of one condition, as clang counts it: `if (a && b)` has four, a case of a switch two; that none of its cases is
taken does not count, because the compiler is told to refuse a switch that leaves an enumerator out. It stands where it is
written: all instances of a template, and all programs of the suite, count as one. A branch inside a macro counts once for every use of
the macro. Conditions that are constant at compile time do not count. The conditions of CHECK, ALWAYS and NEVER (src/base/check.hpp) do
not count either, for nobody can reach what they rule out; how many they are is printed beside the rest. Tests, fuzz targets and what
only tests include (*_testing.hpp) are not measured. Decisions are not measured as a whole (no MC/DC).
"""
import argparse
import collections
import json
import os
import re
import sys

SOURCE = re.compile(r"(?:^|/)(src/(?P<module>[a-z_]+)/.*|include/possync/.*)$")
NOT_MEASURED = re.compile(r"(_test|_testing|_fuzz|/contract_test)\.(cpp|hpp)$")
DEFENCES = "src/base/check.hpp"
CODE, EXPANSION = 0, 1


def inside(path):
    """The path within the repository, or nothing when it is not measured."""
    found = SOURCE.search(os.path.normpath(path))
    return found.group(1) if found and not NOT_MEASURED.search(path) else None


class Sources:
    """The text of the measured files, to see how far a macro's arguments go."""

    def __init__(self, root="."):
        self.root, self.files = root, {}

    def lines(self, path):
        if path not in self.files:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                self.files[path] = file.read().split("\n")
        return self.files[path]

    def is_switch(self, path, line, column):
        """The condition of a switch itself: clang reports it as the case that none of the others takes, where there is no default."""
        return self.lines(path)[line - 1][:column - 1].endswith("switch (")

    def end_of_use(self, path, line, column):
        """Where the arguments of the macro end that is used at this place."""
        lines, depth, row, at = self.lines(path), 0, line - 1, column - 1
        while row < len(lines):
            while at < len(lines[row]):
                depth += {"(": 1, ")": -1}.get(lines[row][at], 0)
                if lines[row][at] == ")" and depth == 0:
                    return row + 1, at + 1
                at += 1
            row, at = row + 1, 0
        return line, column


class Branch:
    def __init__(self):
        self.true = self.false = 0
        self.reached = self.defence = False


def collect(export, sources):
    """{(file, place): Branch}; a place is where it is written, with the place in the macro where there is one."""
    branches = collections.defaultdict(Branch)
    for function in export["functions"]:
        files = function["filenames"]
        uses = {}  # file id of a macro's body -> (file id, line, column) of its use
        for region in function["regions"]:
            if region[7] == EXPANSION:
                uses[region[6]] = (region[5], region[0], region[1])
        defences = []
        for body, (file, line, column) in uses.items():
            if inside(files[body]) == DEFENCES and (path := inside(files[file])):
                defences.append((file, (line, column), sources.end_of_use(path, line, column)))
        for line, column, to_line, to_column, true, false, file, *_ in function["branches"]:
            place, at = [(line, column, to_line, to_column)], file
            is_defence = inside(files[at]) == DEFENCES or any(
                file == of and start <= (line, column) <= end for of, start, end in defences)
            while at in uses:
                at, use_line, use_column = uses[at]
                place.insert(0, (use_line, use_column))
                is_defence = is_defence or inside(files[at]) == DEFENCES
            path = inside(files[at])
            if path is None or path == DEFENCES or (len(place) == 1 and sources.is_switch(path, line, column)):
                continue
            branch = branches[path, tuple(place)]
            branch.true += true
            branch.false += false
            branch.defence = branch.defence or is_defence
            branch.reached = branch.reached or reached(function["regions"], file, line, column)
    return branches


def reached(regions, file, line, column):
    """Whether the innermost code round this place ran."""
    best, count = None, 0
    for from_line, from_column, to_line, to_column, executed, of, _, kind in regions:
        if of == file and kind == CODE and (from_line, from_column) <= (line, column) < (to_line, to_column):
            size = (from_line, from_column)
            if best is None or size >= best:
                best, count = size, executed
    return count > 0


def is_constant(branch):
    return branch.reached and branch.true == 0 and branch.false == 0


def module_of(path):
    found = SOURCE.search(path)
    return found.group("module") or "include"


def table(export, branches):
    rows = collections.defaultdict(lambda: dict(branches=0, taken=0, defences=0, lines=0, run=0))
    for (path, _), branch in branches.items():
        if is_constant(branch):
            continue
        for name in (module_of(path), "all"):
            if branch.defence:
                rows[name]["defences"] += 1
            else:
                rows[name]["branches"] += 2
                rows[name]["taken"] += (branch.true > 0) + (branch.false > 0)
    for file in export["files"]:
        if path := inside(file["filename"]):
            for name in (module_of(path), "all"):
                rows[name]["lines"] += file["summary"]["lines"]["count"]
                rows[name]["run"] += file["summary"]["lines"]["covered"]
    return rows


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def show(rows, bars):
    """Prints the table; returns whether every bar is reached."""
    print(f"{'module':<16}{'branches':>10}{'taken':>8}{'%':>9}{'bar':>7}{'defences':>10}{'lines':>8}{'run':>8}{'%':>9}")
    fine = True
    for name in sorted(rows, key=lambda each: (each == "all", each)):
        row = rows[name]
        branch, bar = percent(row["taken"], row["branches"]), bars.get(name)
        below = bar is not None and branch < bar
        fine = fine and not below
        print(f"{name:<16}{row['branches']:>10}{row['taken']:>8}{branch:>9.2f}{'' if bar is None else f'{bar:g}':>7}{row['defences']:>10}"
              f"{row['lines']:>8}{row['run']:>8}{percent(row['run'], row['lines']):>9.2f}{'  below the bar' if below else ''}")
    for name in bars.keys() - rows.keys():
        print(f"coverage: there is no module {name}", file=sys.stderr)
        fine = False
    return fine


def list_missing(branches, sources, prefixes):
    for (path, place), branch in sorted(branches.items()):
        if branch.defence or is_constant(branch) or not any(path.startswith(prefix) for prefix in prefixes):
            continue
        missing = [name for name, count in (("true", branch.true), ("false", branch.false)) if count == 0]
        if missing:
            line, column = place[0][:2]
            condition = sources.lines(path)[line - 1][column - 1:]
            if len(place) == 1 and place[0][2] == line:
                condition = condition[:place[0][3] - column]
            print(f"{path}:{line}:{column}: {'never reached' if len(missing) == 2 else f'never {missing[0]}'}: {condition.strip()}")


def self_test():
    class Text(Sources):
        def lines(self, path):
            return ["", "CHECK(f(a) && b); if (c) {}", "switch (s) {", ""]
    check, code = "/x/src/base/check.hpp", "/x/src/ledger/a.hpp"

    def instance(true, false):
        return {"filenames": [code, check], "regions": [[1, 1, 9, 1, 1, 0, 0, CODE], [2, 1, 2, 6, 1, 0, 1, EXPANSION]],
                "branches": [[2, 23, 2, 24, true, false, 0, 0, 4], [2, 7, 2, 11, 1, 0, 0, 0, 4], [5, 3, 5, 9, 1, 0, 1, 0, 4],
                             [4, 1, 4, 5, 0, 0, 0, 0, 4], [3, 9, 3, 10, 0, 7, 0, 0, 4]]}
    export = {"functions": [instance(1, 0), instance(0, 2)], "files": [
        {"filename": code, "summary": {"lines": {"count": 4, "covered": 3}}},
        {"filename": "/x/src/ledger/a_test.cpp", "summary": {"lines": {"count": 9, "covered": 9}}}]}
    rows = table(export, collect(export, Text()))
    assert rows["ledger"] == dict(branches=2, taken=2, defences=2, lines=4, run=3), rows["ledger"]
    del export["functions"][1]
    rows = table(export, collect(export, Text()))
    assert rows["ledger"]["taken"] == 1, rows["ledger"]
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    assert show(rows, {"ledger": 50}) and not show(rows, {"ledger": 98}) and not show(rows, {"all": 51})
    sys.stderr = sys.stdout
    assert not show(rows, {"legder": 1})


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("export")
    options.add_argument("--bar", action="append", default=[])
    options.add_argument("--list", action="append", default=[])
    given = options.parse_args()
    with open(given.export, encoding="utf-8") as file:
        export = json.load(file)["data"][0]
    sources = Sources()
    branches = collect(export, sources)
    list_missing(branches, sources, given.list)
    bars = {name: float(value) for name, value in (bar.split("=") for bar in given.bar)}
    return 0 if show(table(export, branches), bars) else 1


if __name__ == "__main__":
    sys.exit(main())
