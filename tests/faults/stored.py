"""What is stored carries its hash: whatever happens to a file is noticed, or does no harm."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mpi_hybrid.checkpoint import Checkpoint, Progressed
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.data.verification import verify
from ridge_spark.errors import InputError
from ridge_spark.model import Model
from ridge_spark.ridge.statistics import Statistics
from ridge_spark.runs.directory import read_run, read_statistics
from ridge_spark.runs.verification import verify_run
from tests.faults.promise import Came, Fault, World
from tests.support import draw_images

Harm = Callable[[Path, Random], None]


def flip(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(path: Path, rng: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def overwrite(path: Path, rng: Random) -> None:
    """A page of zeros, as some disks leave behind."""
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content))
    before = bytes(content)
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    if bytes(content) == before:
        content[start] ^= 255
    path.write_bytes(content)


def remove(path: Path, _: Random) -> None:
    path.unlink()


HARMS: tuple[Harm, ...] = (flip, flip, cut, overwrite, remove)


def judged(world: World, look: Callable[[], bool]) -> Came:
    """`look` returns whether what it has read is what was written."""
    try:
        return Came.SAME if look() else Came.WRONG
    except InputError as error:
        return Came.CLEAR if "\n" not in str(error) else Came.WRONG
    except Exception as error:
        world.told.append(repr(error))
        return Came.WRONG


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def a_run(world: World, rng: Random) -> Came:
    """A file of a run is harmed; then the run is verified, and read as predictions read it."""
    run = world.new("harmed")
    shutil.copytree(world.folder / "reference", run)
    path = rng.choice(_files(run))
    rng.choice(HARMS)(path, rng)

    def verified() -> bool:
        verify_run(str(run))
        return False  # something was harmed

    def read() -> bool:
        found = read_run(str(run))
        statistics = read_statistics(str(run), found.result)
        hashes = (statistics.sha256(), found.model.sha256())
        return hashes == (world.expected["statistics_sha256"], world.expected["model_sha256"])

    came = judged(world, verified)
    if path.name == "manifest.json" and not path.exists():  # as a run of before; told, and read
        came = judged(world, read)
    if came is Came.CLEAR and judged(world, read) is Came.WRONG:
        came = Came.WRONG
    shutil.rmtree(run)
    return came


def a_model(world: World, rng: Random) -> Came:
    """A model file alone."""
    path = world.new("model").with_suffix(".safetensors")
    shutil.copy(world.folder / "reference" / "model.safetensors", path)
    rng.choice((flip, cut, overwrite))(path, rng)
    came = judged(world, lambda: Model.load(path).sha256() == world.expected["model_sha256"])
    path.unlink()
    return came


def a_data_set(world: World, rng: Random) -> Came:
    """A file of a data set: verified; and opened and read, as a training does."""
    data = world.new("data")
    shutil.copytree(world.data, data)
    path = rng.choice(_files(data))
    rng.choice(HARMS)(path, rng)

    def verified() -> bool:
        verify(str(data))
        return False

    def read() -> bool:
        found = []
        for where in (world.data, data):
            blocks = list(read_blocks(open_split(str(where), "train").blocks))
            found.append([np.concatenate([b.images for b in blocks]),
                          np.concatenate([b.labels for b in blocks])])  # fmt: skip
        return all(np.array_equal(*pair) for pair in zip(*found, strict=True))

    came = judged(world, verified)
    if path.name == "manifest.json" and not path.exists():
        came = judged(world, read)
    if came is Came.CLEAR and judged(world, read) is Came.WRONG:
        came = Came.WRONG
    shutil.rmtree(data)
    return came


def a_checkpoint(world: World, rng: Random) -> Came:
    """A checkpoint of an MPI run, taken up again."""
    out = world.new("mpi")
    images, labels = draw_images(50, 6, 2)
    statistics = Statistics.of(images, labels, 2)
    Checkpoint(str(out), "this run", 0, 0).write(Progressed([statistics], [(0, 50)]))
    folder = out.with_name(f"{out.name}.checkpoint")
    (path,) = folder.iterdir()
    rng.choice((flip, cut, overwrite))(path, rng)

    def taken_up() -> bool:
        again = Checkpoint(str(out), "this run", 0, 0)
        mine = again.take_up(again.find())
        return (mine.rows, mine.groups) == ([(0, 50)], [statistics])

    came = judged(world, taken_up)
    shutil.rmtree(folder)
    return came


def a_field(world: World, rng: Random) -> Came:
    """One field of an MPI checkpoint is another one, in a file that is otherwise in order."""
    out = world.new("mpi")
    statistics = [Statistics.of(*draw_images(50, 6, 2, seed), 2) for seed in (1, 2)]
    Checkpoint(str(out), "this run", 0, 0).write(Progressed(statistics, [(0, 100)]))
    folder = out.with_name(f"{out.name}.checkpoint")
    (path,) = folder.iterdir()
    with safe_open(path, framework="numpy") as file:
        about: dict[str, str] = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = _next_field(sorted([*about, *tensors]))
    if name in tensors:
        tensors[name].flat[rng.randrange(tensors[name].size)] += rng.choice((-1, 1, 256, 2**40))
    else:
        others = {"rows": "[[0, 99]]", "rank": "1", "run": "another", "sha256": "0" * 64}
        about[name] = others[name]
    save_file(tensors, path, metadata=about)

    def taken_up() -> bool:
        again = Checkpoint(str(out), "this run", 0, 0)
        return again.take_up(again.find()).groups == statistics and False  # something was changed

    came = judged(world, taken_up)
    shutil.rmtree(folder)
    return came


FIELDS: Counter[str] = Counter()


def _next_field(names: list[str]) -> str:
    FIELDS["tried"] += 1
    return names[FIELDS["tried"] % len(names)]


def a_shard(world: World, rng: Random) -> Came:
    """A shard doubled, exchanged for another, or of another data set."""
    data = world.new("data")
    shutil.copytree(world.data, data)
    train, test = (sorted((data / split).iterdir()) for split in ("train", "test"))
    new = data / "train" / "part-09999.parquet"
    source, target = rng.choice([(train[0], new), (test[0], new), (test[0], train[-1])])
    shutil.copy(source, target)
    came = judged(world, lambda: bool(open_split(str(data), "train")) and False)
    shutil.rmtree(data)
    return came


Row = partial(Fault, "What is stored is checked")
FAULTS = (
    Row("a file of a run: a bit, a page, its end, all of it", a_run, 0.05),
    Row("a model file alone", a_model, 0.01),
    Row("a file of a data set: a bit, a page, its end, all of it", a_data_set, 0.2),
    Row("a shard doubled, exchanged, foreign", a_shard, 0.05),
    Row("an MPI checkpoint: a bit, a page, its end", a_checkpoint, 0.01),
    Row("an MPI checkpoint: each field in turn", a_field, 0.01),
)
