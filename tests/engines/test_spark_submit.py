"""The jobs as users start them: `spark-submit`, real processes, little memory, faults."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from emr.package import package_code
from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.view import View
from ridge_spark.progress import Progress
from ridge_spark.ridge.folds import Folds
from tests.engines.mapped import candidates, dual_findings, halved, listed
from tests.engines.processes import ROOT, Submit
from tests.faults.on_spark import EVERYWHERE, SPECULATION
from tests.faults.strikes import Strike, struck

SMALL = ("--driver-memory", "1g", "--executor-memory", "1g")


def test_outer_trains_on_all_images_with_a_gigabyte_each(
    submit: Submit, mnist: Path, tmp_path: Path
) -> None:
    done = submit(
        "--master", "local-cluster[2,1,1024]", *SMALL, "--py-files", package_code(tmp_path),
        ROOT / "jobs" / "outer.py", "--data", mnist, "--out", "run", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["n_train"] == 60_000
    assert 0.860 <= result["test_accuracy"] <= 0.868
    job = ROOT / "jobs" / "outer.py"
    assert result["command"].startswith("spark-submit --master 'local-cluster[2,1,1024]' ")
    assert result["command"].endswith(f" {job} --data {mnist} --out run")
    assert "best λ" in done.stdout
    assert "statistics: 60,000 images in" in done.stderr  # progress is for standard error


def test_memory_of_inner_does_not_grow_with_the_images(
    submit: Submit, mnist: Path, tmp_path: Path
) -> None:
    """Ten times the images, the same two tasks: the Python processes stay within 10%."""
    many = tmp_path / "many"
    (many / "train").mkdir(parents=True)
    shutil.copytree(mnist / "test", many / "test")
    for copy in range(10):
        for shard in (mnist / "train").iterdir():
            (many / "train" / f"{copy}-{shard.name}").symlink_to(shard)
    peaks = []
    for data, out in ((mnist, "one"), (many, "ten")):
        done = submit(
            "--master", "local-cluster[2,1,1024]", *SMALL, "--py-files", package_code(tmp_path),
            ROOT / "jobs" / "inner.py", "--data", data, "--out", out, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        peaks.append(json.loads((tmp_path / out / "result.json").read_text()))
    one, ten = peaks
    assert ten["n_train"] == 10 * one["n_train"] == 600_000
    assert ten["peak_rss_mb"] < 1.1 * one["peak_rss_mb"]


def test_two_attempts_of_a_task_at_once_on_a_standalone_cluster(
    submit: Submit, standalone_cluster: str, small_data: Path, tmp_path: Path
) -> None:
    """A task waits until Spark, by speculation, has another worker begin it too; both then end."""
    strikes = tmp_path / "strikes"
    Strike("meet", stage=0, partition=0).write(strikes)
    settings = (*EVERYWHERE, *SPECULATION, f"spark.executorEnv.STRIKES={strikes}")
    done = submit(
        "--master", standalone_cluster, *SMALL, "--executor-cores", 1, "--py-files",
        package_code(tmp_path), *(word for each in settings for word in ("--conf", each)),
        ROOT / "jobs" / "inner.py", "--data", small_data, "--out", "run", "--partitions", 2,
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert struck(strikes)
    split = open_split(str(small_data), "train")
    (alone,) = LocalEngine(split, None, 1, Progress(quiet=True)).statistics(Folds.none())
    found = json.loads(done.stdout)
    assert (found["n_train"], found["statistics_sha256"]) == (split.rows, alone.sha256())


@pytest.mark.parametrize("job", ["outer", "inner"])
def test_a_damaged_shard_is_one_line_and_status_2(
    job: str, submit: Submit, mnist: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(mnist, data)
    shard = sorted((data / "train").iterdir())[1]
    damaged = bytearray(shard.read_bytes())
    damaged[1000:90_000] = bytes(89_000)  # pixels; the footer, which the driver reads, is sound
    shard.write_bytes(damaged)
    done = submit(
        "--master", "local[2]", ROOT / "jobs" / f"{job}.py", "--data", data, "--out", "run",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ridge-spark: error: ")
    assert shard.name in last
    # No traceback through our code; Spark's may tell of the other worker, which it cut off.
    assert not re.search(r'File ".*\b(ridge_spark|jobs)\b', done.stderr)
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "artifacts", "spark-warehouse"}


def test_a_worker_or_an_executor_that_dies_changes_nothing(
    submit: Submit, mnist: Path, tmp_path: Path
) -> None:
    """Spark runs the lost tasks again, and an iteration goes on where it was."""
    job = Path(__file__).with_name("dying_worker.py")
    done = submit(
        "--master", "local-cluster[2,1,1024]", "--py-files", package_code(tmp_path),
        job, mnist, tmp_path / "died", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (tmp_path / "died-worker").exists()
    assert (tmp_path / "died-executor").exists()
    assert found["with a death"] == found["without"]


def test_spark_has_the_primitives_of_the_local_engine_and_leaves_nothing_behind(
    submit: Submit, small_data: Path, few_images: Path, tmp_path: Path
) -> None:
    """Statistics also tile by tile, passes also through a view, and the dual side in pairs."""
    here = Path(__file__).parent
    files = f"{package_code(tmp_path)},{here / 'mapped.py'}"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    job = ("--py-files", files, here / "primitives.py", small_data, few_images, temporary)
    done = submit("--master", "local[2]", *job, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["left"] == []

    split, folds = open_split(str(small_data), "train"), Folds.k(3)
    local = LocalEngine(split, None, 1, Progress(quiet=True))
    whole = [each.sha256() for each in local.statistics(folds)]
    labels = np.concatenate([block.labels for block in read_blocks(split.blocks)])
    local.view = View(10, 2, halved)
    expected = {
        "whole": whole,
        "tiles": whole,
        "rows": [[9000], np.bincount(labels, minlength=10).tolist()],
        "map": [0, 1, 4, 9, 16],
        "view": [each.sha256() for each in local.statistics(folds)],
        "score": listed(local.score(folds, candidates(10))),
    }
    few = LocalEngine(open_split(str(few_images), "train"), None, 2, Progress(quiet=True))
    expected["dual"] = json.loads(json.dumps(dual_findings(few)))
    assert told["found"] == {
        f"{name}, {what}": value for name in ("inner", "outer") for what, value in expected.items()
    }
