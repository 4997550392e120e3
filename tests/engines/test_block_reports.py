"""Tasks tell how many rows they have read, to nobody but the run they belong to."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass

from ridge_spark.engines.block_reports import TOKEN_BYTES, Listener, Reader


@dataclass(frozen=True)
class Some:
    rows: int


def heard(listener: Listener, rows: int) -> bool:
    """Wait until that many rows have been counted, or for as long as only a loss would take."""
    came = threading.Event()
    for _ in range(500):
        if listener.rows >= rows:
            return True
        came.wait(0.02)
    return False


def test_what_is_read_is_counted_and_is_what_was_read() -> None:
    with Listener("127.0.0.1") as listener:
        read = listener.reader(lambda block: block.rows)
        assert [read(Some(rows)) for rows in (3, 4, 5)] == [3, 4, 5]
        assert heard(listener, 12)
    assert listener.rows == 12


def test_what_others_send_is_not() -> None:
    with Listener("127.0.0.1") as listener:
        read = listener.reader(lambda block: block)
        assert isinstance(read, Reader)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in (b"", bytes(TOKEN_BYTES), bytes(TOKEN_BYTES + 8), read.token + b"12345",
                            read.token + bytes(100)):  # fmt: skip
                sender.sendto(message, read.address)
        read(Some(7))
        assert heard(listener, 7)
    assert listener.rows == 7


def test_where_nobody_can_hear_the_work_goes_on() -> None:
    with Listener("no such host") as listener:
        assert listener.reader(len)([1, 2]) == 2
    assert Reader(lambda block: block.rows, ("127.0.0.1", 1), b"t" * TOKEN_BYTES)(Some(3)) == 3
    assert Reader(lambda block: block.rows, ("no such host", 1), b"t")(Some(3)) == 3
