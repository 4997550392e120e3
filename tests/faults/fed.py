"""What is fed in, damaged or forged, is read or refused in a line: no crash, no memory, no writing.

Files that the program can read are changed here and there, and given to the commands that read
them, in this process, which may take no more than `MORE` memory for it.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from ridge_spark.model import FORMAT
from tests.faults.promise import Came, Fault, World
from tests.support import call_main, draw_images, idx

MORE = 768 * 2**20  # bytes of address space, threads and their stacks included; files have 50 kB
NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1)
WORDS = (
    b"null",
    b"-1",
    b"1e308",
    b"NaN",
    b"1e999",
    b'"',
    b"[",
    b"{}",
    b"9" * 400,
    b"\xff",
    b"\x00",
)


def mutated(content: bytes, rng: Random) -> bytes:
    """`content` with a few changes: bits, lengths and other numbers, words, cuts, copies."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not found:
            break
        place = rng.randrange(len(found))
        kind = rng.randrange(7)
        if kind == 0:
            found[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[place] = rng.randrange(256)
        elif kind == 2:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) % (1 << 8 * width)
            found[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))
        elif kind == 3:
            del found[place : place + rng.choice((1, 4, 64, len(found)))]
        elif kind == 4:
            found[place:place] = found[place : place + rng.choice((1, 16, 256))]
        elif kind == 5:
            word = rng.choice(WORDS)
            found[place : place + rng.choice((0, len(word)))] = word
        else:  # a number that is written out
            numbers = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(found)))
            if numbers:
                start, stop = rng.choice(numbers).span()
                found[start:stop] = rng.choice(WORDS[:5])
    return bytes(found)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + MORE
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def judged(world: World, arguments: tuple[object, ...], folder: Path, out: Path) -> Came:
    """A command that is given what is in `folder`, and may write `out`."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    try:
        with little_memory():
            done = call_main(*arguments)
    except Exception as failure:
        world.told.append(f"{arguments}: {failure!r}")
        return Came.WRONG
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path != out}
    written = {
        path for path in after if out not in path.parents and after[path] != before.get(path)
    }
    status, error = done.returncode, done.stderr
    lines = [line for line in error.splitlines() if line.startswith("ridge-spark: error: ")]
    fine = status == 0 or (status == 2 and len(lines) == 1 and not out.exists())
    if not fine or written:
        world.told.append(f"{arguments}: status {status}, wrote {written}: {error[-1500:]}")
        return Came.WRONG
    return Came.SAME if status == 0 else Came.CLEAR


Make = Callable[[Path, World], tuple[Path, tuple[object, ...]]]


def fed(make: Make, world: World, rng: Random) -> Came:
    """Make the input, change one file of it, and give it to its command."""
    folder = world.new("fed")
    folder.mkdir()
    path, arguments = make(folder, world)
    content = path.read_bytes()
    changed = mutated(content, rng)
    path.write_bytes(changed)
    came = judged(world, arguments, folder, folder / "out").if_struck(changed != content)
    if came is Came.WRONG:
        kept = Path(world.folder).parent / f"{world.folder.name}-{folder.name}"
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        world.told[-1] += f" (kept in {kept})"
    shutil.rmtree(folder)
    return came


IMAGES, LABELS = draw_images(40, 30, 3)
SQUARE = IMAGES.reshape(-1, 6, 5)


def _import(folder: Path, *arguments: object) -> tuple[object, ...]:
    return ("import", *arguments, "--out", folder / "out")


def an_idx(folder: Path, _: World) -> tuple[Path, tuple[object, ...]]:
    (folder / "labels").write_bytes(idx(LABELS.astype(np.uint8)))
    (folder / "images").write_bytes(idx(SQUARE))
    return folder / "images", _import(
        folder, "idx", folder / "images", "--labels", folder / "labels"
    )


def a_gzipped_idx(folder: Path, world: World) -> tuple[Path, tuple[object, ...]]:
    path, arguments = an_idx(folder, world)
    path.write_bytes(gzip.compress(path.read_bytes()))
    return path, arguments


def an_npz(folder: Path, _: World) -> tuple[Path, tuple[object, ...]]:
    np.savez(folder / "a.npz", images=SQUARE, labels=LABELS)
    return folder / "a.npz", _import(folder, "npz", folder / "a.npz")


def a_packed_npz(folder: Path, _: World) -> tuple[Path, tuple[object, ...]]:
    np.savez_compressed(folder / "a.npz", images=SQUARE, labels=LABELS)
    return folder / "a.npz", _import(folder, "npz", folder / "a.npz")


def png(image: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def a_parquet(folder: Path, _: World) -> tuple[Path, tuple[object, ...]]:
    images = [{"bytes": png(image), "path": None} for image in SQUARE]
    table = pa.table({"image": images, "label": LABELS})
    pq.write_table(table, folder / "a.parquet", row_group_size=16)
    return folder / "a.parquet", _import(folder, "parquet", folder / "a.parquet", "--workers", 1)


def a_csv(folder: Path, _: World) -> tuple[Path, tuple[object, ...]]:
    lines = [
        ",".join(map(str, (label, *image))) for label, image in zip(LABELS, IMAGES, strict=True)
    ]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    return folder / "a.csv", _import(folder, "csv", folder / "a.csv", "--size", "6x5")


def _a_picture(kind: str, folder: Path, world: World) -> tuple[Path, tuple[object, ...]]:
    path = folder / f"a.{kind.lower()}"
    path.write_bytes(png(np.tile(SQUARE[0], (4, 4)), kind))
    return path, ("predict", "--model", world.folder / "reference", path)


def a_model(folder: Path, world: World) -> tuple[Path, tuple[object, ...]]:
    path = folder / "model.safetensors"
    shutil.copy(world.folder / "reference" / path.name, path)
    if world.number % 2:  # one without a hash, as the first had none: forged rather than damaged
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()[FORMAT])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        del about["sha256"]
        save_file(tensors, path, metadata={FORMAT: json.dumps(about)})
    (folder / "a.png").write_bytes(png(SQUARE[0]))
    return path, ("predict", "--model", path, folder / "a.png")


def _of_a_run(
    name: str, listed: bool, folder: Path, world: World
) -> tuple[Path, tuple[object, ...]]:
    """A file of a run, with its manifest or, as before there were any, without."""
    shutil.copytree(world.folder / "reference", folder / "run")
    if not listed:
        (folder / "run" / "manifest.json").unlink()
    update = ("update", "--model", folder / "run", "--add", world.data / "test", "--no-report")
    return folder / "run" / name, (*update, "--out", folder / "out")


def a_data_manifest(folder: Path, world: World) -> tuple[Path, tuple[object, ...]]:
    shutil.copytree(world.data, folder / "data")
    path = folder / "data" / "manifest.json"
    if world.number % 2:  # one whose own hash is right: forged rather than damaged
        about = json.loads(path.read_text())
        del about["sha256"]
        path.write_text(json.dumps(about))
    return path, ("verify", folder / "data")


def a_shard(folder: Path, world: World) -> tuple[Path, tuple[object, ...]]:
    shutil.copytree(world.data, folder / "data")
    (folder / "data" / "manifest.json").unlink()
    path = sorted((folder / "data" / "test").iterdir())[0]
    return path, ("evaluate", "--model", world.folder / "reference", "--data", folder / "data")


MAKES: dict[str, Make] = {
    "IDX": an_idx,
    "IDX, gzipped": a_gzipped_idx,
    "npz": an_npz,
    "npz, compressed": a_packed_npz,
    "Parquet": a_parquet,
    "CSV": a_csv,
    "PNG": partial(_a_picture, "PNG"),
    "JPEG": partial(_a_picture, "JPEG"),
    "TIFF": partial(_a_picture, "TIFF"),
    "safetensors": a_model,
    "result.json": partial(_of_a_run, "result.json", False),
    "a run's manifest": partial(_of_a_run, "manifest.json", True),
    "statistics": partial(_of_a_run, "statistics.safetensors", False),
    "a data set's manifest": a_data_manifest,
    "a shard": a_shard,
}
FAULTS = tuple(
    Fault("What is fed in is read or refused", name, partial(fed, make), 0.03)
    for name, make in MAKES.items()
)


if __name__ == "__main__":
    sys.exit("run: python -m tests.faults.soak")
