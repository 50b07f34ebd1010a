#!/usr/bin/env python3
"""How long a large import takes: writes a statement with N trades, imports it into an empty database, and prints time and memory beside
what bare Expat and the bare insert of the written rows take.

usage: import_bench.py POSSYNC [--trades N] [--instruments N]
"""
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test/e2e"))
import flex_file  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("possync")
parser.add_argument("--trades", type=int, default=1_000_000)
parser.add_argument("--instruments", type=int, default=1000)
options = parser.parse_args()

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    print(f"writing a statement with {options.trades:,} trades in {options.instruments:,} instruments")
    flex_file.write_history(folder / "history.xml", options.trades, options.instruments)
    size = (folder / "history.xml").stat().st_size
    (folder / "possync.toml").write_text(f'[database]\nurl = "sqlite:///{folder}/book.db"\n[[gateway]]\naccounts = ["DU7000001"]\n')
    begun = time.monotonic()
    done = subprocess.run(["/usr/bin/env", options.possync, "import-flex", folder / "history.xml", "--config", folder / "possync.toml"],
                          capture_output=True, text=True)
    took = time.monotonic() - begun
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    print(f"{options.trades:,} trades, {size / 1e6:.0f} MB of XML: {took:.1f} s, {memory:.0f} MiB at most, "
          f"{options.trades / took:,.0f} trades/s, database {(folder / 'book.db').stat().st_size / 1e6:.0f} MB")
