"""The real command: its results, and for every bad input one line, a status and nothing left."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.support import HANGS, assert_refused, call_main, draw_images, idx

CONTRACT = {
    "engine", "dataset", "n_train", "n_validation", "n_test", "d", "classes", "lambdas",
    "validation_accuracy", "gcv", "best_lambda", "test_accuracy", "confusion",
    "statistics_sha256", "model_sha256", "solver", "seed", "workers", "threads", "peak_rss_mb",
    "seconds", "versions",
}  # fmt: skip
FURTHER = {
    "temperature",
    "balanced_accuracy",
    "calibration",
    "residual",
    "held_out",
    "warnings", "started", "stages", "tasks", "folds", "blocks", "command",
    "format_version", "runtime", "whole_x", "spec", "features_sha256", "features",
    "side", "statistics_kept", "plan",
}  # fmt: skip


def around(folder, *but):
    """All that is in a folder, at any depth, without these names at its top."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*")
            if p.relative_to(folder).parts[0] not in but}  # fmt: skip


class TestTraining:
    def test_prints_what_result_json_has(self, ridge_spark, small_data, tmp_path):
        done = ridge_spark("train", "--data", small_data, "--out", "run", "--json")
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result == json.loads((tmp_path / "run" / "result.json").read_text())
        assert set(result) >= CONTRACT
        assert set(result) <= CONTRACT | FURTHER
        assert (result["n_train"], result["n_test"], result["d"]) == (9000, 1000, 30)
        assert result["classes"] == ["ant", "bee", "cat"]
        assert len(result["lambdas"]) == len(result["validation_accuracy"]) == 10
        assert np.sum(result["confusion"]) == 1000
        assert result["seconds"]["total"] > 0

    def test_prints_a_table_and_nothing_else(self, ridge_spark, small_data, tmp_path):
        done = ridge_spark("train", "--data", small_data, "--out", "some/run")
        assert done.returncode == 0, done.stderr
        assert "best λ" in done.stdout
        assert done.stdout.rstrip().endswith("some/run")
        assert "statistics: 9,000 images" in done.stderr
        shown = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        assert max(len(line) for line in shown if not line.startswith("warning: ")) <= 80
        assert {p.name for p in (tmp_path / "some" / "run").iterdir()} >= {
            "model.safetensors", "statistics.safetensors", "result.json",
        }  # fmt: skip

    def test_output_that_nobody_reads_is_no_error_to_tell_of(
        self, environment, small_data, tmp_path
    ):
        """As in `ridge-spark train ... | head -1`: what was trained is there all the same."""
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "ridge_spark", "train", "--data", small_data, "--out", "run"],
            cwd=tmp_path, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True,
            timeout=HANGS, check=False,
        )  # fmt: skip
        os.close(writer)
        assert done.returncode == 128 + signal.SIGPIPE
        assert done.stderr.splitlines()[-1].startswith("report: in ")
        assert (tmp_path / "run" / "model.safetensors").is_file()

    def test_any_other_pipe_that_breaks_is_told_of(self, environment, small_data, tmp_path):
        program = (
            "import os; from ridge_spark.commands import train;"
            "train.run = lambda options: os.write(cut_off(), b'lost');"
            "from ridge_spark.cli import main; main()"
        )
        cut_off = "def cut_off():\n    r, w = os.pipe()\n    os.close(r)\n    return w\n"
        done = subprocess.run(
            [sys.executable, "-c", cut_off + program, "train", "--data", small_data, "--out", "o"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=HANGS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.endswith("BrokenPipeError: [Errno 32] Broken pipe\n")

    def test_whoever_may_read_one_file_of_a_run_may_read_all(
        self, ridge_spark, small_data, tmp_path
    ):
        assert ridge_spark("train", "--data", small_data, "--out", "run").returncode == 0
        assert len({path.stat().st_mode for path in (tmp_path / "run").iterdir()}) == 1

    def test_a_page_that_is_not_wanted_is_not_drawn(self, ridge_spark, small_data, tmp_path):
        done = ridge_spark("train", "--data", small_data, "--out", "run", "--no-report")
        assert done.returncode == 0, done.stderr
        assert "report" not in done.stderr
        files = {path.name for path in (tmp_path / "run").iterdir()}
        assert files == {
            "model.safetensors",
            "statistics.safetensors",
            "result.json",
            "manifest.json",
        }
        assert ridge_spark("report", "run").returncode == 0
        more = ("update", "--model", "run", "--add", small_data, "--out", "more", "--no-report")
        assert ridge_spark(*more).returncode == 0
        assert {path.name for path in (tmp_path / "more").iterdir()} == files

    def test_the_hashes_are_of_what_was_written(self, ridge_spark, small_data, tmp_path):
        from ridge_spark import Model, Statistics

        done = ridge_spark("train", "--data", small_data, "--out", "run", "--json")
        result, run = json.loads(done.stdout), tmp_path / "run"
        assert Model.load(run / "model.safetensors").sha256() == result["model_sha256"]
        statistics = Statistics.load(run / "statistics.safetensors")
        assert statistics.sha256() == result["statistics_sha256"]
        assert statistics.n == result["n_train"]

    def test_threads_and_folds_leave_the_statistics_alone(self, ridge_spark, small_data):
        found = {}
        for name, options in {
            "one": ("--threads", 1), "two": ("--threads", 2), "folds": ("--folds", 4),
        }.items():  # fmt: skip
            done = ridge_spark("train", "--data", small_data, "--out", name, "--json", *options)
            found[name] = json.loads(done.stdout)
        assert len({result["statistics_sha256"] for result in found.values()}) == 1
        assert found["one"]["model_sha256"] == found["two"]["model_sha256"]
        assert found["folds"]["n_validation"] == 9000
        assert found["one"]["n_validation"] < 2000

    def test_a_terminal_that_knows_no_greek_still_gets_its_table(
        self, ridge_spark, environment, small_data
    ):
        done = ridge_spark("train", "--data", small_data, "--out", "run",
                           env={**environment, "PYTHONIOENCODING": "ascii"})  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "test accuracy" in done.stdout

    def test_standard_output_on_a_full_disk_is_one_line(self, environment, small_data):
        command = f"exec {sys.executable} -m ridge_spark verify {small_data} > /dev/full"
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "No space left" in done.stderr

    @pytest.mark.parametrize("address", ["gs://bucket/data", "hdfs://host/data", "viewfs://x/y"])
    def test_addresses_that_are_not_read_are_refused_at_once(self, address):
        """Arrow would try some of them for a quarter of an hour, and hear no signal."""
        assert_refused(call_main("train", "--data", address, "--out", "run"), address, "not read")

    def test_singular_data_is_said_loudly(self, ridge_spark, small_data):
        done = ridge_spark("train", "--data", small_data, "--out", "run", "--limit", 25,
                           "--lambdas", "0,1")  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "warning: X'X + NλI is singular" in done.stderr


BAD_OPTIONS = [
    ("--lambdas", ""), ("--lambdas", "a,b"), ("--lambdas", "1,,2"), ("--lambdas", "-1,1"),
    ("--lambdas", "nan"), ("--lambdas", "1e999"), ("--lambdas", "logspace:1:2"),
    ("--lambdas", "logspace:-5:5:0"), ("--lambdas", "logspace:-5:5:1000000"),
    ("--lambdas", "logspace:0:400:3"), ("--lambdas", "logspace:0:nan:3"),
    ("--validation", "0"), ("--validation", "1"), ("--validation", "-0.2"),
    ("--validation", "nan"), ("--validation", "some"),
    ("--folds", "1"), ("--folds", "0"), ("--folds", "101"), ("--folds", "two"),
    ("--seed", "x"), ("--seed", "9" * 30), ("--solver", "svd"), ("--engine", "mpi"),
    ("--limit", "0"), ("--limit", "-5"), ("--limit", "1.5"), ("--threads", "0"),
    ("--partitions", "0"), ("--no-such-option", "1"),
]  # fmt: skip


class TestBadOptions:
    @pytest.mark.parametrize("slip", [["--lamdas", "1"], ["--lamdas=1"]])
    def test_what_was_meant_is_suggested(self, ridge_spark, small_data, slip):
        done = ridge_spark("train", "--data", small_data, "--out", "run", *slip)
        assert_refused(done, "--lamdas: no such option; did you mean --lambdas?",
                       "ridge-spark train --help")  # fmt: skip
        other = ridge_spark("train", "--data", small_data, "--out", "run", "run2")
        assert_refused(other, "run2: is one argument too many", "ridge-spark train --help")
        assert_refused(ridge_spark("trian"), "'trian'", "did you mean train?", "ridge-spark --help")

    @pytest.mark.parametrize("end", ["", "/"])
    def test_a_split_is_not_the_data_set_to_train_on(self, ridge_spark, small_data, end):
        done = ridge_spark("train", "--data", f"{small_data}/train{end}", "--out", "run")
        assert_refused(done, "is one split of a data set", f"give {small_data}")

    @pytest.mark.parametrize(("option", "value"), BAD_OPTIONS)
    def test_are_named(self, ridge_spark, small_data, tmp_path, option, value):
        done = ridge_spark("train", "--data", small_data, "--out", "run", f"{option}={value}")
        assert_refused(done, option)
        assert len(done.stderr.splitlines()) == 1
        assert around(tmp_path) == set()

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ((), "COMMAND"),
            (("fly",), "fly"),
            (("train",), "--data"),
            (("train", "--data", "x"), "--out"),
            (("train", "--data", "x", "--out", "y", "--folds", "2", "--validation", "0.1"),
             "--validation"),
            (("import", "npz", "x.npz"), "--out"),
            (("import", "gif", "x", "--out", "y"), "gif"),
            (("import", "npz", "--out", "y"), "SOURCE"),
            (("predict", "--model", "x"), "IMAGE"),
            (("evaluate", "--model", "x"), "--data"),
        ],
    )  # fmt: skip
    def test_are_named_in_every_command(self, ridge_spark, arguments, named):
        done = ridge_spark(*arguments)
        assert_refused(done, named)
        assert len(done.stderr.splitlines()) == 1


COMMANDS = ("import", "train", "predict", "evaluate", "update", "report", "list", "compare",
            "export", "verify")  # fmt: skip


class TestHelp:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_prints(self, ridge_spark, environment, command):
        done = ridge_spark(command, "--help", env={**environment, "COLUMNS": "80"})
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: ridge-spark {command}")
        assert max(map(len, done.stdout.splitlines())) < 80
        assert not re.search(r"default: \[|Path\(|\(default[^)]*\) \(default", done.stdout)

    def test_names_every_command(self, ridge_spark):
        done = ridge_spark("--help")
        assert done.returncode == 0
        for command in COMMANDS:
            assert f"\n    {command} " in done.stdout


def save_npz(folder, images, labels):
    np.savez(folder / "bad.npz", images=images, labels=labels)
    return ("npz", folder / "bad.npz"), "bad.npz"


def save_idx(folder, images, labels):
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(labels)
    return ("idx", folder / "images", "--labels", folder / "labels")


FEW, FEW_LABELS = draw_images(20, 30, 3)
FEW = FEW.reshape(20, 6, 5)
LABELS = FEW_LABELS.astype(np.uint8)

BAD_IMPORTS = {
    "missing file": lambda f: (("npz", f / "gone.npz"), "gone.npz"),
    "missing folder": lambda f: (("idx", f / "gone"), "gone"),
    "missing labels": lambda f: (("idx", f / "gone", "--labels", f / "too"), "gone"),
    "wrong magic number": lambda f: (
        save_idx(f, b"\x89PNG\r\n\x1a\n" + bytes(99), idx(LABELS)), "wrong magic number"),
    "truncated images": lambda f: (save_idx(f, idx(FEW)[:-1], idx(LABELS)), "images"),
    "damaged gzip": lambda f: (
        save_idx(f, gzip.compress(idx(FEW))[:300] + b"\xff" * 99, idx(LABELS)), "images"),
    "label count": lambda f: (save_idx(f, idx(FEW), idx(LABELS[:-1])), "labels"),
    "label out of range": lambda f: save_npz(f, FEW, FEW_LABELS - 1),
    "one class only": lambda f: save_npz(f, FEW, FEW_LABELS * 0),
    "not bytes": lambda f: save_npz(f, FEW / 255, FEW_LABELS),
    "too large": lambda f: (
        save_idx(f, struct.pack(">4B3I", 0, 0, 8, 3, 20, 9999, 9999), idx(LABELS)), "images"),
}  # fmt: skip


class TestBadImages:
    @pytest.mark.parametrize("case", BAD_IMPORTS)
    def test_are_named_and_leave_nothing(self, ridge_spark, tmp_path, case):
        arguments, named = BAD_IMPORTS[case](tmp_path)
        before = around(tmp_path)
        done = ridge_spark("import", *arguments, "--out", "new/data")
        assert_refused(done, named)
        assert around(tmp_path) == before

    def test_mixed_shapes_and_unknown_labels_are_named(self, ridge_spark, tmp_path):
        for name, images, labels in (
            ("shapes", FEW[:, :5], FEW_LABELS), ("labels", FEW, FEW_LABELS + 7),
        ):  # fmt: skip
            np.savez(tmp_path / f"{name}.npz", x_train=FEW, y_train=FEW_LABELS, x_test=images,
                     y_test=labels)  # fmt: skip
            done = ridge_spark("import", "npz", f"{name}.npz", "--out", "data")
            assert_refused(done, f"{name}.npz [x_test]")
        assert not (tmp_path / "data").exists()

    def test_a_damaged_end_leaves_nothing_of_the_beginning(self, ridge_spark, tmp_path):
        images, labels = draw_images(200_000, 30, 3)
        content = bytearray(idx(images.reshape(-1, 6, 5)))
        arguments = save_idx(tmp_path, bytes(content[:-1]), idx(labels.astype(np.uint8)))
        done = ridge_spark("import", *arguments, "--out", "data")
        assert_refused(done, "images", "ends too early")
        assert around(tmp_path) == {"images", "labels"}


class TestBadData:
    @pytest.fixture
    def data(self, small_data, tmp_path):
        shutil.copytree(small_data, tmp_path / "data")
        return tmp_path / "data"

    def refused(self, ridge_spark, tmp_path, *named, options=()):
        done = ridge_spark("train", "--data", "data", "--out", "new/run", *options)
        assert_refused(done, *named)
        assert around(tmp_path, "data") == set()

    def test_a_missing_data_set(self, ridge_spark, tmp_path):
        self.refused(ridge_spark, tmp_path, "data: not a data set")

    def test_a_damaged_footer(self, ridge_spark, tmp_path, data):
        (shard,) = (data / "train").iterdir()
        shard.write_bytes(shard.read_bytes()[:-20])
        self.refused(ridge_spark, tmp_path, shard)

    def test_a_damaged_image(self, ridge_spark, tmp_path, data):
        (shard,) = (data / "train").iterdir()
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        self.refused(ridge_spark, tmp_path, shard)

    def test_a_class_without_images(self, ridge_spark, tmp_path, data):
        self.refused(ridge_spark, tmp_path, "is empty among", "--limit", options=("--limit", 1))

    def test_too_few_images_to_hold_some_out(self, ridge_spark, tmp_path, data):
        self.refused(ridge_spark, tmp_path, "too few", "--folds",
                     options=("--limit", 12, "--folds", 100))  # fmt: skip

    def test_test_images_of_another_kind(self, ridge_spark, tmp_path, data):
        """They would be scored all the same, or end in a traceback."""
        from ridge_spark.data.dataset import Description
        from ridge_spark.data.writer import write_dataset

        shutil.rmtree(data / "test")
        about = Description((5, 6, 1), ("ant", "bee"), "drawn")
        write_dataset(str(tmp_path / "other"), about, {"test": [draw_images(50, 30, 2)]})
        (tmp_path / "other" / "test").rename(data / "test")
        shutil.rmtree(tmp_path / "other")
        (data / "manifest.json").unlink()
        self.refused(ridge_spark, tmp_path, "data/test", "of 5x6x1", "of 6x5x1")


class TestOut:
    @pytest.mark.parametrize("kind", ["folder", "file"])
    @pytest.mark.parametrize("command", ["import", "train"])
    def test_nothing_is_ever_replaced(self, ridge_spark, small_data, tmp_path, command, kind):
        np.savez(tmp_path / "few.npz", images=FEW, labels=FEW_LABELS)
        given = {"import": ("npz", "few.npz"), "train": ("--data", small_data)}[command]
        out = tmp_path / "out"
        out.mkdir() if kind == "folder" else out.write_text("kept")
        done = ridge_spark(command, *given, "--out", "out")
        assert_refused(done, "out: exists already")
        assert around(tmp_path) == {"few.npz", "out"}

    @pytest.mark.parametrize("command", ["import", "train"])
    def test_below_a_file_is_named(self, ridge_spark, small_data, tmp_path, command):
        np.savez(tmp_path / "few.npz", images=FEW, labels=FEW_LABELS)
        given = {"import": ("npz", "few.npz"), "train": ("--data", small_data)}[command]
        assert_refused(ridge_spark(command, *given, "--out", "few.npz/out"), "few.npz/out")
