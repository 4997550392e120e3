"""Names and messages as a terminal may see them: what would steer it or forge a line is escaped."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

# Control characters (C0, DEL, C1), separators of lines, and what turns the direction of a text.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: object) -> str:
    r"""`text` on one line, with `\n`, `\x1b` and the like for what is not meant to be read.

    Names of files and classes are anybody's: raw, they could move the cursor or add a line to a
    listing. Exact names are in JSON, which has escapes of its own.
    """
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def json_line(about: Any, *, ensure_ascii: bool = False) -> str:
    """`about` as one line of JSON: the same value to whoever parses it, harmless on a terminal."""
    text = json.dumps(about, ensure_ascii=ensure_ascii)
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintableFormatter(logging.Formatter):
    """A message of the log on one line."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(record.getMessage())


def print_log_lines() -> None:
    """Have what nobody else handles of the log, warnings and worse, shown as messages are."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PrintableFormatter())
