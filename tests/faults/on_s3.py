"""An object store that fails: all of a run or a data set is there then, or one clear error."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.writer import write_dataset
from ridge_spark.runs.directory import read_run
from tests.faults.hostile import ANSWERS, REFUSED, SPOILT, HostileStore, Plan
from tests.faults.killed import TRAIN
from tests.faults.promise import HASHES, Came, Ended, Fault, World

OUTAGE = 10**9


OUT = object()  # in a command, in place of the address to write to
REQUESTS: dict[str, list[str]] = {}  # that a command makes where nothing fails, by its name
Choose = Callable[[Sequence[str], Random], tuple[str, Plan]]  # of its requests: a fault, and where


def any_request(times: Sequence[int], requests: Sequence[str], rng: Random) -> tuple[str, Plan]:
    """One request, or all from one on."""
    fault, first = rng.choice(SPOILT), rng.randrange(len(requests))
    last = first + rng.choice(times)
    return fault, lambda n, *_: fault if first <= n < last else None


def completions(requests: Sequence[str], rng: Random) -> tuple[str, Plan]:
    """What makes a file of the run be there is refused, as often as it is asked for."""
    names = {name for each in requests if (name := completed(*each.split(" ", 1)))}
    refused, fault = _in_turn("completions", sorted(names)), rng.choice((*ANSWERS, REFUSED))
    return fault, lambda _, *request: fault if completed(*request) == refused else None


def completed(method: str, path: str) -> str | None:
    """The name of the file that a request brings into being."""
    address = urlsplit(path)
    if (method == "PUT" and "partNumber=" not in address.query) or (
        method == "POST" and "uploadId=" in address.query
    ):
        folder, _, name = address.path.rpartition("/")
        split = folder.rpartition("/")[2] if name.startswith("part-") else ""
        return split + name.partition(".")[0] or None  # without what is drawn anew each time
    return None


def a_listing(requests: Sequence[str], rng: Random) -> tuple[str, Plan]:
    """One listing of a folder fails once."""
    places = [n for n, each in enumerate(requests) if "list-type=" in each]
    fault, place = rng.choice(SPOILT), rng.choice(places)
    return fault, lambda n, *_: fault if n == place else None


def _in_turn(row: str, choices: Sequence[str]) -> str:
    TURNS[row] += 1
    return choices[TURNS[row] % len(choices)]


TURNS: Counter[str] = Counter()


def _spoilt(
    world: World,
    store: HostileStore,
    rng: Random,
    name: str,
    command: tuple[object, ...],
    choose: Choose,
) -> tuple[Ended, str, bool]:
    """Run a command, requests of which are spoilt: how it ended, where it wrote, and if any was."""
    if name not in REQUESTS:
        store.begin(lambda *_: None)
        spare = f"s3://{store.bucket}/{world.new('clean').name}"
        ended = world.run(*(spare if each is OUT else each for each in command), **store.hostile)
        assert ended.status == 0, ended.error
        REQUESTS[name] = list(store.requests)
    fault, plan = choose(REQUESTS[name], rng)
    spoilt = []

    def noted(*request: Any) -> str | None:
        chosen = plan(*request)
        spoilt.extend([request] if chosen else [])
        return chosen

    store.begin(noted)
    out = f"s3://{store.bucket}/{world.new('out').name}"
    ended = world.run(*(out if each is OUT else each for each in command), **store.hostile)
    ended.error += f"\n({fault}: {spoilt[:1]})"
    return ended, out, bool(spoilt)


def a_training(store: HostileStore, choose: Choose, world: World, rng: Random) -> Came:
    """Its images and its run are on S3."""
    command = (*TRAIN, "--data", _data_on(store, world), "--out", OUT)
    ended, out, spoilt = _spoilt(world, store, rng, "train", command, choose)
    return _judged(store, world, ended, out).if_struck(spoilt)


def _judged(store: HostileStore, world: World, ended: Ended, out: str) -> Came:
    whole = world.run("ridge_spark", "verify", out, **store.clean).status == 0
    if ended.status == 0:
        text = store.client.get_object(Bucket=store.bucket, Key=f"{_key(out)}/result.json")
        found = json.loads(text["Body"].read())
        same = whole and {key: found[key] for key in HASHES} == world.expected
        return Came.SAME if same else Came.WRONG
    if not ended.is_clear:
        world.told.append(str(ended))
        return Came.WRONG
    if whole:  # the last answer was lost for good: it said so, and all of it is there
        return Came.CLEAR
    if "statistics:" in ended.error and "can't be written" in ended.error:
        kept = re.search(r"the run is kept in (\S+);", ended.error)
        if (
            not kept
            or read_run(kept.group(1)).result.model_sha256 != world.expected["model_sha256"]
        ):
            world.told.append(str(ended))
            return Came.LOST
        shutil.rmtree(kept.group(1))
    return Came.CLEAR


def an_import(store: HostileStore, choose: Choose, world: World, rng: Random) -> Came:
    source = world.folder / "pictures"
    command = ("ridge_spark", "import", "folder", source, "--workers", 1, "--out", OUT)
    ended, out, spoilt = _spoilt(world, store, rng, "import", command, choose)
    whole = world.run("ridge_spark", "verify", out, **store.clean).status == 0
    if ended.status == 0:
        return (Came.SAME if whole else Came.WRONG).if_struck(spoilt)
    opened = world.run(*TRAIN, "--data", out, "--out", world.new("run"), **store.clean)
    if not ended.is_clear or (opened.status == 0 and not whole):
        world.told.append(str(ended))
        return Came.WRONG
    return Came.CLEAR.if_struck(spoilt)


def replaced(store: HostileStore, world: World, rng: Random) -> Came:
    """A shard is replaced by another one, as valid as it, while it is read."""
    data, twin = world.new("replaced").name, _twin(world)
    for path in _files(world.data):
        store.client.upload_file(str(path), store.bucket, f"{data}/{path.relative_to(world.data)}")
    shards = [key for key in store.keys(f"{data}/") if key.endswith(".parquet")]
    shard, number, seen = rng.choice(shards), rng.randrange(8), []

    def replace(_: int, method: str, path: str) -> None:
        if method == "GET" and path.partition("?")[0].endswith(shard):
            seen.append(path)
            if len(seen) == number + 1:
                other = twin / shard.partition("/")[2]
                store.client.upload_file(str(other), store.bucket, shard)

    store.begin(replace)
    out = world.new("run")
    address = f"s3://{store.bucket}/{data}"
    ended = world.run(*TRAIN, "--data", address, "--out", out, **store.hostile)
    return world.judged(ended, out).if_struck(len(seen) > number)


def _twin(world: World) -> Path:
    """A data set that differs from the one at hand in each of its pixels alone."""
    twin = world.folder / "twin"
    if not twin.exists():
        splits = {split: open_split(str(world.data), split) for split in ("train", "test")}
        turned = {
            name: [(255 - block.images, block.labels) for block in read_blocks(split.blocks)]
            for name, split in splits.items()
        }
        write_dataset(str(twin), splits["train"].description, turned)
    return twin


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.*"))


def _data_on(store: HostileStore, world: World) -> str:
    uri = f"s3://{store.bucket}/data"
    if not store.keys("data/"):
        for path in _files(world.data):
            store.client.upload_file(
                str(path), store.bucket, f"data/{path.relative_to(world.data)}"
            )
    return uri


def _key(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[2]


def faults(store: HostileStore, times: tuple[int, ...] = (1, 1, OUTAGE)) -> tuple[Fault, ...]:
    """`times`: how many requests one after the other are spoilt, one of these."""
    row = partial(Fault, "An object store that fails")
    anywhere = partial(any_request, times)
    return (
        row("training on S3: 500, 503, 403, resets, cut bodies, at any request",
            partial(a_training, store, anywhere), 4),
        row("an import to S3: the same", partial(an_import, store, anywhere), 4),
        row("training: the completion of each file of a run in turn is refused",
            partial(a_training, store, completions), 4),
        row("an import: the completion of each file in turn is refused",
            partial(an_import, store, completions), 4),
        row("training: one listing fails once", partial(a_training, store, a_listing), 4),
        row("training: a shard is replaced while it is read", partial(replaced, store), 4),
    )  # fmt: skip
