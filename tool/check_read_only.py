#!/usr/bin/env python3
"""Holds a built possync against its promise to read only: the messages that its encoder can write are exactly those of
src/tws/outgoing.hpp, none of them has the number of a request that trades or configures, and no symbol is named after one.

usage: check_read_only.py SOURCE_FOLDER POSSYNC_BINARY (a debug build, so that nothing is inlined away)"""
import pathlib
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"place_?order|cancel_?order|exercise_?options|global_?cancel|replace_?fa|update_?config|auto_?open_?orders", re.IGNORECASE)
# placeOrder cancelOrder reqOpenOrders autoOpenOrders reqAllOpenOrders replaceFA exerciseOptions globalCancel updateConfig
FORBIDDEN_NUMBERS = {3, 4, 5, 15, 16, 19, 21, 58, 109}


def main() -> int:
    source, binary = pathlib.Path(sys.argv[1]), sys.argv[2]
    symbols = subprocess.run(["nm", "-C", binary], check=True, capture_output=True, text=True).stdout
    written = set(re.findall(r"RequestEncoder::operator\(\)\(possync::tws::(\w+) const&\)", symbols))
    header = (source / "src/tws/outgoing.hpp").read_text()
    allowed = re.findall(r"^    (\w+) = (\d+),$", header, re.MULTILINE)
    problems = []
    if not allowed or not written:
        problems.append("neither the allow-list nor the encoder was found; this check looks in the wrong place")
    in_words = lambda name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    if {in_words(name) for name in written} != {name for name, _ in allowed}:
        difference = {in_words(name) for name in written} ^ {name for name, _ in allowed}
        problems.append("encoder and allow-list differ: " + ", ".join(sorted(difference)))
    for name, number in allowed:
        if int(number) in FORBIDDEN_NUMBERS:
            problems.append(f"{name} has the number {number}, that of a request that trades or configures")
    for line in symbols.splitlines():
        if FORBIDDEN.search(line) and "possync" in line:
            problems.append("a symbol is named after a request that trades or configures: " + line)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
