#!/usr/bin/env python3
"""A throwaway PostgreSQL server on loopback, for tests.

usage: server.py start FOLDER [--durable] [--tls]   prints and writes FOLDER/url; the server answers when this returns
       server.py standby FOLDER PRIMARY              a copy of the server in the folder PRIMARY that follows it, synchronously
       server.py promote FOLDER                      makes a standby a server of its own
       server.py stop FOLDER
       server.py kill FOLDER                as a power cut would: pg_ctl -m immediate
       server.py resume FOLDER              starts a stopped server again, on the same port

The cluster is FOLDER/data, its owner the user who starts it, or `postgres` when that is root (a server refuses to run as root).
Without --durable it does not wait for the disk: tests that cut the power need --durable. With --tls it has a certificate for `localhost`
(and not for 127.0.0.1) by the authority FOLDER/ca.crt, and lets the role `secured` in with the password `geheim` over TLS only.
"""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
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


def data_folder(folder):
    """Where a new cluster is to be; it is there as FOLDER/data."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if os.getuid() != 0:
        return folder / "data"
    # Somebody else's server must be able to reach it, wherever the build is: the data lives under the system's temporary folder.
    home = pathlib.Path(tempfile.mkdtemp(prefix="possync-postgres-"))
    owner = pwd.getpwnam("postgres")
    os.chown(home, owner.pw_uid, owner.pw_gid)
    (folder / "data").symlink_to(home / "data")
    return home / "data"


def make_certificates(folder, data):
    def openssl(*words):
        done = run(["openssl", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit("server.py: openssl: " + done.stderr.strip())
        return done.stdout

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for name in ("ca", "other_ca"):
        openssl("req", "-x509", *new, "-keyout", data / f"{name}.key", "-out", data / f"{name}.crt", "-subj", f"/CN=possync test {name}")
        (folder / f"{name}.crt").write_text((data / f"{name}.crt").read_text())
    openssl("req", *new, "-keyout", data / "server.key", "-out", data / "server.csr", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    openssl("x509", "-req", "-in", data / "server.csr", "-CA", data / "ca.crt", "-CAkey", data / "ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions",
            "copy", "-out", data / "server.crt")
    access = data / "pg_hba.conf"
    access.write_text("hostssl all secured 127.0.0.1/32 scram-sha-256\nhost all secured 0.0.0.0/0 reject\n" + access.read_text())


def launch_on_a_free_port(folder, data, settings):
    for attempt in range(5):
        port = free_port()
        (data / "possync.conf").write_text("\n".join([f"port = {port}", *settings]) + "\n")
        if launch(folder):
            url = f"postgresql://tester@127.0.0.1:{port}/postgres"
            (folder / "url").write_text(url + "\n")
            print(url)
            return url
    sys.exit("server.py: the server does not start:\n" + (data / "server.log").read_text()[-2000:])


def start(folder, durable, tls):
    stop(folder)
    data = data_folder(folder)
    made = run([programs() / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-instructions"],
               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if made.returncode != 0:
        sys.exit("server.py: initdb: " + made.stderr.strip())
    configuration = data / "postgresql.conf"
    configuration.write_text(configuration.read_text() + "\ninclude 'possync.conf'\n")
    settings = ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 200",
                "shared_buffers = 128MB", "max_wal_size = 2GB", "autovacuum_naptime = '10s'", "log_min_messages = fatal",
                "log_min_error_statement = panic", "logging_collector = off"]
    if not durable:
        settings += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
    if tls:
        make_certificates(folder, data)
        settings.append("ssl = on")
    url = launch_on_a_free_port(folder, data, settings)
    if tls:
        # The secured role's password, as psql would set it.
        sql = "CREATE ROLE secured LOGIN PASSWORD 'geheim'; GRANT CREATE ON DATABASE postgres TO secured"
        if run(["psql", "-X", "-q", url, "-c", sql]).returncode != 0:
            sys.exit("server.py: the secured role cannot be made")


def standby(folder, primary):
    stop(folder)
    url = (primary / "url").read_text().strip()
    data = data_folder(folder)
    if run([programs() / "pg_basebackup", "-D", data, "-d", url, "-R", "-X", "stream", "-c", "fast"]).returncode != 0:
        sys.exit("server.py: pg_basebackup failed")
    settings = [line for line in (data / "possync.conf").read_text().splitlines() if not line.startswith("port =")]
    launch_on_a_free_port(folder, data, settings)
    # From now on a commit is acknowledged when both have it.
    for sql in ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"):
        run(["psql", "-X", "-q", "-o", "/dev/null", url, "-c", sql])


def promote(folder):
    if run([programs() / "pg_ctl", "-D", (folder / "data").resolve(), "-w", "promote"], stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit("server.py: the standby is not promoted")


def stop(folder, mode="fast"):
    data = (folder / "data").resolve()
    if not (data / "postmaster.pid").exists():
        return
    run([programs() / "pg_ctl", "-D", data, "-w", "-t", "60", "-m", mode, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    verbs = {"start": 2, "standby": 3, "promote": 2, "stop": 2, "kill": 2, "resume": 2}
    if not words or len(words) != verbs.get(words[0], 0):
        sys.exit(__doc__)
    verb, folder = words[0], pathlib.Path(words[1]).resolve()
    if verb == "start":
        start(folder, "--durable" in sys.argv, "--tls" in sys.argv)
    elif verb == "standby":
        standby(folder, pathlib.Path(words[2]).resolve())
    elif verb == "promote":
        promote(folder)
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
