"""Injects faults for as long as it is given, and prints what they came to as a table.

    python -m tests.faults.soak --minutes 30 --page docs/trust.md --summary README.md

Of each kind as many as its share of the time allows, one at least. Status 1 if the promise was
broken anywhere.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from ridge_spark.data.dataset import Description
from ridge_spark.data.writer import write_dataset
from tests.engines.processes import standalone
from tests.faults import fed, killed, on_mpi, on_s3, on_spark, stored
from tests.faults.hostile import HostileStore
from tests.faults.promise import Came, Fault, World, found_in
from tests.support import draw_images

SHAPE, NAMES = (14, 14, 1), ("ant", "bee", "cat")
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
SHOWN = [came for came in Came if came is not Came.MISSED]
HEADER = ("promise", "fault", "tried", "struck", *(came.value for came in SHOWN))


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
    world.expected = found_in(folder / "reference")
    command = ("ridge_spark", "import", "folder", folder / "pictures", "--workers", 2)
    ended = world.run(*command, "--out", folder / "pictures-data")
    assert ended.status == 0, ended.error
    return world


def all_faults(store: HostileStore, master: str) -> tuple[Fault, ...]:
    return (
        *stored.FAULTS,
        *fed.FAULTS,
        *killed.FAULTS,
        *on_spark.faults(master),
        *on_mpi.FAULTS,
        *on_s3.faults(store),
    )


def inject(
    faults: Sequence[Fault], world: World, seconds: float, seed: int
) -> Iterator[tuple[Fault, Counter[Came]]]:
    """Try each fault for its share of the time; yields what its tries came to."""
    for place, fault in enumerate(faults):
        rng, came, began = Random(f"{seed} {fault.name}"), Counter[Came](), time.monotonic()
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
        yield fault, came


def table(found: dict[Fault, Counter[Came]]) -> str:
    """Each fault with what it came to, and the sum of all."""
    lines = [(fault.group, fault.name, *_counted(came)) for fault, came in found.items()]
    return _as_table(HEADER, [*lines, ("", "all", *_counted(_added(found.values())))])


def summary(found: dict[Fault, Counter[Came]]) -> str:
    """The same, by promise."""
    groups: dict[str, list[Counter[Came]]] = {}
    for fault, came in found.items():
        groups.setdefault(fault.group, []).append(came)
    lines = [(group, *_counted(_added(came))) for group, came in groups.items()]
    header = (HEADER[0], *HEADER[2:])
    return _as_table(header, [*lines, ("all", *_counted(_added(found.values())))])


def _added(counts: Iterable[Counter[Came]]) -> Counter[Came]:
    return sum(counts, Counter())


def _counted(came: Counter[Came]) -> tuple[str, ...]:
    tried = came.total()
    numbers = (tried, tried - came[Came.MISSED], *(came[each] for each in SHOWN))
    return tuple(f"{number:,}" for number in numbers)


def _as_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    words = len(header) - len(SHOWN) - 2
    rule = (*["---"] * words, *["---:"] * (len(header) - words))
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *lines))


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
    parser.add_argument("--summary", type=Path, help="page to write the table by promise into")
    parser.add_argument("--counts", type=Path, help="JSON file of earlier counts, to add these to")
    options = parser.parse_args()
    # A shell has its background commands, and all they start, ignore the Ctrl-C that is tried here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="ridge-spark-soak-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        store = stack.enter_context(HostileStore())
        (folder / "cluster").mkdir()
        master = stack.enter_context(standalone(folder / "cluster", workers=2))
        world = make_world(folder)
        all_there_are = all_faults(store, master)
        chosen = [
            fault
            for fault in all_there_are
            if any(word in f"{fault.group}: {fault.name}" for word in options.only)
        ]
        found, total = {}, {}
        for fault, came in inject(chosen, world, 60 * options.minutes, options.seed):
            found[fault] = total[fault] = came
            if options.counts:
                total = add_up(options.counts, {fault: came}, all_there_are)
    for told in world.told:
        print(f"\n{told}", file=sys.stderr)
    print(table(found))
    if options.page:
        write_page(options.page, table(total))
    if options.summary:
        write_page(options.summary, summary(total))
    sys.exit(any(came[each] for came in found.values() for each in (Came.WRONG, Came.LOST)))


if __name__ == "__main__":
    main()
