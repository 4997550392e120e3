"""What a packed file may hold at most, told before any of it is unpacked into memory."""

from __future__ import annotations

DEFLATE_MOST = 1032  # bytes that one byte of zlib, gzip or zip can stand for, by the format
SLACK = 1024


def may_hold(claimed: int, packed: int) -> bool:
    """True if `packed` bytes by deflate can unpack into as many as `claimed`."""
    return claimed <= DEFLATE_MOST * packed + SLACK
