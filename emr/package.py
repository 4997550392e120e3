"""The code as one zip, the same bytes wherever and whenever it is built."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from emr.errors import EmrError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ridge_spark"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold


def code_files(root: Path = ROOT) -> list[Path]:
    """What goes into the zip: the Python of the package, in order."""
    files = sorted(
        path
        for path in (root / PACKAGE).rglob("*")
        if path.suffix in {".py", ".html", ".css"} or path.name == "py.typed"
    )
    if not files:
        raise EmrError(
            f"{root / PACKAGE}: no Python files there; run this from the project's folder"
        )
    return files


def write_zip(out: Path, files: Iterable[Path], root: Path) -> Path:
    """Write `files`, named relative to `root`, to a zip; its bytes depend on theirs alone."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # unix, so that a Windows laptop makes the same bytes
            archive.writestr(entry, path.read_bytes())
    partial.replace(out)
    return out


def package_code(dist: Path = ROOT / "dist") -> Path:
    """Build `ridge_spark.zip`, what `spark-submit --py-files` takes."""
    return write_zip(dist / "ridge_spark.zip", code_files(), ROOT)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
