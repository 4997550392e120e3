"""The manifest of a run: its files, their sizes and hashes, and what they hold; written last."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyarrow import ArrowException, fs

from ridge_spark.data.sealed import Format
from ridge_spark.data.storage import locate, one_line, read_whole
from ridge_spark.errors import InputError

NAME = "manifest.json"
RESULT, MODEL, STATISTICS = "result.json", "model.safetensors", "statistics.safetensors"
REPORT = "report.html"
NEEDED = (RESULT, MODEL, STATISTICS)
FORMAT = Format("ridge-spark run", 1, frozenset({"files", "model_sha256", "statistics_sha256"}))
LARGEST = 2**20  # bytes of a manifest that are read; a real one has a few hundred
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """One file of a run, as it was when it had been written."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> File:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        return cls(path.name, path.stat().st_size, digest.hexdigest())


@dataclass(frozen=True)
class Manifest:
    """What a complete run consists of."""

    files: tuple[File, ...]
    model_sha256: str
    statistics_sha256: str

    def to_json(self) -> bytes:
        return FORMAT.seal(asdict(self))

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Manifest:
        """Read what `to_json` wrote; `InputError` names `where` it stands if it is not that."""
        with FORMAT.unsealed(text, where, "the run is as it was") as about:
            files = tuple(_file(entry) for entry in about["files"])
            if not {file.name for file in files} >= {*NEEDED}:
                raise ValueError("files")
            return cls(files, about["model_sha256"], about["statistics_sha256"])

    def require_same(self, found: File, where: str) -> None:
        """`InputError` unless the file is, byte for byte, what was written."""
        if found not in self.files:
            remedy = "train again"
            if found.name == REPORT:
                remedy = "draw it again with: ridge-spark report RUN"
            raise InputError(
                f"{where}/{found.name}: is damaged or of another run, its SHA-256 is not that in "
                f"{NAME}; put back what was there, or {remedy}"
            )


class RunFolder:
    """The directory of a run, here or remote, that was looked at: all that is needed is there.

    With a manifest, the files are of the sizes it says. Without one, as of versions before, or
    where what wrote it was killed, result, model and statistics must be there.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or uri
        self.filesystem, self.path = locate(uri)
        text = read_whole(self.filesystem, f"{self.path}/{NAME}", LARGEST)
        self.manifest = None if text is None else Manifest.from_json(text, f"{self.uri}/{NAME}")
        sizes = self._sizes()
        for name, size in self._expected():
            if name not in sizes:
                told = f"{name} is missing" + (f", says {NAME}" if self.manifest else "")
                raise InputError(
                    f"{self.uri}: not a run directory, {told}; give the --out of a training run"
                )
            if size not in (None, sizes[name]):
                raise InputError(
                    f"{self.uri}/{name}: has not the size it was written with, says {NAME}; put "
                    "back what was there, or train again"
                )

    def _expected(self) -> Iterator[tuple[str, int | None]]:
        if self.manifest is None:
            yield from ((name, None) for name in NEEDED)
            return
        for file in self.manifest.files:
            if file.name != REPORT:  # a page that somebody edited keeps nobody from predicting
                yield file.name, file.bytes

    def _sizes(self) -> dict[str, int]:
        selector = fs.FileSelector(self.path, allow_not_found=True)
        try:
            found = self.filesystem.get_file_info(selector)
        except NotADirectoryError:
            return {}
        except (OSError, ArrowException, UnicodeError) as error:
            raise InputError(f"{self.uri}: can't be read ({one_line(error)})") from error
        return {info.base_name: info.size for info in found if info.type == fs.FileType.File}


def manifest_of(files: Sequence[Path], model_sha256: str, statistics_sha256: str) -> Manifest:
    """The manifest of a run that consists of these files, as they are now."""
    return Manifest(tuple(map(File.of, files)), model_sha256, statistics_sha256)


def _file(entry: Any) -> File:
    file = File(entry["name"], entry["bytes"], entry["sha256"])
    if (
        not isinstance(file.name, str)
        or "/" in file.name
        or type(file.bytes) is not int
        or not SHA256.fullmatch(file.sha256)
    ):
        raise ValueError(f"file {file.name}")
    return file
