#!/usr/bin/env python3
"""A throwaway PostgreSQL server on loopback, for tests.

usage: server.py start FOLDER [--durable]   prints and writes FOLDER/url; the server answers when this returns
       server.py stop FOLDER
       server.py kill FOLDER                as a power cut would: pg_ctl -m immediate
       server.py resume FOLDER              starts a stopped server again, on the same port

The cluster is FOLDER/data, its owner the user who starts it, or `postgres` when that is root (a server refuses to run as root).
Without --durable it does not wait for the disk: tests that cut the power need --durable.
"""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time


def programs():
    found = shutil.which("pg_ctl")
    candidates = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    if candidates:
        return candidates[-1].parent
    if found:
        return pathlib.Path(found).resolve().parent
    sys.exit("server.py: there is no PostgreSQL server; install Debian's package postgresql")


def run(arguments, **options):
    """As the owner of the cluster."""
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        options.update(user=owner.pw_uid, group=owner.pw_gid, extra_groups=[])
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return subprocess.run([str(each) for each in arguments], env=environment, cwd="/", stdin=subprocess.DEVNULL, **options)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(folder):
    data = (folder / "data").resolve()  # the owner of the cluster may not enter the folder
    # pg_ctl's own output goes to a file: the server inherits it, and a pipe would never end.
    with open(folder / "pg_ctl.log", "ab") as log:
        done = run([programs() / "pg_ctl", "-D", data, "-l", data / "server.log", "-w", "-t", "60", "start"], stdout=log, stderr=log)
    return done.returncode == 0


def start(folder, durable):
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = folder / "data"
    if os.getuid() == 0:
        # Somebody else's server must be able to reach it, wherever the build is: the data lives under the system's temporary folder.
        import tempfile
        data_home = pathlib.Path(tempfile.mkdtemp(prefix="possync-postgres-"))
        owner = pwd.getpwnam("postgres")
        os.chown(data_home, owner.pw_uid, owner.pw_gid)
        (folder / "data").symlink_to(data_home / "data")
        data = data_home / "data"
    made = run([programs() / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-instructions"],
               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if made.returncode != 0:
        sys.exit("server.py: initdb: " + made.stderr.strip())
    for attempt in range(5):
        port = free_port()
        settings = [f"port = {port}", "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 200",
                    "shared_buffers = 128MB", "max_wal_size = 2GB", "autovacuum_naptime = '10s'", "log_min_messages = fatal",
                    "log_min_error_statement = panic", "logging_collector = off"]
        if not durable:
            settings += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
        (data / "possync.conf").write_text("\n".join(settings) + "\n")
        configuration = data / "postgresql.conf"
        text = configuration.read_text()
        if "possync.conf" not in text:
            configuration.write_text(text + "\ninclude 'possync.conf'\n")
        if launch(folder):
            url = f"postgresql://tester@127.0.0.1:{port}/postgres"
            (folder / "url").write_text(url + "\n")
            print(url)
            return
    sys.exit("server.py: the server does not start:\n" + (data / "server.log").read_text()[-2000:])


def stop(folder, mode="fast"):
    data = (folder / "data").resolve()
    if not (data / "postmaster.pid").exists():
        return
    run([programs() / "pg_ctl", "-D", data, "-w", "-t", "60", "-m", mode, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(words) != 2 or words[0] not in ("start", "stop", "kill", "resume"):
        sys.exit(__doc__)
    verb, folder = words[0], pathlib.Path(words[1]).resolve()
    if verb == "start":
        start(folder, "--durable" in sys.argv)
    elif verb == "kill":
        stop(folder, "immediate")
    elif verb == "resume":
        for attempt in range(20):
            if launch(folder):
                return
            time.sleep(0.2)
        sys.exit("server.py: the server does not start again")
    else:
        stop(folder)
        data = folder / "data"
        if data.is_symlink():
            shutil.rmtree(data.resolve().parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
