"""`app.py` with the network cable out: a connection to any other machine, or a look-up of its name, is refused and
written to the file that CABLE names."""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")
connect, look_up = socket.socket.connect, socket.getaddrinfo


def refuse(host: object) -> None:
    if (host.decode() if isinstance(host, bytes) else host) in (*HERE, None):
        return
    with Path(os.environ["CABLE"]).open("a", encoding="utf-8") as file:
        file.write(f"{host}\n")
    raise OSError(f"the cable is out: {host}")


def guarded_connect(self: socket.socket, address: object) -> None:
    if self.family != socket.AF_UNIX:
        refuse(address[0])
    return connect(self, address)


def guarded_look_up(host: object, *more: object, **options: object) -> object:
    refuse(host)
    return look_up(host, *more, **options)


socket.socket.connect, socket.getaddrinfo = guarded_connect, guarded_look_up

import app  # noqa: E402  (after the guard is up)

if __name__ == "__main__":
    app.main()
