#!/usr/bin/env python3
"""Runs what docs/postgresql.md tells to type: SQL and commands, on a throwaway server.

usage: doc_test.py POSSYNC SOURCE_FOLDER
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

possync, source = sys.argv[1], pathlib.Path(sys.argv[2])
text = (source / "docs/postgresql.md").read_text()
blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.S)
shell = [body for kind, body in blocks if kind == "sh"]
sql = [body for kind, body in blocks if kind == "sql"]
toml = [body for kind, body in blocks if kind == "toml"]
assert len(shell) == 2 and len(sql) == 1 and len(toml) == 1, [kind for kind, _ in blocks]

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    server = folder / "server"
    script = source / "test/postgres/server.py"
    subprocess.run([sys.executable, script, "start", server], check=True, stdout=subprocess.DEVNULL)
    try:
        url = (server / "url").read_text().strip()
        host, port = re.search(r"@([0-9.]+):(\d+)/", url).groups()
        environment = dict(os.environ, PGHOST=host, PGPORT=port, PGUSER="tester", PGDATABASE="postgres", HOME=name)

        def here(command):
            """The same for this server: no other host, no question for a password, files in our folder."""
            command = command.replace("db.example.com", f"{host}:{port}").replace("--pwprompt", "")
            return command.replace("books.dump", str(folder / "books.dump"))

        def run(command, **options):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, **options)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            return done.stdout

        run(["bash", "-ec", here(shell[0])])
        password = folder / "password"
        password.write_text("unused\n")
        password.chmod(0o600)
        config = folder / "possync.toml"
        settings = here(toml[0]).replace("?sslmode=verify-full", "").replace("/etc/possync/database-password", str(password))
        gateway = subprocess.Popen([possync, "simulate", "--port", "0", "--happenings", "3"], stdout=subprocess.PIPE, text=True)
        try:
            gateway_port = int(gateway.stdout.readline().split(",")[0].rsplit(":", 1)[1])
            config.write_text(f'{settings}[[gateway]]\nname = "sim"\nport = {gateway_port}\n')
            run([possync, "sync", "--config", config])
        finally:
            gateway.kill()
            gateway.communicate()
        positions = run([possync, "positions", "--csv", "--config", config])
        assert len(positions.splitlines()) > 3, positions

        books = dict(environment, PGDATABASE="books")
        done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", sql[0]], env=dict(books, PGUSER="possync"), capture_output=True, text=True)
        # Making a role is the superuser's.
        done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", sql[0]], env=books, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        reader = folder / "reader.toml"
        reader.write_text(config.read_text().replace("possync@", "reader@"))
        assert run([possync, "positions", "--csv", "--config", reader]) == positions
        refused = subprocess.run([possync, "exclude", "none", "--config", reader], env=environment, capture_output=True, text=True)
        assert refused.returncode != 0
        done = subprocess.run(["psql", "-X", "-c", "DELETE FROM possync.position"], env=dict(books, PGUSER="reader"), capture_output=True, text=True)
        assert "permission denied" in done.stderr, done.stderr
        total = subprocess.run(["psql", "-X", "-A", "-t", "-c", "SELECT sum(realized_pnl) FROM possync.position_closes"],
                               env=dict(books, PGUSER="reader"), capture_output=True, text=True)
        assert total.returncode == 0, total.stderr

        run(["createdb", "--owner", "possync", "other"])
        run(["bash", "-ec", here(shell[1])])
        config.write_text(config.read_text().replace("/books", "/other"))
        assert run([possync, "positions", "--csv", "--config", config]) == positions
        run([possync, "verify", "--config", config])
    finally:
        subprocess.run([sys.executable, script, "stop", server], check=True, stdout=subprocess.DEVNULL)
print("docs/postgresql.md does what it says")
