"""A CSV to import, of the text that a test makes up."""

from __future__ import annotations

from pathlib import Path

from tests.importing.imported import Imported, run_import


def imported(tmp_path: Path, text: str | bytes, *options: object, name: str = "x.csv") -> Imported:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_import("csv", path, *options)
