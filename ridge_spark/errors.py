"""The one kind of error whose text is meant for the person at the terminal."""

import json
from typing import Any


class InputError(ValueError):
    """Something that was given can't be used.

    The message is one line that names the file or the option and says what to do about it. Every
    command prints it alone, without a traceback, and ends with status 2.
    """


# What Python raises where data that were read are nothing like what they should be: a key that is
# missing, text for a number, an infinite size, lists in lists without end.
MALFORMED = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


def require_text(read: Any) -> None:
    """`ValueError` if text in what was read as JSON can't be written again: halves of a letter.

    JSON can spell them, and UTF-8 can't; a result that has such a name in it could not be kept.
    """
    json.dumps(read, ensure_ascii=False).encode()
