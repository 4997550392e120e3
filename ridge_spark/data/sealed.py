"""JSON that carries the hash of itself: one flipped bit in it is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "sha256"


def seal(about: Mapping[str, Any]) -> bytes:
    """`about` as a line of JSON in UTF-8, its last key the SHA-256 of the others as they stand."""
    return _text({**about, KEY: _sha256(about)}) + b"\n"


def unseal(text: bytes) -> dict[str, Any]:
    """The reverse of `seal`; `ValueError` if that was not what has been read.

    What carries no hash is taken as it is: the first manifests had none.
    """
    about = json.loads(text)
    if not isinstance(about, dict):
        raise ValueError("not an object")
    if about.pop(KEY, None) not in (None, _sha256(about)):
        raise ValueError("it is damaged: its hash is not that of what it says")
    return about


def _sha256(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(about)).hexdigest()


def _text(about: Mapping[str, Any]) -> bytes:
    return json.dumps(about, ensure_ascii=False).encode()
