"""JPEG files whose last bytes are missing: shown by every viewer, refused by Pillow."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

START, END = b"\xff\xd8", b"\xff\xd9"
FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; coded after Huffman
SCAN, INTERVAL = 0xDA, 0xDD
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # that ends a scan
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
FILLINGS = (b"", b"\x5a" * 4096)  # in place of what is missing
LARGEST_DIFFERENCE = 8  # of a pixel that does not hang on what is missing
MOST_MISSING = 1 / 50  # of the pixels: a block or so in a photograph


def mended(data: bytes) -> bytes | None:
    """The file with an end, if that gives the whole picture; None if more is missing than that.

    All scans must have begun, and all the intervals between restarts. What follows the last block
    of a scan is passed over by a decoder, and what stands for blocks that are missing is not: so
    the pixels that are there are those that come out the same with different fillings.
    """
    data = data.rstrip(b"\xff")  # half of a marker
    try:
        if not (data.startswith(START) and _Outline(data).is_whole()):
            return None
        one, other = (_pixels(data + filling + END) for filling in FILLINGS)
    except Exception:  # a damaged file makes Pillow raise almost anything
        return None
    differs = np.maximum(one, other) - np.minimum(one, other) > LARGEST_DIFFERENCE
    missing = differs.reshape(*one.shape[:2], -1).any(axis=2).mean()
    return data + END if missing <= MOST_MISSING else None


@dataclass
class _Outline:
    """What the markers of a JPEG file say of the scans in it (ITU-T T.81, annex B)."""

    data: bytes
    size: tuple[int, int] = (0, 0)  # height, width
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)  # across, down; by component
    interval: int = 0  # units between restarts; 0 for none
    exact: dict[tuple[int, int], int] = field(default_factory=dict)  # bits missing, by coefficient
    last_scan: tuple[list[int], int] = field(default=([], 0))  # its components and restarts

    def is_whole(self) -> bool:
        for marker, at, length in self._segments():
            if marker in FRAMES:
                self.size = struct.unpack(">HH", self.data[at + 1 : at + 5])
                for part in range(self.data[at + 5]):
                    name, factors, _ = self.data[at + 6 + 3 * part : at + 9 + 3 * part]
                    self.sampling[name] = factors >> 4, factors & 15
            elif marker == INTERVAL:
                self.interval = int.from_bytes(self.data[at : at + 2], "big")
            elif marker == SCAN:
                self._scan(at, length)
        return self._has_all_coefficients() and self._has_all_restarts()

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        """(marker, place, length) of what it has, and beyond a scan's header on to its end."""
        at = 2
        while at + 4 <= len(self.data):
            marker = self.data[at + 1]
            length = int.from_bytes(self.data[at + 2 : at + 4], "big") - 2
            yield marker, at + 4, length
            at += 4 + length
            if marker == SCAN:
                end = MARKER.search(self.data, at)
                at = end.start() if end else len(self.data)

    def _scan(self, at: int, length: int) -> None:
        parts = [self.data[at + 1 + 2 * i] for i in range(self.data[at])]
        first, last, approximation = self.data[at + length - 3 : at + length]
        for name in parts:
            for coefficient in range(first, last + 1):
                self.exact[name, coefficient] = approximation & 15
        end = MARKER.search(self.data, at + length)
        coded = self.data[at + length : end.start() if end else None]
        self.last_scan = parts, len(RESTART.findall(coded))

    def _has_all_coefficients(self) -> bool:
        needed = {(name, i) for name in self.sampling for i in range(64)}
        return bool(needed) and all(self.exact.get(key, 1) == 0 for key in needed)

    def _has_all_restarts(self) -> bool:
        parts, restarts = self.last_scan
        if not self.interval:
            return True
        across, down = (max(factors) for factors in zip(*self.sampling.values(), strict=True))
        if len(parts) == 1:  # units are blocks of this component, not all that lie together
            of_part = self.sampling[parts[0]]
            across, down = across / of_part[0], down / of_part[1]
        height, width = self.size
        units = -(-height // (8 * down)) * -(-width // (8 * across))
        return restarts == -(-units // self.interval) - 1


def _pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)
