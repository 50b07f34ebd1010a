#!/usr/bin/env python3
"""Holds PROMISES.md against the tree and the build: whatever it names as code or as proof exists, and what proves runs.

    check_promises.py SOURCE BUILD     exit status 1 and a line for each name that is not there
    check_promises.py --self-test

In each promise ("## P7 ...") the paragraphs "Kept by" and "Proven by" name things in `code`, and nothing else is allowed there:

    `src/ledger/fold.cpp`              a file or folder
    `src/ledger/fold.cpp#fold`         a word in a file: a function, a type, a test of a Python file
    `ctest reference`                  a test of CTest, not disabled
    `gtest Fold.SharesTheCommission`   a case that one of CTest's GoogleTest programs runs; Fold.* for all of a suite
    `script/fuzz --seconds 600`        a command: its first word is an executable file
"""
import json
import os
import re
import subprocess
import sys

PARAGRAPHS = ("Kept by", "Proven by", "Limit")


class Build:
    """What CTest of a build runs."""

    def __init__(self, folder):
        shown = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], capture_output=True, text=True, check=True)
        self.tests, self.cases = {}, set()
        for test in json.loads(shown.stdout)["tests"]:
            properties = {each["name"]: each["value"] for each in test.get("properties", [])}
            self.tests[test["name"]] = not properties.get("DISABLED", False)
            command = test.get("command", [])
            if any(word.startswith("--gtest_") for word in command) and os.path.exists(command[0]):
                listed = subprocess.run([command[0], "--gtest_list_tests"], capture_output=True, text=True, check=True).stdout
                self.cases |= cases_in(listed)


def cases_in(listed):
    cases, suite = set(), ""
    for line in listed.splitlines():
        word = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = word
        elif "DISABLED_" not in suite + word:
            # Instances of a suite with parameters count as the one that is written: Files/Scenario.OnSqlite/flip_through_zero
            cases |= {suite + word, suite.split("/")[-1] + word.split("/")[0]}
    return cases


class Tree:
    def __init__(self, root):
        self.root = root

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def executable(self, path):
        full = os.path.join(self.root, path)
        return os.path.isfile(full) and os.access(full, os.X_OK)

    def has_word(self, path, word):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", file.read()) is not None


def wrong_with(name, tree, build):
    """Why a name is not true; nothing when it is."""
    kind, _, rest = name.partition(" ")
    if kind == "ctest":
        if rest not in build.tests:
            return "CTest has no such test"
        return None if build.tests[rest] else "the test is disabled"
    if kind == "gtest":
        found = rest in build.cases or (rest.endswith(".*") and any(case.startswith(rest[:-1]) for case in build.cases))
        return None if found else "no GoogleTest program of CTest has such a case"
    if rest:
        return None if tree.executable(kind) else f"{kind} is not a command"
    path, _, word = name.partition("#")
    if not tree.exists(path):
        return "there is no such file"
    return None if not word or tree.has_word(path, word) else f"{path} does not have the word {word}"


def check(text, tree, build):
    """Lines that say what is wrong."""
    wrong, seen = [], set()
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title = section.split("\n", 1)[0]
        number = re.match(r"P\d+(?= )", title)
        if not number:
            continue
        if number.group() in seen:
            wrong.append(f"{number.group()}: stands there twice")
        seen.add(number.group())
        for label in PARAGRAPHS:
            paragraph = re.search(rf"^\*\*{label}\*\*(.*?)(?=^\s*$|\Z)", section, re.M | re.S)
            names = re.findall(r"`([^`]+)`", paragraph.group(1)) if paragraph else []
            if not paragraph or not paragraph.group(1).strip():
                wrong.append(f"{number.group()}: has no paragraph **{label}**")
            elif label != "Limit" and not names:
                wrong.append(f"{number.group()}: **{label}** names nothing")
            for name in names if label != "Limit" else []:
                if why := wrong_with(" ".join(name.split()), tree, build):
                    wrong.append(f"{number.group()}: `{name}`: {why}")
    if not seen:
        wrong.append("there is no promise in it")
    return wrong


def self_test():
    class FakeTree:
        exists = staticmethod(lambda path: path in ("src/a.cpp", "script/x"))
        executable = staticmethod(lambda path: path == "script/x")
        has_word = staticmethod(lambda path, word: word == "fold")

    class FakeBuild:
        tests = {"a": True, "off": False}
        cases = cases_in("Suite.\n  One\n  Two/0  # GetParam() = 3\n  DISABLED_Three\nEmpty.\n")

    def judge(kept="`src/a.cpp#fold`", proven="`ctest a`", limit="None.", title="P1 X"):
        return check(f"# T\n\n## {title}\n\n**Kept by** {kept}\n\n**Proven by** {proven}\n\n**Limit** {limit}\n", FakeTree, FakeBuild)
    for fine in ("`ctest a`", "`gtest Suite.One`, `gtest Suite.*`", "`gtest Suite.Two`, `gtest Suite.Two/0`", "`script/x --n 3`", "`script/x`"):
        assert judge(proven=fine) == [], fine
    for bad in ("`ctest b`", "`ctest off`", "`gtest Suite.None`", "`gtest Suite.DISABLED_Three`", "`gtest Empty.*`", "`src/b.cpp`", "`src/a.cpp#folds`",
                "`src/a.cpp --x`", "`word`", "nothing", ""):
        assert len(judge(proven=bad)) == 1, bad
    assert judge(kept="none") and judge(limit="") and judge(title="Q1 X") == ["there is no promise in it"]
    twice = "## P1 X\n\n**Kept by** `src/a.cpp`\n\n**Proven by** `ctest a`\n\n**Limit** None.\n\n"
    assert check(twice * 2, FakeTree, FakeBuild) == ["P1: stands there twice"]


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    source, build = sys.argv[1:]
    with open(os.path.join(source, "PROMISES.md"), encoding="utf-8") as file:
        wrong = check(file.read(), Tree(source), Build(build))
    for line in wrong:
        print(f"PROMISES.md: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
