"""A tiny TWS text-protocol client, independent of the program: enough to ask a gateway what it holds."""
import socket
import struct


class Client:
    def __init__(self, port, client_id):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""
        hello = b"v100..200"
        self.socket.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello)
        self.version = int(self.read()[0])
        self.send("71", "2", str(client_id), "")
        while self.read()[0] != "9":
            pass

    def send(self, *fields):
        payload = b"".join(field.encode() + b"\0" for field in fields)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def read(self):
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack(">I", self.buffer[:4])[0]:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed by the gateway")
            self.buffer += more
        size = struct.unpack(">I", self.buffer[:4])[0]
        payload, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        return payload.decode().split("\0")[:-1]

    def positions(self):
        """{(account, conId): quantity as text}, without zero rows."""
        self.send("61", "1")
        held = {}
        while True:
            fields = self.read()
            if fields[0] == "61":
                held[(fields[2], int(fields[3]))] = fields[14]
            elif fields[0] == "62":
                return {key: quantity for key, quantity in held.items() if quantity != "0"}

    def close(self):
        self.socket.close()


def quantities_at(port):
    """What a gateway lists, by (account, conId)."""
    client = Client(port, 4242)
    held = {key: float(quantity) for key, quantity in client.positions().items()}
    client.close()
    return held
