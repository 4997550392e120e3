"""`ridge-spark import` of image files as the real command: what it writes, says and refuses."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.importing.folder import read_folder
from tests.importing.pictures import (
    EXTENSIONS,
    corner,
    encode,
    noise,
    read_all,
    write,
    write_classes,
)
from tests.support import HANGS, assert_refused


def test_every_format_in_one_folder(ridge_spark, tmp_path):
    for kind, ending in EXTENSIONS.items():
        for name, pixels in (("dark", corner(8, 12)), ("light", 255 - corner(8, 12))):
            write(tmp_path / "set" / name / f"{kind}{ending}", encode(pixels, kind))
    done = ridge_spark(
        "import", "folder", "set", "--threshold", 0.5, "--test-split", 0, "--out", "o"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"o: {2 * len(EXTENSIONS)} train images of 8x12x1, 2 classes")
    images, labels = read_all(tmp_path / "o")
    assert labels.sum() == len(EXTENSIONS)
    for image, label in zip(images.reshape(-1, 8, 12), labels, strict=True):
        assert (image == (255 - corner(8, 12) if label else corner(8, 12))).all()


def test_the_three_forms_of_one_set_hold_the_same_images(ridge_spark, tmp_path):
    """Folder, CSV of files and Parquet: as sets, since each has an order of its own."""
    folder = write_classes(tmp_path / "set", {"ant": 9, "bee": 8})
    paths = sorted(folder.glob("*/*.png"))
    lines = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in paths]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    data = [path.read_bytes() for path in paths]
    pq.write_table(
        pa.table({"image": data, "label": [path.parent.name for path in paths]}),
        tmp_path / "x.parquet",
    )
    found = []
    for kind, source in (("folder", "set"), ("csv", "list.csv"), ("parquet", "x.parquet")):
        done = ridge_spark("import", kind, source, "--out", kind)
        assert done.returncode == 0, done.stderr
        splits = []
        for split in ("train", "test"):
            images, labels = read_all(tmp_path / kind, split)
            splits.append(sorted(zip(map(bytes, images), labels.tolist(), strict=True)))
        found.append(splits)
    assert found[0] == found[1] == found[2]
    assert len(found[0][0]) + len(found[0][1]) == 17


def test_pixels_in_csv_are_what_idx_says(ridge_spark, tmp_path):
    pixels = noise(40, 16)
    lines = [f"{i % 2}," + ",".join(map(str, row)) for i, row in enumerate(pixels)]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    done = ridge_spark("import", "csv", "x.csv", "--test-split", 0, "--out", "o")
    assert done.returncode == 0, done.stderr
    images, labels = read_all(tmp_path / "o")
    assert (images == pixels).all()
    assert labels.tolist() == [i % 2 for i in range(40)]
    done = ridge_spark("import", "csv", "x.csv", "--size", "2x2", "--threshold", 0.5, "--out", "p")
    assert done.stdout.startswith("p: ")
    assert set(np.unique(read_all(tmp_path / "p")[0])) == {0, 255}


def test_gray_or_colour_is_told_by_the_images(ridge_spark, tmp_path):
    write_classes(tmp_path / "gray", {"a": 3, "b": 3})
    write_classes(tmp_path / "mixed", {"a": 3, "b": 3})
    write(tmp_path / "mixed" / "a" / "colour.png", noise(6, 5, 3))
    for name, channels in (("gray", 1), ("mixed", 3)):
        ridge_spark("import", "folder", name, "--test-split", 0, "--out", f"{name}-out")
        assert open_split(str(tmp_path / f"{name}-out"), "train").description.shape[2] == channels


def test_any_number_of_workers_writes_the_same(ridge_spark, tmp_path):
    write_classes(tmp_path / "set", {"a": 400, "b": 300})
    for workers in (1, 3):
        done = ridge_spark("import", "folder", "set", "--workers", workers, "--out", f"o{workers}")
        assert done.returncode == 0, done.stderr
    for split in ("train", "test"):
        one, three = (
            list(read_blocks(open_split(str(tmp_path / f"o{workers}"), split).blocks))
            for workers in (1, 3)
        )
        assert len(one) < len(three)  # in shards of their own, which are read in the same order
        for part in ("images", "labels"):
            rows = (np.concatenate([getattr(block, part) for block in blocks])
                    for blocks in (one, three))  # fmt: skip
            np.testing.assert_array_equal(*rows)


def test_the_bar_of_a_terminal_counts_what_every_worker_has_done(environment, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 400, "b": 300})
    terminal, of_the_command = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    done = subprocess.run(
        [sys.executable, "-m", "ridge_spark", "import", "folder", folder, "--workers", "2",
         "--out", "o"],
        cwd=tmp_path, env=environment, timeout=HANGS, stderr=of_the_command, check=False,
    )  # fmt: skip
    os.close(of_the_command)
    shown = b""
    with suppress(OSError):  # that is how a terminal ends
        while more := os.read(terminal, 65536):
            shown += more
    os.close(terminal)
    assert done.returncode == 0
    bars = [line for line in shown.decode().split("\r") if "|" in line]
    assert "100%" in bars[-1], shown
    assert "700 of 700 images" in bars[-1]


def test_the_first_damaged_file_is_told_of_whoever_meets_one_first(ridge_spark, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 400, "b": 400})
    names = read_folder(str(folder))["train"].names.to_pylist()
    for number in (390, 401):  # at the end of the first worker's share, at the start of the other's
        (folder / names[number]).write_bytes(b"no image")
    done = ridge_spark("import", "folder", "set", "--workers", 2, "--out", "o")
    assert_refused(done, names[390])
    assert not list(tmp_path.glob("o*"))


def import_with_a_fault(fault, environment, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 300, "b": 300})
    program = (
        f"import os, signal; from ridge_spark.importing import workers; {fault}"
        "from ridge_spark.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "import", "folder", folder, "--workers", "2", "--out", "o"],
        cwd=tmp_path, env=environment, timeout=HANGS, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_worker_that_is_killed_is_told_of_and_nothing_is_left(environment, tmp_path):
    done = import_with_a_fault(
        "begin = workers._Crew.give;"
        "workers._Crew.give = lambda crew, share: ("
        "os.kill(crew.processes[0].pid, signal.SIGKILL), begin(crew, share));",
        environment,
        tmp_path,
    )
    assert done.returncode != 0
    assert "memory" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("o*"))


def test_the_test_split_follows_the_bytes_of_an_image_alone(ridge_spark, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 150, "b": 150})
    ridge_spark("import", "folder", folder, "--out", "first")
    for path in list(folder.glob("a/*.png")):  # copies under other names, and another size
        path.rename(path.with_name(f"renamed-{path.name}"))
        (folder / "b" / f"copy-{path.name}").write_bytes(
            (folder / "a" / f"renamed-{path.name}").read_bytes()
        )
    ridge_spark("import", "folder", folder, "--out", "second")
    before, after = (
        {split: set(map(bytes, read_all(tmp_path / name, split)[0])) for split in ("train", "test")}
        for name in ("first", "second")
    )
    assert before == after
    assert 35 <= len(before["test"]) <= 85


def test_bad_files_stop_or_are_skipped_and_listed(ridge_spark, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 30, "b": 30})
    write(folder / "a" / "empty.png", b"")
    write(folder / "b" / "cut.png", encode(noise(64, 64, 3))[:900])
    write(folder / "b" / "text.jpg", b"I am no picture")
    (folder / "b" / "gone.png").symlink_to("nowhere.png")
    stopped = ridge_spark("import", "folder", folder, "--size", "6x5", "--out", "o")
    assert_refused(stopped, "--skip-bad", str(folder))
    assert not list(tmp_path.glob("o*"))
    done = ridge_spark("import", "folder", folder, "--size", "6x5", "--skip-bad", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "4 damaged images" in done.stdout
    for name in ("empty.png", "cut.png", "text.jpg", "gone.png"):
        assert name in done.stdout
    assert len(read_all(tmp_path / "o")[0]) + len(read_all(tmp_path / "o", "test")[0]) == 60


def test_the_summary_tells_what_was_found(ridge_spark, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 20, "b": 20})
    exif = Image.Exif()
    exif[0x0112] = 6
    write(folder / "a" / "turned.jpg", encode(noise(5, 6), "JPEG", exif=exif))
    write(folder / "a" / "clear.png", encode(noise(6, 5, 4)))
    write(folder / "b" / "notes.txt", b"x")
    done = ridge_spark("import", "folder", folder, "--size", "6x5", "--gray", "--out", "o")
    assert done.returncode == 0, done.stderr
    for text in ("6x5 (42)", "1 images turned upright", "1 images with transparent", "(.txt) (1)"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--size", "40"], "--size"), (["--size", "2000x2000"], "--size"),
     (["--threshold", "2"], "--threshold"), (["--test-split", "1"], "--test-split"),
     (["--workers", "0"], "--workers"), (["--like", "nowhere"], "--like"),
     (["--engine", "spark", "--partitions", "0"], "--partitions")],
)  # fmt: skip
def test_bad_values_of_options(ridge_spark, tmp_path, options, named):
    write_classes(tmp_path / "set", {"a": 2, "b": 2})
    assert_refused(ridge_spark("import", "folder", "set", *options, "--out", "o"), named)
    assert not list(tmp_path.glob("o*"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["mnist", "set"], "--from"), (["folder", "set", "--labels", "x"], "--labels"),
     (["folder", "set", "--from", "x"], "--from"), (["npz", "x", "--skip-bad"], "--skip-bad"),
     (["idx", "x", "--image-column", "x"], "--image-column"),
     (["folder", "set", "--partitions", "2"], "--partitions"),
     (["folder", "set", "--engine", "spark", "--workers", "2"], "--workers")],
)  # fmt: skip
def test_what_would_do_nothing_is_refused(ridge_spark, tmp_path, arguments, told):
    write_classes(tmp_path / "set", {"a": 2, "b": 2})
    assert_refused(ridge_spark("import", *arguments, "--out", "o"), told)
    assert not list(tmp_path.glob("o*"))


def test_sets_that_nothing_can_be_learnt_from(ridge_spark, tmp_path):
    write_classes(tmp_path / "single", {"only": 5})
    assert_refused(ridge_spark("import", "folder", "single", "--out", "o"), "'only'", "two classes")
    write_classes(tmp_path / "sizes", {"a": 4})
    write(tmp_path / "sizes" / "b" / "big.png", noise(9, 9))
    assert_refused(ridge_spark("import", "folder", "sizes", "--out", "o"), "--size", "sizes/")
    write_classes(tmp_path / "few", {"a": 40, "b": 1})
    refused = ridge_spark("import", "folder", "few", "--test-split", 0.999, "--out", "o")
    assert_refused(refused, "is empty", "--test-split")
    write(tmp_path / "bad" / "a" / "x.png", b"no")
    write(tmp_path / "bad" / "b" / "y.png", b"no")
    refused = ridge_spark("import", "folder", "bad", "--skip-bad", "--out", "o")
    assert_refused(refused, "can be read")
    assert not list(tmp_path.glob("o*"))


def test_like_takes_classes_and_preparation_from_what_there_is(ridge_spark, tmp_path):
    write_classes(tmp_path / "set", {"a": 20, "b": 20, "c": 20}, 9, 9)
    ridge_spark("import", "folder", "set", "--size", "4x6", "--threshold", 0.3, "--out", "first")
    write_classes(tmp_path / "more", {"c": 3}, 30, 11)
    done = ridge_spark(
        "import", "folder", "more", "--like", "first", "--test-split", 0, "--out", "second"
    )
    assert done.returncode == 0, done.stderr
    first, second = (
        open_split(str(tmp_path / name), "train").description for name in ("first", "second")
    )
    assert (first.shape, first.class_names, first.preparation) == (
        second.shape, second.class_names, second.preparation,
    )  # fmt: skip
    assert read_all(tmp_path / "second")[1].tolist() == [2, 2, 2]
    refused = ridge_spark("import", "folder", "more", "--like", "first", "--gray", "--out", "x")
    assert_refused(refused, "--channel", "--like")
    write_classes(tmp_path / "new", {"d": 1})
    assert_refused(ridge_spark("import", "folder", "new", "--like", "first", "--out", "x"), "'d'")


def test_memory_does_not_grow_with_the_number_of_files(environment, tmp_path):
    folder = write_classes(tmp_path / "set", {"a": 10, "b": 10}, 16, 16)
    program = (
        "import resource, subprocess, sys;"
        "subprocess.run([sys.executable, '-m', 'ridge_spark', *sys.argv[1:]], check=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peaks = []
    for number in (2_000, 20_000):
        for name in ("a", "b"):
            for copy in range(number // 2):
                link = folder / name / f"copy-{number}-{copy}.png"
                link.hardlink_to(folder / name / f"{copy % 10:04d}.png")
        command = [sys.executable, "-c", program, "import", "folder", str(folder)]
        done = subprocess.run(
            [*command, "--out", str(tmp_path / f"o{number}"), "--workers", "2"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.25 * peaks[0] + resource.getpagesize()


def written(folder, _):
    return any(folder.glob("o.partial-*/*"))


def a_worker_loads_its_modules(_, parent):
    try:
        children = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
        return any(
            "forkserver" in Path(f"/proc/{child}/cmdline").read_text()
            and "numpy" in Path(f"/proc/{child}/maps").read_text()
            for child in " ".join(children).split()
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("sent", "status", "told", "begun"),
    [(signal.SIGINT, 130, "interrupted", a_worker_loads_its_modules),
     (signal.SIGINT, 130, "interrupted", written),
     (signal.SIGTERM, 143, "terminated", written)],
)  # fmt: skip
def test_interrupted_it_leaves_nothing_and_says_so_once(
    environment, tmp_path, sent, status, told, begun
):
    folder = write_classes(tmp_path / "set", {"a": 10, "b": 10}, 64, 64)
    for copy in range(3_000):
        for name in ("a", "b"):
            link = folder / name / f"copy-{copy}.png"
            link.hardlink_to(folder / name / f"{copy % 10:04d}.png")
    command = [sys.executable, "-m", "ridge_spark", "import", "folder", folder, "--out", "o"]
    running = subprocess.Popen(
        [*map(str, command), "--workers", "2"], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    while running.poll() is None and not begun(tmp_path, running.pid):
        time.sleep(0.005)
    os.killpg(running.pid, sent)  # as a terminal does: to the workers as well
    try:
        _, errors = running.communicate(timeout=HANGS)
    finally:
        running.kill()
    assert running.returncode == status, errors
    assert errors == f"ridge-spark: error: {told}; nothing was written\n"
    assert not list(tmp_path.glob("o*"))


def test_workers_end_with_a_parent_that_is_killed(environment, tmp_path):
    done = import_with_a_fault(  # which returns once nobody has its output open any more
        "workers._Crew._listen = lambda *_: os.kill(os.getpid(), signal.SIGKILL);",
        environment,
        tmp_path,
    )
    assert done.returncode == -signal.SIGKILL
