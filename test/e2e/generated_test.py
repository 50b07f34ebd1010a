#!/usr/bin/env python3
"""What is made from the program's own description of itself: man page, completions, example configuration, the reference of
its keys. Held against what the program says when it is asked (--help), not against what they were made from.

usage: generated_test.py POSSYNC SOURCE_FOLDER
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

possync = os.path.abspath(sys.argv.pop(1))
source = pathlib.Path(sys.argv.pop(1))


def say(*words, **more):
    return subprocess.run([possync, *words], capture_output=True, text=True, check=True, cwd="/", **more).stdout


def walk(words=()):
    """(command as words, its own options, commands below) of every command that --help names."""
    text = say(*words, "--help")
    options = sorted(set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE)))
    below = []
    if "\nSubcommands:" in text:
        for line in text.split("\nSubcommands:")[1].splitlines()[1:]:
            if not line.strip():
                break
            if match := re.match(r"  (\S+)", line):
                below.append(match[1])
    yield words, options, below
    for each in below:
        yield from walk((*words, each))


commands = list(walk())


class Generated(unittest.TestCase):
    def test_the_walk_finds_what_is_known_to_be_there(self):
        names = [words for words, _, _ in commands]
        for known in [(), ("run",), ("flex", "fetch"), ("positions",), ("doctor",)]:
            self.assertIn(known, names)
        self.assertGreater(len(names), 30)
        self.assertIn("--dry-run", dict((words, options) for words, options, _ in commands)[("sync",)])

    def test_man_page_has_every_command_and_option(self):
        page = say("generate", "man").replace("\\-", "-")
        sections = re.split(r'^\.SS "(.*)"$', page, flags=re.MULTILINE)
        by_name = dict(zip(sections[1::2], sections[2::2]))
        for words, options, _ in commands:
            part = by_name[" ".join(words)] if words else sections[0]
            for option in options:
                if option == "--help" and words:
                    continue
                self.assertIn(option, part, f"possync {' '.join(words)}")
        self.assertEqual(sorted(by_name), sorted(" ".join(words) for words, _, _ in commands if words))

    def test_man_page_is_good_troff(self):
        if not shutil.which("groff"):
            self.skipTest("no groff")
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=say("generate", "man"), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("possync sync", done.stdout)

    def test_completions_name_everything(self):
        for shell in ["bash", "zsh", "fish"]:
            text = say("generate", shell)
            for words, options, _ in commands:
                for word in words:
                    self.assertIn(word, text, shell)
                for option in options:
                    self.assertIn(f"-l {option[2:]}" if shell == "fish" else option, text, f"{shell}: {words}")
            if shutil.which(shell):
                checked = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""), shell)

    def complete(self, *words):
        """What bash offers for the last word."""
        script = say("generate", "bash") + ('\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _possync; printf "%s\\n" "${COMPREPLY[@]}"')
        return subprocess.run(["bash", "-c", script, "-", "possync", *words], capture_output=True, text=True, check=True,
                              cwd=source / "packaging").stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.complete("posi"), ["positions"])
        self.assertIn("flex", self.complete(""))
        self.assertEqual(self.complete("flex", "fe"), ["fetch"])
        self.assertEqual(self.complete("flex", "fetch", "--qu"), ["--query"])
        self.assertEqual(self.complete("sync", "--dry"), ["--dry-run"])
        self.assertEqual(self.complete("--json", "sync", "--no-r"), ["--no-realized-pnl"])
        self.assertEqual(self.complete("sync", "--config", "sys"), ["systemd"], "a value is a file, not an option")
        self.assertEqual(self.complete("positions", "--as-"), ["--as-recorded"])
        self.assertEqual(self.complete("closes", "--as-"), [], "not of this command")
        self.assertNotIn("generate", self.complete(""), "that is for the build")


class Configuration(unittest.TestCase):
    def config(self, *words, text=None):
        if text is None:
            return say("config", *words, "--config", "/dev/null")
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return say("config", *words, "--config", file.name)

    def keys(self):
        """section.key of every key in the reference."""
        result = []
        for line in say("generate", "configuration-reference").splitlines():
            if line.startswith("## "):
                section = line[3:]
            elif line.startswith("| `"):
                name, default = re.match(r"\| `(\w+)` \| `(.*?)` \|", line).groups()
                result.append((section, name, default, line.rsplit("|", 2)[1].strip()))
        return result

    def test_every_key_has_a_default_and_a_comment(self):
        example = self.config("--comments")
        self.assertGreater(len(self.keys()), 30)
        for section, name, default, help in self.keys():
            self.assertTrue(help, f"{section} {name} says nothing of itself")
            part = re.search(r"^(?:# )?" + re.escape(section) + r"$(.*?)(?=^(?:# )?\[|\Z)", example, re.MULTILINE | re.DOTALL)[1]
            self.assertRegex(part, rf"(?m)^# {re.escape(help)}\n(?:# )?{name} = {re.escape(default)}$")
        plain = self.config()
        for name in re.findall(r"^(\w+) = ", plain, re.MULTILINE):
            self.assertIn(name, [key for _, key, _, _ in self.keys()])

    def test_the_example_is_the_defaults(self):
        without_source = lambda text: text.split("\n", 1)[1]
        self.assertEqual(without_source(self.config(text=self.config("--comments"))), without_source(self.config()))

    def test_the_example_can_be_switched_on_as_a_whole(self):
        text = re.sub(r"(?m)^# (\[\[|\w+ = )", r"\1", self.config("--comments"))
        text = text.replace('code = ""', 'code = "U1234567"').replace('cost_basis = ""', 'cost_basis = "fifo"')
        text = text.replace('on_missing = ""', 'on_missing = "warn"').replace('id = ""', 'id = "123456"')
        text = text.replace('name = ""', 'name = "hook"').replace('url = ""', 'url = "https://localhost/hook"')
        effective = self.config(text=text)
        for line in ['code = "U1234567"', 'cost_basis = "fifo"', 'id = "123456"']:
            self.assertIn(line, effective)

    def test_secrets_do_not_get_into_an_example(self):
        text = self.config("--comments", text='[flex]\ntoken = "canary-7391"\n')
        self.assertNotIn("canary", text)
        self.assertIn('# token = ""', text)

    def test_the_page_of_the_reference_is_the_programs(self):
        page = (source / "docs/configuration.md").read_text()
        made = page.split("<!-- generated: do not edit below -->\n", 1)[1]
        self.assertEqual(made, say("generate", "configuration-reference"),
                         "docs/configuration.md is old: script/generated-docs makes it anew")


if __name__ == "__main__":
    unittest.main()
