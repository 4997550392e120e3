"""How far Spark tasks are within their blocks: they tell the driver by datagrams, if those come.

Spark itself tells of a task only when it has ended. A datagram waits for nobody and may be lost, in
a firewall for instance; then there is the progress of whole tasks, as ever.
"""

from __future__ import annotations

import secrets
import socket
import threading
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

TOKEN_BYTES = 16
COUNT_BYTES = 8


@dataclass(frozen=True)
class Reader:
    """Reads blocks as `read` does, and tells whoever listens at `address` how many rows that was.

    It travels to the workers with each task.
    """

    read: Any
    address: tuple[str, int]
    token: bytes

    def __call__(self, block: Any) -> Any:
        found = self.read(block)
        message = self.token + block.rows.to_bytes(COUNT_BYTES, "big")
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(message, self.address)
        except OSError:  # no way to the driver: nothing that the work would need
            pass
        return found


class Listener:
    """Counts the rows that tasks tell of; a context manager. `host` is the driver's own."""

    def __init__(self, host: str) -> None:
        self.rows = 0
        self._token = secrets.token_bytes(TOKEN_BYTES)
        self._socket: socket.socket | None = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, 0))
        except OSError:  # a name that this machine doesn't have, or none of IPv4
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Listener:
        if self._socket:
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(self._token, self._socket.getsockname())  # no count: the end
            self._thread.join()
            self._socket.close()

    def reader(self, read: Any) -> Any:
        """`read`, telling of what it reads where anybody can hear it."""
        if self._socket is None:
            return read
        return Reader(read, self._socket.getsockname(), self._token)

    def _listen(self) -> None:
        assert self._socket
        while True:
            message = self._socket.recv(TOKEN_BYTES + COUNT_BYTES + 1)
            if not compare_digest(message[:TOKEN_BYTES], self._token):
                continue
            if len(message) == TOKEN_BYTES:
                return
            if len(message) == TOKEN_BYTES + COUNT_BYTES:
                self.rows += int.from_bytes(message[TOKEN_BYTES:], "big")
