"""The commands that a page of documentation tells its reader to type, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A block that begins with one of these is of commands; others show output or files.
COMMANDS = {
    "elsewhere/bin/pip", "eval", "export", "make", "mpirun", "pip", "python", "ridge-spark",
    "sbatch", "source", "spark-submit",
}  # fmt: skip
NEEDS = re.compile(r"<!-- needs: (.+) -->")


@dataclass(frozen=True)
class CommandBlock:
    """Lines of a page to run; `needs` says what this machine lacks for that, if anything."""

    line: int
    language: str  # sh or python
    text: str
    needs: str | None


def command_blocks(page: Path) -> list[CommandBlock]:
    """The blocks of commands, fenced or indented by four, in their order."""
    blocks, needs = [], None
    for line, language, text in _blocks(page.read_text()):
        if language == "comment":
            found = NEEDS.fullmatch(text)
            needs = found[1] if found else None
            continue
        first = text.split()[0] if text.split() else ""
        if language == "python" or first in COMMANDS:
            blocks.append(CommandBlock(line, language, text, needs))
        needs = None
    return blocks


def _blocks(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, kind, text) of code blocks, of kind `python` or `sh`, and of one-line comments."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if line.startswith("```"):
            at = lines.index("```", at)
            kind = "python" if line == "```python" else "sh"
            yield start + 1, kind, "\n".join(lines[start + 1 : at])
            at += 1
        elif line.startswith("    ") and (start == 0 or not lines[start - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            yield start + 1, "sh", "\n".join(part[4:] for part in lines[start:at]).rstrip()
        elif line.startswith("<!--"):
            yield start + 1, "comment", line
