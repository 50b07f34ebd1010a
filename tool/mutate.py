#!/usr/bin/env python3
"""Mutation testing of src/ledger: does a test fail when the ledger is wrong? A copy of the tree is made in which every `if` can
be negated, every boundary (<, <=, >, >=) shifted and every plain statement dropped, all behind one switch that is read at the
start of the process; it is compiled once, and the ledger's tests, the scenarios and the reference run once per mutant, in
parallel. A mutant that no test notices is a survivor; those that cannot matter are listed with reasons in
tool/mutation_survivors.txt, by file and text, and every other one is printed.

usage: mutate.py [--jobs N] [--at-least PERCENT] [--only FILE]    (from the top of the tree; takes minutes)
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

FILES = ["fold.cpp", "explain.cpp", "diff.cpp", "plan.cpp", "infer.cpp", "value.cpp", "verify.cpp", "compare.cpp"]
HEADER = """#pragma once
#include <cstdlib>
namespace mutant {
inline int chosen() {
    static int const number = [] { char const* text = std::getenv("POSSYNC_MUTANT"); return text == nullptr ? 0 : std::atoi(text); }();
    return number;
}
inline bool on(int number) { return chosen() == number; }
inline bool negated(int number, bool condition) { return condition != on(number); }
template <typename L, typename R> bool less(int n, L const& l, R const& r) { return on(n) ? l <= r : l < r; }
template <typename L, typename R> bool less_equal(int n, L const& l, R const& r) { return on(n) ? l < r : l <= r; }
template <typename L, typename R> bool greater(int n, L const& l, R const& r) { return on(n) ? l >= r : l > r; }
template <typename L, typename R> bool greater_equal(int n, L const& l, R const& r) { return on(n) ? l > r : l >= r; }
}  // namespace mutant
"""
OPERATORS = {" < ": "less", " <= ": "less_equal", " > ": "greater", " >= ": "greater_equal"}
TERM = r"[\w.:\->\[\]*]+(?:\([\w.:\->\[\]*, ]*\))?(?:\.\w+\(\))*"
OPERAND = f"{TERM}(?: [+\\-*] {TERM})*"
STATEMENT = re.compile(r"^(\s+)([A-Za-z_][\w.\->\[\]:]*(?:\(.*\)|(?: [+\-]?= ).*|\+\+)|\+\+[\w.\->]+);(\s*//.*)?$")
NOT_STATEMENTS = ("return", "CHECK", "POSSYNC_TRY", "using", "break", "continue", "throw", "template", "warn(")


class Site:
    def __init__(self, number, file, line, kind, text):
        self.number, self.file, self.line, self.kind, self.text = number, file, line, kind, text.strip()


def closing(text, begin):
    depth = 0
    for i in range(begin, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    return None


def mutate(name, source, sites):
    out = []
    before = ";"  # the last line of code: a statement begins only behind a whole one
    for index, line in enumerate(source.splitlines(), 1):
        original = line
        stripped = line.strip()
        if stripped.startswith(("//", "#", "*")):
            out.append(line)
            continue

        def site(kind):
            sites.append(Site(len(sites) + 1, name, index, kind, original))
            return len(sites)

        # Boundaries first, inside the line; then the condition as a whole.
        for operator, function in OPERATORS.items():
            pattern = re.compile(f"(?<![\\w)+\\-.>*!&])({OPERAND}){re.escape(operator)}({OPERAND})(?![\\w(])")
            if "operator" in line or "template" in line or "auto const [" in line:
                break
            found = pattern.search(line)
            if found and "<=>" not in line:
                line = line[:found.start()] + f"mutant::{function}({site('boundary')}, {found.group(1)}, {found.group(2)})" + line[found.end():]
        begin = re.search(r"\bif \(", line)
        if begin and not re.search(r"\bif (?:constexpr )?\([^;]*;|\bif \((?:auto|\w+ const\*|\w+\s*\*?\s*const)\b.* = ", line):
            opened = begin.end() - 1
            end = closing(line, opened)
            if end is not None and " = " not in re.sub(r"==|<=|>=|!=", "", line[opened:end]):
                line = f"{line[:opened + 1]}mutant::negated({site('condition')}, static_cast<bool>({line[opened + 1:end]})){line[end:]}"
        whole = STATEMENT.match(line)
        begins = before.endswith((";", "{", "}", ":"))
        before = re.sub(r"\s*//.*", "", stripped) or before
        if whole and begins and not stripped.startswith(NOT_STATEMENTS) and stripped.count("(") == stripped.count(")") and "[" not in stripped:
            line = f"{whole.group(1)}if (!mutant::on({site('statement')})) {{ {whole.group(2)}; }}"
        out.append(line)
    return '#include "ledger/mutants.hpp"\n' + "\n".join(out) + "\n"


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def build(top, copy, folder):
    environment = dict(os.environ, CCACHE_BASEDIR=str(copy), CCACHE_NOHASHDIR="1")
    configured = run(["cmake", "-S", str(copy), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                      "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_C_COMPILER=clang-19"], env=environment)
    if configured.returncode:
        sys.exit(configured.stdout)
    return run(["ninja", "-C", str(folder), "ledger_test", "scenario_test", "ledger_driver"], env=environment)


def killed(folder, copy, number):
    environment = dict(os.environ, POSSYNC_MUTANT=str(number), RC_PARAMS="max_success=60 seed=1")
    tests = [[folder / "src/ledger/ledger_test", "--gtest_brief=1"],
             [folder / "test/scenarios/scenario_test", "--gtest_brief=1", "--gtest_filter=*OnMemory*:*EveryFrameTwice*"],
             [sys.executable, copy / "test/reference/reference.py", folder / "test/reference/ledger_driver", "--count", "400"]]
    for test in tests:
        try:
            if subprocess.run(test, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode:
                return True
        except subprocess.TimeoutExpired:
            return True
    return False


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--at-least", type=float, default=90)
    options.add_argument("--only")
    options = options.parse_args()
    top = pathlib.Path(__file__).resolve().parent.parent
    copy, folder = top / "build/mutants/tree", top / "build/mutants/build"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(top, copy, ignore=shutil.ignore_patterns("build", ".git", "node_modules"))
    sites = []
    for name in FILES:
        if options.only and name != options.only:
            continue
        path = copy / "src/ledger" / name
        path.write_text(mutate(name, path.read_text(), sites))
    (copy / "src/ledger/mutants.hpp").write_text(HEADER)
    print(f"{len(sites)} mutants; compiling them once ...", flush=True)
    built = build(top, copy, folder)
    if built.returncode:
        sys.exit("\n".join(line for line in built.stdout.splitlines() if "error" in line)[:4000])
    if killed(folder, copy, 0):
        sys.exit("the tests fail without any mutant")
    reasons = {}
    survivors_file = top / "tool/mutation_survivors.txt"
    for line in survivors_file.read_text().splitlines() if survivors_file.exists() else []:
        if line and not line.startswith("#"):
            file, text, reason = line.split(" | ")
            reasons[(file, text.strip())] = reason
    survivors, done, begun = [], 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = {pool.submit(killed, folder, copy, site.number): site for site in sites}
        for finished in concurrent.futures.as_completed(results):
            done += 1
            if not finished.result():
                survivors.append(results[finished])
            if done % 50 == 0:
                left = (time.monotonic() - begun) / done * (len(sites) - done)
                print(f"{done} of {len(sites)}, {len(survivors)} survive, about {left:.0f} s left", flush=True)
    explained = [site for site in survivors if (site.file, site.text) in reasons]
    for site in sorted(survivors, key=lambda each: (each.file, each.line)):
        reason = reasons.get((site.file, site.text))
        print(f"src/ledger/{site.file}:{site.line}: {site.kind}: {site.text}" + (f"   [{reason}]" if reason else ""))
    share = 100 * (len(sites) - len(survivors)) / len(sites)
    print(f"{len(sites)} mutants, {len(sites) - len(survivors)} killed ({share:.1f} %), {len(survivors)} survive, {len(explained)} of them with a reason")
    sys.exit(0 if share >= options.at_least else 1)


if __name__ == "__main__":
    main()
