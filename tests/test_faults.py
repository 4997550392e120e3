"""A full disk and Ctrl-C in the middle of the work: one line, a status, nothing half written."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from tests.support import HANGS, assert_refused, idx


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Two IDX files, of a million black images of 28x28 pixels: a megabyte here, not read soon."""
    folder = tmp_path_factory.mktemp("many")
    n = 2**20
    header = gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28))
    (folder / "images").write_bytes(header + gzip.compress(bytes(784 * 2**13)) * (n // 2**13))
    (folder / "labels").write_bytes(idx((np.arange(n) % 2).astype(np.uint8)))
    return "idx", folder / "images", "--labels", folder / "labels"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB, which only root can make."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def small_files():
    """No file may pass 4 KiB; the write then fails as it does on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


class TestFullDisk:
    def test_import(self, ridge_spark, mnist, mnist_pair, small_disk):
        done = ridge_spark("import", *mnist_pair, "--out", small_disk / "data")
        assert_refused(done, small_disk / "data", "No space left")
        assert list(small_disk.iterdir()) == []

    def test_train(self, ridge_spark, mnist, small_disk):
        done = ridge_spark("train", "--data", mnist, "--out", small_disk / "run", "--limit", 500)
        assert_refused(done, f"--out {small_disk / 'run'}", "No space left")
        assert list(small_disk.iterdir()) == []

    def test_import_beyond_the_largest_file(self, ridge_spark, mnist_pair, tmp_path):
        done = ridge_spark("import", *mnist_pair, "--out", "data", preexec_fn=small_files)
        assert_refused(done, "data", "too large")
        assert not list(tmp_path.glob("data*"))

    def test_train_beyond_the_largest_file(self, ridge_spark, mnist, tmp_path):
        done = ridge_spark("train", "--data", mnist, "--out", "run", "--limit", 500,
                           preexec_fn=small_files)  # fmt: skip
        assert_refused(done, "--out run", "too large")
        assert not list(tmp_path.glob("run*"))


@pytest.fixture
def mnist_pair(tmp_path):
    """Two IDX files of images that no compression makes small."""
    folder = tmp_path / "pair"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (9000, 28, 28), dtype=np.uint8)
    (folder / "images").write_bytes(idx(noise))
    (folder / "labels").write_bytes(idx((np.arange(9000) % 2).astype(np.uint8)))
    return "idx", folder / "images", "--labels", folder / "labels"


def interrupt(arguments, folder, environment, begun, sent=signal.SIGINT):
    """Start the command, press Ctrl-C as soon as `begun()`, and return how it ended."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ridge-spark"), *map(str, arguments)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not begun() and process.poll() is None:
            sleep(0.005)
        with suppress(ProcessLookupError):
            process.send_signal(sent)
        out, error = process.communicate(timeout=HANGS)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)


class TestInterrupt:
    @pytest.mark.parametrize(
        ("sent", "told", "status"),
        [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)],
    )
    def test_import(self, sent, told, status, many, environment, tmp_path):
        def begun():
            return list(tmp_path.glob("data.partial*/train/*.parquet"))

        done = interrupt(("import", *many, "--out", "data"), tmp_path, environment, begun, sent)
        assert_refused(done, told, status=status)
        assert not list(tmp_path.glob("data*"))

    def test_train(self, mnist, environment, tmp_path):
        """With a thousand λ to score, there is time to press it after the first pass."""
        data = tmp_path / "data"
        (data / "train").mkdir(parents=True)
        for copy in range(3):
            for shard in (mnist / "train").iterdir():
                (data / "train" / f"{copy}-{shard.name}").symlink_to(shard)
        log = tmp_path / "log"
        arguments = ["train", "--data", data, "--out", "run", "--lambdas", "logspace:-5:5:300"]
        with open(log, "w") as errors:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("ridge-spark"), *map(str, arguments)],
                cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
            try:
                while "statistics" not in log.read_text() and process.poll() is None:
                    sleep(0.02)
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=HANGS)
            finally:
                process.kill()
        done = subprocess.CompletedProcess(arguments, process.returncode, out, log.read_text())
        assert_refused(done, "interrupted", status=130)
        assert out == ""
        assert not list(tmp_path.glob("run*"))


LATE = """
import atexit, os, signal
from ridge_spark.cli import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
main()
"""


def test_ctrl_c_when_all_is_done_changes_nothing(small_data, environment):
    done = subprocess.run(
        [sys.executable, "-c", LATE, "verify", str(small_data)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "as written" in done.stdout


PEAK = """
import resource, sys
from ridge_spark.cli import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def test_importing_takes_the_same_memory_however_many_the_images(many, environment, tmp_path):
    """But for the labels: a million images more than a few, 800 MB, and not a tenth of it held."""
    few = tmp_path / "few"
    few.mkdir()
    (few / "images").write_bytes(idx(np.zeros((2**13, 28, 28), np.uint8)))
    (few / "labels").write_bytes(idx((np.arange(2**13) % 2).astype(np.uint8)))
    peaks = []
    for name, source in (
        ("one", ("idx", few / "images", "--labels", few / "labels")), ("two", many),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "import", *map(str, source), "--out", name],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stderr.splitlines()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 80
