"""Statistics of the rows done so far, on disk: what a run that is started again need not repeat."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from mpi_hybrid.rows import Rows, count, joined
from ridge_spark.data.dataset import Split
from ridge_spark.data.storage import is_local, locate, one_line
from ridge_spark.errors import MALFORMED, InputError
from ridge_spark.ridge.folds import Folds
from ridge_spark.ridge.statistics import Statistics

SUFFIX = ".checkpoint"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One file: the statistics of some rows, by group, that one rank has summed."""

    path: Path
    rank: int
    rows: Rows
    run: str
    sha256: str


@dataclass
class Progressed:
    """What a rank has so far: the statistics of each group over `rows`; none yet, no groups."""

    groups: list[Statistics] = field(default_factory=list)
    rows: Rows = field(default_factory=list)

    def add(self, groups: list[Statistics], rows: Rows) -> None:
        if self.groups:
            for mine, more in zip(self.groups, groups, strict=True):
                mine += more  # noqa: PLW2901 - in place
        else:
            self.groups = groups
        self.rows = joined([*self.rows, *rows])


class Checkpoint:
    """The folder beside the run directory into which every rank writes its own file.

    Statistics add, so a run may be taken up by any number of ranks: each takes over some of the
    files, and the rows that no file covers are dealt out anew. A file is written beside its name
    and then renamed; one that has taken others over replaces them after that, and a crash between
    the two leaves rows covered twice, of which the larger file wins. Each carries a hash of all
    that is in it, which is checked when it is taken up. Where no file can be written, the run goes
    on without.
    """

    def __init__(self, out: str, run: str, every_seconds: float, rank: int) -> None:
        self.base = self.folder = Path(locate(out)[1] + SUFFIX) if is_local(out) else None
        self.usable = self.folder is not None
        self.run, self.every, self.rank = run, every_seconds, rank
        self.written = time.monotonic()
        self.superseded: list[Path] = []

    def turn_to(self, key: str) -> None:
        """Keep what follows apart: in a folder of its own within that of the run."""
        if self.base is not None:
            self.folder = self.base / key[:16] if key else self.base
        self.superseded = []

    def due(self) -> bool:
        """True if the last file is older than it should be."""
        return self.usable and time.monotonic() - self.written >= self.every

    def find(self) -> list[Part]:
        """The files to take up, no row in two of them; `InputError` if they are of another run."""
        if self.folder is None or not self.folder.is_dir():
            return []
        found = [self._inspect(path) for path in sorted(self.folder.glob("*.safetensors"))]
        chosen: list[Part] = []
        for part in sorted(found, key=lambda part: -count(part.rows)):
            try:
                joined(ends for taken in [*chosen, part] for ends in taken.rows)
            except ValueError:
                continue
            chosen.append(part)
        return chosen

    def take_up(self, parts: Sequence[Part]) -> Progressed:
        """The statistics of `parts` together; the next file replaces theirs."""
        mine = Progressed()
        for part in parts:
            mine.add(_load(part), part.rows)
            self.superseded.append(part.path)
        return mine

    def write(self, mine: Progressed) -> None:
        """Save what this rank has."""
        if self.folder is None or not self.usable or not mine.rows:
            return
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        name = hashlib.sha256(json.dumps(mine.rows).encode()).hexdigest()[:12]
        target = self.folder / f"{self.rank:05d}-{name}.safetensors"
        partial = target.with_suffix(f".partial-{token_hex(4)}")
        tensors = {
            f"{key}.{group}": getattr(statistics, key)
            for group, statistics in enumerate(mine.groups)
            for key in ("counts", "sums", "gram")
        }
        about = {
            "run": self.run,
            "rank": str(self.rank),
            "rows": json.dumps(mine.rows),
            "sha256": _sha256(self.run, self.rank, mine.rows, mine.groups),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, partial, metadata=about)
            _to_disk(partial)
            partial.rename(target)
        except (SafetensorError, OSError) as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            log.warning(
                "%s: no checkpoint can be written there (%s); the run goes on without",
                self.folder, one_line(error),
            )  # fmt: skip
            self.usable = False
            return
        for path in self.superseded:
            if path != target:
                path.unlink(missing_ok=True)
        self.superseded = [target]
        self.written = time.monotonic()

    def remove(self) -> None:
        """Forget all of it: the run has ended well."""
        if self.base is not None:
            shutil.rmtree(self.base, ignore_errors=True)

    def _inspect(self, path: Path) -> Part:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                about = file.metadata()
            rows = joined((int(start), int(stop)) for start, stop in json.loads(about["rows"]))
            part = Part(path, int(about["rank"]), rows, about["run"], about["sha256"])
        except (SafetensorError, OSError, *MALFORMED) as error:
            raise InputError(f"{path}: not a checkpoint ({one_line(error)}); remove it") from error
        if part.run != self.run:
            raise InputError(
                f"{path.parent}: the checkpoint is of other images or options; give the options "
                "it was made with, remove it, or choose another --out"
            )
        return part


def identity(split: Split, folds: Folds, scheme: str) -> str:
    """What a checkpoint must agree on: the images, how they are held out, and who may take it up.

    The images are told by the blocks, and the size and time of last change of their files.
    """
    filesystem, _ = locate(split.uri)
    paths = sorted({block.path for block in split.blocks})
    files = [(info.path, info.size, info.mtime_ns) for info in filesystem.get_file_info(paths)]
    blocks = [(block.path, block.row_group, block.rows) for block in split.blocks]
    about: Any = [files, blocks, vars(folds), scheme]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _load(part: Part) -> list[Statistics]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(part.path)
        groups = [
            Statistics(*(tensors[f"{key}.{group}"] for key in ("counts", "sums", "gram")))
            for group in range(len(tensors) // 3)
        ]
        found = _sha256(part.run, part.rank, part.rows, groups)
    except (SafetensorError, OSError, KeyError, ValueError, IndexError) as error:
        raise InputError(f"{part.path}: can't be read ({one_line(error)}); remove it") from error
    if found != part.sha256:
        raise InputError(
            f"{part.path}: is damaged, its hash is not that of what it holds; remove it"
        )
    return groups


def _sha256(run: str, rank: int, rows: Rows, groups: Sequence[Statistics]) -> str:
    """SHA-256 of all that a file says: whose rows they are, which, and their statistics."""
    about = [run, rank, [list(ends) for ends in rows], [group.sha256() for group in groups]]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _to_disk(path: Path) -> None:
    """Wait until the bytes are on the disk: a rename that outlives them would leave a hole."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
