"""An object store that fails: all of a run or a data set is there then, or one clear error."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path
from random import Random

from ridge_spark.runs.directory import read_run
from tests.faults.hostile import SPOILT, HostileStore, Plan
from tests.faults.killed import TRAIN
from tests.faults.promise import HASHES, Came, Ended, Fault, World

OUTAGE = 10**9


def spoil(first: int, number: int, fault: str) -> Plan:
    """Spoil `number` requests, from number `first` on."""
    return lambda n, *_: fault if first <= n < first + number else None


REQUESTS: dict[str, int] = {}  # that a command makes where nothing fails, by its name


def _spoilt(
    world: World,
    store: HostileStore,
    rng: Random,
    name: str,
    command: tuple[object, ...],
    times: tuple[int, ...],
) -> Ended:
    """Run a command; one request of it, or all from one on, is spoilt."""
    if name not in REQUESTS:
        store.begin(lambda *_: None)
        spare = f"s3://{store.bucket}/{world.new('clean').name}"
        ended = world.run(*(spare if each is OUT else each for each in command), **store.hostile)
        assert ended.status == 0, ended.error
        REQUESTS[name] = len(store.requests)
    fault, first = rng.choice(SPOILT), rng.randrange(REQUESTS[name])
    store.begin(spoil(first, rng.choice(times), fault))
    out = f"s3://{store.bucket}/{world.new('out').name}"
    ended = world.run(*(out if each is OUT else each for each in command), **store.hostile)
    ended.out_uri = out  # type: ignore[attr-defined]
    return ended


OUT = object()


def a_training(store: HostileStore, times: tuple[int, ...], world: World, rng: Random) -> Came:
    """Its images and its run are on S3, and a request fails, or all from one on."""
    data = _data_on(store, world)
    ended = _spoilt(world, store, rng, "train", (*TRAIN, "--data", data, "--out", OUT), times)
    out: str = ended.out_uri  # type: ignore[attr-defined]
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


def an_import(store: HostileStore, times: tuple[int, ...], world: World, rng: Random) -> Came:
    source = world.folder / "pictures"
    command = ("ridge_spark", "import", "folder", source, "--workers", 1, "--out", OUT)
    ended = _spoilt(world, store, rng, "import", command, times)
    out: str = ended.out_uri  # type: ignore[attr-defined]
    whole = world.run("ridge_spark", "verify", out, **store.clean).status == 0
    if ended.status == 0:
        return Came.SAME if whole else Came.WRONG
    opened = world.run(*TRAIN, "--data", out, "--out", world.new("run"), **store.clean)
    if not ended.is_clear or (opened.status == 0 and not whole):
        world.told.append(str(ended))
        return Came.WRONG
    return Came.CLEAR


def _data_on(store: HostileStore, world: World) -> str:
    uri = f"s3://{store.bucket}/data"
    if not store.keys("data/"):
        for path in sorted(Path(world.data).rglob("*.*")):
            store.client.upload_file(
                str(path), store.bucket, f"data/{path.relative_to(world.data)}"
            )
    return uri


def _key(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[2]


def faults(store: HostileStore, times: tuple[int, ...] = (1, 1, OUTAGE)) -> tuple[Fault, ...]:
    """`times`: how many requests one after the other are spoilt, one of these."""
    row = partial(Fault, "An object store that fails")
    return (
        row(
            "training on S3: 500, 503, 403, resets, cut bodies",
            partial(a_training, store, times),
            4,
        ),
        row("an import to S3: the same", partial(an_import, store, times), 4),
    )
