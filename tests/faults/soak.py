"""Injects faults for as long as it is given, and prints what they came to as a table.

    python -m tests.faults.soak --minutes 30 --page docs/trust.md

Of each kind as many as its share of the time allows, one at least. Status 1 if the promise was
broken anywhere.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from tests.faults import fed, killed, on_mpi, on_s3, on_spark, stored
from tests.faults.hostile import HostileStore
from tests.faults.promise import Came, Fault, World
from tests.support import draw_images

SHAPE, NAMES = (14, 14, 1), ("ant", "bee", "cat")
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEADER = ("promise", "fault", "injected", *(came.value for came in Came))


def make_world(folder: Path) -> World:
    """Images as files and as a data set of several shards, and a run on it by itself."""
    splits = {
        split: [draw_images(n, int(np.prod(SHAPE)), len(NAMES), seed)]
        for split, n, seed in (("train", 40_000, 1), ("test", 1000, 2))
    }
    write_dataset(str(folder / "data"), Description(SHAPE, NAMES, "drawn"), splits)
    pictures, labels = draw_images(600, 256, 2)
    for number, (image, label) in enumerate(zip(pictures, labels, strict=True)):
        path = folder / "pictures" / f"class {label}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.reshape(16, 16)).save(path)
    world = World(folder, folder / "data")
    ended = world.run(*killed.training(world, folder / "reference"))
    assert ended.status == 0, ended.error
    assert world.is_expected(folder / "reference")
    command = ("ridge_spark", "import", "folder", folder / "pictures", "--workers", 2)
    ended = world.run(*command, "--out", folder / "pictures-data")
    assert ended.status == 0, ended.error
    return world


def all_faults(store: HostileStore) -> tuple[Fault, ...]:
    return (
        *stored.FAULTS,
        *fed.FAULTS,
        *killed.FAULTS,
        *on_spark.FAULTS,
        *on_mpi.FAULTS,
        *on_s3.faults(store),
    )


def inject(
    faults: Sequence[Fault], world: World, seconds: float, seed: int
) -> dict[Fault, Counter[Came]]:
    """Try each fault for its share of the time; returns what the tries came to."""
    found: dict[Fault, Counter[Came]] = {}
    for place, fault in enumerate(faults):
        rng = Random(f"{seed} {fault.name}")
        came = found.setdefault(fault, Counter())
        began = time.monotonic()
        share = min(seconds / (len(faults) - place), 120 * fault.seconds)
        while not came or time.monotonic() - began < share:
            try:
                came[fault.inject(world, rng)] += 1
            except Exception:  # a try that can't be judged keeps no promise
                came[Came.WRONG] += 1
                world.told.append(f"{fault.name}: {traceback.format_exc()}")
        seconds -= time.monotonic() - began
        told = ", ".join(f"{n} {each.value}" for each, n in came.items())
        print(f"{fault.name}: {told}", file=sys.stderr, flush=True)
    return found


def table(found: dict[Fault, Counter[Came]]) -> str:
    rows = [
        (fault.group, fault.name, came.total(), *(came[each] for each in Came))
        for fault, came in found.items()
    ]
    total = ("", "all", *(sum(row[column] for row in rows) for column in range(2, len(HEADER))))
    cells = [tuple(f"{c:,}" if isinstance(c, int) else c for c in row) for row in (*rows, total)]
    lines = [HEADER, ("---", "---", *["---:"] * (len(HEADER) - 2)), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def add_up(
    path: Path, found: dict[Fault, Counter[Came]], faults: Sequence[Fault]
) -> dict[Fault, Counter[Came]]:
    """The counts of a file with these added to them, there as well."""
    counts = json.loads(path.read_text()) if path.exists() else {}
    new = {fault.name: came for fault, came in found.items()}
    total = {}
    for fault in faults:
        before = Counter({Came(came): n for came, n in counts.get(fault.name, {}).items()})
        if both := before + new.get(fault.name, Counter()):
            total[fault] = both
    path.write_text(
        json.dumps({f.name: {c.value: n for c, n in came.items()} for f, came in total.items()})
    )
    return total


def write_page(page: Path, text: str) -> None:
    """Put the table into the page, between its marks."""
    before, after = re.split(f"{BEGIN}.*{END}", page.read_text("utf-8"), flags=re.DOTALL)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=[""], help="faults with one of these words")
    parser.add_argument("--page", type=Path, help="page to write the table into")
    parser.add_argument("--counts", type=Path, help="JSON file of earlier counts, to add these to")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ridge-spark-soak-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        store = stack.enter_context(HostileStore())
        world = make_world(folder)
        chosen = [
            fault
            for fault in all_faults(store)
            if any(word in f"{fault.group}: {fault.name}" for word in options.only)
        ]
        found = inject(chosen, world, 60 * options.minutes, options.seed)
    for told in world.told:
        print(f"\n{told}", file=sys.stderr)
    print(table(found))
    if options.counts:
        found = add_up(options.counts, found, all_faults(store))
    if options.page:
        write_page(options.page, table(found))
    sys.exit(any(came[each] for came in found.values() for each in (Came.WRONG, Came.LOST)))


if __name__ == "__main__":
    main()
