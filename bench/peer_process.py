"""The Python peer as a process of its own (peer_sync.py): it syncs once for each line that it is sent."""
import pathlib
import subprocess
import sys


class Peer:
    def __init__(self, port, url, *variant):
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "peer_sync.py", str(port), url, *variant],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = self.process.stdout.readline().strip()
        if not self.reader:
            raise SystemExit("the Python peer did not start; it needs python3-sqlalchemy, and python3-psycopg2 for PostgreSQL")

    def sync(self):
        """Milliseconds, reading the gateway and writing together."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the Python peer failed, see above")
        return sum(map(float, answer.split()))

    def end(self):
        self.process.kill()
        self.process.communicate()
