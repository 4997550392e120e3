"""What is said to and asked of the person at the terminal, all of it on standard error."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def agrees(question: str) -> bool:
    """True after `y` or `yes`; anything else, the end of input or Ctrl-C is a no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return False
