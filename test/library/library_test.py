#!/usr/bin/env python3
"""Installs the library into an empty folder, builds the example against the installed package as a stranger would, and
runs it against the simulated gateway.

usage: library_test.py BUILD_DIR SOURCE_DIR POSSYNC CXX
"""
import pathlib
import subprocess
import sys
import tempfile

build, source, possync, compiler = sys.argv[1:]
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    prefix = folder / "installed"
    subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "-S", pathlib.Path(source) / "test/library/example", "-B", folder / "example", "-G", "Ninja",
                    f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder / "example"], check=True, stdout=subprocess.DEVNULL)
    gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--pace", "100ms"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
        (folder / "possync.toml").write_text(
            f'[database]\nurl = "sqlite:///{folder}/book.db"\n[[gateway]]\nport = {port}\nexpect = "paper"\n[log]\nlevel = "warning"\n')
        run = subprocess.run([folder / "example/example", folder / "possync.toml"], text=True, capture_output=True, timeout=60)
        print(run.stdout, run.stderr)
        assert run.returncode == 0, run.returncode
        assert "DU1000001: synced, 12 positions" in run.stdout
        assert " 0 failed" in run.stdout
    finally:
        gateway.terminate()
        gateway.wait()
