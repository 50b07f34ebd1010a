#!/usr/bin/env python3
"""Back up and restore as docs/operations.md says, word for word, while a service runs: SQLite, and PostgreSQL where $POSSYNC_TEST_POSTGRES names a file with a
server's URL. What was restored is what was there.

usage: backup_test.py POSSYNC ROOT
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from http_client import service  # noqa: E402

possync, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
text = (root / "docs/operations.md").read_text()
chapter = text[text.index("## Back up and restore"):text.index("## Upgrade")]


def shell(line, folder):
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", line], capture_output=True, text=True, cwd=folder,
                          env=dict(os.environ, PATH=f"{possync.parent}:{os.environ['PATH']}"))
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def rows(config):
    return {table: json.loads(shell(f"possync {table} --json --config {config}", config.parent)) for table in ("positions", "closes", "events", "executions")}


def moved(running, after):
    end = time.monotonic() + 20
    while running.get("/api/accounts").json()["items"][0]["revision"] <= after:
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.1)


def try_sqlite(folder):
    (backup,) = re.findall(r"^sqlite3 .*$", chapter, re.M)
    backup = backup.replace("/var/lib/possync/possync.db", str(folder / "book.db")).replace("/backup/", f"{folder}/backup/")
    (folder / "backup").mkdir()
    with service(possync, folder, simulate=("--pace", "50ms", "--positions", "5")) as running:
        running.wait_synced()
        moved(running, 3)
        shell(backup, folder)
        moved(running, 8)
        assert running.stop() == 0
        newer = rows(running.config)
        (kept,) = (folder / "backup").iterdir()
        restore = re.search(r"^install .*\nrm .*$", chapter, re.M).group()
        restore = re.sub(r"/backup/\S+", str(kept), restore).replace("/var/lib/possync/possync.db", str(folder / "book.db")).replace("-o possync -g possync ", "")
        shell(restore, folder)
        shell(f"possync verify --config {running.config}", folder)
        older = rows(running.config)
        assert 0 < len(older["events"]) < len(newer["events"]) and older["events"] == newer["events"][:len(older["events"])]
        running.gateway.kill()


def try_postgres(folder, url):
    dump, load = re.findall(r"`(pg_dump [^`]*|pg_restore [^`]*)`", chapter)
    with service(possync, folder, simulate=("--pace", "0s", "--positions", "5"), url=f"{url}?schema=possync_backup", name="pg") as running:
        running.wait_synced()
        before = rows(running.config)
        shell(dump.replace("--schema=possync", "--schema=possync_backup").replace("DATABASE", f"'{url}'"), folder)
        assert running.stop() == 0
        psql = f"psql -X -q -v ON_ERROR_STOP=1 '{url}' -c"
        shell(f'{psql} "DELETE FROM possync_backup.position_event"', folder)
        shell(load.replace("DATABASE", f"'{url}'"), folder)
        shell(f"possync verify --config {running.config}", folder)
        assert rows(running.config) == before
        shell(f'{psql} "DROP SCHEMA possync_backup CASCADE"', folder)


with tempfile.TemporaryDirectory() as name:
    try_sqlite(pathlib.Path(name))
    print("SQLite: backed up while the service ran, restored, verified")
    if "POSSYNC_TEST_POSTGRES" in os.environ and shutil.which("pg_dump"):
        try_postgres(pathlib.Path(name), pathlib.Path(os.environ["POSSYNC_TEST_POSTGRES"]).read_text().strip())
        print("PostgreSQL: dumped while the service ran, restored, verified")
