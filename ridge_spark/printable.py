"""Names and messages as a terminal may see them: what would steer it or forge a line is escaped."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

# Control characters (C0, DEL, C1), separators of lines, and what turns the direction of a text.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


# What an address holds before an @: a key, or a key and its secret, which may have slashes in it.
SECRETS = re.compile(r"(?<=:/)(/?)(?:[^/@\s:]+:[^@\s]*|[^/@\s]+)@")


def without_secrets(text: str) -> str:
    """`text` without the keys and passwords that addresses in it hold."""
    return SECRETS.sub(r"\1", text)


def printable(text: object) -> str:
    r"""`text` on one line, with `\n`, `\x1b` and the like for what is not meant to be read.

    And without the keys that addresses in it hold.

    Names of files and classes are anybody's: raw, they could move the cursor or add a line to a
    listing. Exact names are in JSON, which has escapes of its own.
    """
    shown = without_secrets(str(text))
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), shown)


def json_line(about: Any, *, ensure_ascii: bool = False) -> str:
    """`about` as one line of JSON: the same value to whoever parses it, harmless on a terminal."""
    text = json.dumps(about, ensure_ascii=ensure_ascii)
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintedLog(logging.Handler):
    """Shows what is logged, warnings and worse, as messages are shown: a line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        if "py4j" not in record.pathname:  # which logs Ctrl-C with two tracebacks, and raises it
            print(printable(record.getMessage()), file=sys.stderr)


def print_log_lines() -> None:
    """Show the log of this process in lines."""
    root = logging.getLogger()
    if not any(isinstance(handler, PrintedLog) for handler in root.handlers):
        root.addHandler(PrintedLog(logging.WARNING))
