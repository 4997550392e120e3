"""Manifests: JSON that carries the hash of itself, so that one flipped bit in it is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ridge_spark.errors import MALFORMED, InputError

KEY = "sha256"


class Format(NamedTuple):
    """What a kind of manifest is called, its version, and the keys that one has besides."""

    name: str
    version: int
    keys: frozenset[str]

    def seal(self, about: Mapping[str, Any]) -> bytes:
        return seal({"format": self.name, "version": self.version, **about})

    @contextmanager
    def unsealed(
        self, text: bytes, where: str, sound: str, remedy: str = ""
    ) -> Iterator[dict[str, Any]]:
        """What `seal` was given, to make something of; `InputError` if that can't be done.

        The error names `where` it stands, what must be `sound` for a new one to be written, and the
        `remedy` where its format is another.
        """
        try:
            about = unseal(text)
            if (about["format"], about["version"]) != (self.name, self.version):
                raise InputError(
                    f"{where}: manifest of '{about['format']}' {about['version']}, but this "
                    f"program reads '{self.name}' {self.version}{remedy}"
                )
            if about.keys() != {"format", "version", *self.keys}:  # also for a bit in a name
                raise ValueError("keys")
            yield about
        except InputError:
            raise
        except MALFORMED as error:
            raise InputError(
                f"{where}: not a manifest of this program, or damaged; where {sound}, make it "
                "anew: remove it, then ridge-spark verify --write"
            ) from error


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
