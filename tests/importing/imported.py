"""An import as the command does it, in this process, and what is in the data set afterwards."""

from __future__ import annotations

import io
import json
import shutil
import signal
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ridge_spark.cli import main

Images = list[tuple[str, bytes]]  # (class, pixels) of each, sorted


@dataclass(frozen=True)
class Imported:
    """What the command printed, and the images of each split; none if it was refused."""

    status: int
    printed: str
    splits: dict[str, Images]

    @property
    def all(self) -> Images:
        return sorted(image for images in self.splits.values() for image in images)

    def counts(self, split: str = "train") -> dict[str, int]:
        """Images of each class."""
        return dict(sorted(Counter(name for name, _ in self.splits.get(split, [])).items()))


def run_import(kind: str, source: Path, *options: object) -> Imported:
    """Import `source` into a folder beside it."""
    out = source.parent / f"{source.name}-imported"
    shutil.rmtree(out, ignore_errors=True)  # of an import of the same source before
    printed = io.StringIO()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with redirect_stdout(printed), redirect_stderr(printed), pytest.raises(SystemExit) as end:
            main(["import", kind, str(source), "--out", str(out), *map(str, options)])
    finally:
        signal.signal(signal.SIGTERM, before)
    return Imported(int(end.value.code or 0), printed.getvalue(), _stored(out))


def assert_one_line(done: Imported, *told: str) -> None:
    """The import was refused with one line of error that tells all of this."""
    assert done.status == 2, done.printed
    (error,) = [line for line in done.printed.splitlines() if "error:" in line]
    assert done.printed.endswith(f"{error}\n")
    assert not done.splits
    for text in told:
        assert text in error


def _stored(out: Path) -> dict[str, Images]:
    splits: dict[str, Images] = {}
    for path in sorted(out.glob("*/*.parquet")):
        table = pq.read_table(path)
        names = json.loads(table.schema.metadata[b"ridge-spark"])["class_names"]
        rows = zip(table["label"].to_pylist(), table["image"].to_pylist(), strict=True)
        splits.setdefault(path.parent.name, []).extend((names[label], data) for label, data in rows)
    return {split: sorted(images) for split, images in splits.items()}
