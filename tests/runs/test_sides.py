"""A run on the dual side: what the primal side finds, without any matrix of pixels; and plans."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from ridge_spark.data import manifest
from ridge_spark.data.dataset import Description, open_split
from ridge_spark.data.writer import write_dataset
from ridge_spark.engines import pairs
from ridge_spark.engines.local import LocalEngine
from ridge_spark.engines.pairs import PairTask
from ridge_spark.engines.resources import Resources, to_bytes
from ridge_spark.errors import InputError
from ridge_spark.features import parse_specs
from ridge_spark.progress import Progress
from ridge_spark.runs import run as runs
from ridge_spark.runs.footprint import footprint
from ridge_spark.runs.options import TrainOptions, make_folds, parse_class_weight, parse_lambdas
from ridge_spark.runs.plan import make_plans
from ridge_spark.runs.run import run
from ridge_spark.runs.training import train
from ridge_spark.runs.update import UpdateOptions, update
from tests.support import assert_refused, draw_images


def options(data: Path | str, out: Path | str = "", **changed: object) -> TrainOptions:
    lambdas = parse_lambdas("1,1e3,1e5")
    return TrainOptions(str(data), str(out), lambdas, make_folds(None, None, 0), **changed)


def local(data: Path) -> LocalEngine:
    splits = open_split(str(data), "train"), open_split(str(data), "test")
    return LocalEngine(*splits, 2, Progress(quiet=True))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that both sides can solve at once: 120 of 12x12 pixels, some of them constant."""
    folder = tmp_path_factory.mktemp("both") / "data"
    splits = {}
    for split, n, seed in (("train", 120, 1), ("test", 50, 2)):
        images, labels = draw_images(n, 144, 3, seed)
        images[:, :20] = 9
        splits[split] = [(images, labels)]
    write_dataset(str(folder), Description((12, 12, 1), ("a", "b", "c"), "drawn"), splits)
    return folder


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("solver", ["tridiagonal", "krylov"])
def test_large_sums_as_triangles_make_the_same_model(small, folds, solver, monkeypatch):
    chosen = TrainOptions(
        "", "", parse_lambdas("1,1e3,1e5"), make_folds(None, folds, 0),
        parse_specs("units:units=16"), "primal", solver,
    )  # fmt: skip
    squares = train(local(small), chosen)
    monkeypatch.setattr("ridge_spark.runs.primal_side.SIDE_BY_SIDE", 100)
    triangles = train(local(small), chosen)
    assert triangles.statistics == squares.statistics
    assert triangles.model.sha256() == squares.model.sha256()
    assert triangles.validation_accuracy.tolist() == squares.validation_accuracy.tolist()
    assert triangles.tested.confusion.tolist() == squares.tested.confusion.tolist()


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("features", ["pixels", "units:units=64"])
@pytest.mark.parametrize("solver", ["auto", "cholesky", "eigen"])
def test_both_sides_find_the_same(small, folds, features, solver):
    held_out = make_folds(None, folds, 0)
    found = {
        side: train(
            local(small),
            TrainOptions(
                "", "", parse_lambdas("1,1e3,1e5"), held_out, parse_specs(features), side, solver
            ),
        )
        for side in ("primal", "dual")
    }
    primal, dual = found["primal"], found["dual"]
    assert dual.side == "dual"
    assert dual.model.lam == primal.model.lam
    assert dual.validation_accuracy.tolist() == primal.validation_accuracy.tolist()
    assert dual.tested.confusion.tolist() == primal.tested.confusion.tolist()
    assert dual.statistics.sums.tolist() == primal.statistics.sums.tolist()
    np.testing.assert_allclose(dual.gcv, primal.gcv, rtol=1e-8)
    distance = np.linalg.norm(dual.model.coef - primal.model.coef)
    assert distance <= 1e-9 * np.linalg.norm(primal.model.coef)
    assert dual.statistics.sha256() != primal.statistics.sha256()


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("features", ["pixels", "units:units=64"])
def test_products_alone_find_the_same(small, folds, features):
    held_out = make_folds(None, folds, 0)
    primal, operator = (
        train(
            local(small),
            replace(options(small, side=side, features=parse_specs(features)), folds=held_out),
        )
        for side in ("primal", "operator")
    )
    assert operator.side == "operator"
    assert operator.model.lam == primal.model.lam
    assert operator.validation_accuracy.tolist() == primal.validation_accuracy.tolist()
    assert operator.tested.confusion.tolist() == primal.tested.confusion.tolist()
    assert operator.model.coef == pytest.approx(primal.model.coef, rel=1e-6, abs=1e-9)
    assert np.isnan(operator.gcv[operator.best])


def test_products_alone_count_images_as_often_as_their_classes_weigh(small):
    weights = parse_class_weight("a=3,b=2")
    primal, operator = (
        train(local(small), options(small, side=side, class_weight=weights))
        for side in ("primal", "operator")
    )
    assert operator.model.lam == primal.model.lam
    assert operator.model.coef == pytest.approx(primal.model.coef, rel=1e-6, abs=1e-9)


def test_where_no_matrix_fits_products_alone_do(small):
    split, few = open_split(str(small), "train"), Resources(1, 2, 10**12, 2)
    plan = make_plans(split, options(small), few)[0]
    wide = replace(plan.problem, n=10**6, d=10**5, block=10**7, block_d=10**5)
    needs = {side: footprint(side, wide, few).peak(few) for side in ("primal", "dual", "operator")}
    assert needs["operator"] < 40e9 < min(needs["primal"], needs["dual"])


def test_parts_of_the_images_leave_all_bits_alone(few_images):
    found = set()
    for parts in (1, 2, 3):
        engine = local(few_images)
        engine.memory = 2 * 600 * 128 * 128 // parts
        training = train(engine, options(few_images))
        assert training.side == "dual"
        found.add((training.statistics.sha256(), training.model.sha256(), *training.gcv))
    assert len(found) == 1


def test_products_that_travel_in_strips_are_the_same(small, monkeypatch):
    engine = local(small)
    whole = engine.products()
    monkeypatch.setattr(pairs, "STRIP_BYTES", 8 * 120 * 7)
    blocks = engine.train.blocks
    task = PairTask(engine.reader(), engine.view, 1)
    found = [strip for pair in pairs.pairs_of(blocks, 1) for strip in task(pair).strips()]
    assert len(found) == 18  # 120 rows, 7 at a time
    n = engine.train.rows
    assert pairs.assemble_products(found[::-1], n, engine.view).sha256() == whole.sha256()


def test_no_matrix_of_pixels_is_ever_made(few_images, tmp_path, monkeypatch):
    """Of bytes, half of it alone would be more than all that is allocated."""
    monkeypatch.setattr(manifest, "LARGEST", 2**20)  # as much room is made to read one
    tracemalloc.start()
    try:
        run("local", options(few_images, tmp_path / "run", side="dual"), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 128**4 / 2


def test_a_run_says_its_side_and_its_plan_and_keeps_sums_alone(ridge_spark, few_images, tmp_path):
    done = ridge_spark("train", "--data", few_images, "--out", "run", "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["side"], result["statistics_kept"]) == ("dual", ["counts", "sums"])
    assert f"plan: {result['plan']['line']} (primal: 16,384 x 16,384" in done.stderr
    assert result["plan"]["line"].startswith("dual, 600 x 600, one pass")
    with safe_open(tmp_path / "run" / "statistics.safetensors", "numpy") as file:
        assert set(file.keys()) == {"counts", "sums"}
        assert file.get_tensor("counts").sum() == 600
    done = ridge_spark("update", "--model", "run", "--add", few_images, "--out", "up")
    assert_refused(done, "run: ", "dual side", "--side primal")


def test_large_statistics_are_kept_if_asked_for(ridge_spark, small, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "MOST_STATISTICS_BYTES", 8 * 144 * 145 // 2)
    for name, keep in (("lean", False), ("kept", True)):
        chosen = options(small, tmp_path / name, side="primal", keep_statistics=keep)
        result = run("local", chosen, None)
        assert ("gram" in result.statistics_kept) == keep
    small_file, large_file = (
        (tmp_path / name / "statistics.safetensors").stat().st_size for name in ("lean", "kept")
    )
    assert large_file - small_file == pytest.approx(8 * 144 * 145 // 2, abs=100)
    done = ridge_spark("update", "--model", "lean", "--add", small, "--out", "up")
    assert_refused(done, "lean: ", "0.0 GB", "--keep-statistics")
    update(UpdateOptions(str(tmp_path / "kept"), str(tmp_path / "up"), (str(small),), ()), None)


def test_a_plan_is_printed_and_nothing_is_run(ridge_spark, small, few_images, tmp_path):
    for data, start in ((few_images, "plan: dual, 600 x 600"), (small, "plan: primal, 144 x 144")):
        done = ridge_spark("train", "--plan", "--data", data)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(start)
        for word in ("passes" if data == small else "one pass", "GB of", "solver", "about"):
            assert word in done.stdout
    assert not list(tmp_path.iterdir())
    assert_refused(ridge_spark("train", "--data", small), "--out")


def plan(data: Path, memory: float, **changed: object):
    resources = Resources(1, 2, int(memory), 2)
    return make_plans(open_split(str(data), "train"), options(data, **changed), resources)[0]


def test_the_side_that_fits_is_taken_and_else_one_line_says_what_does_not(small, few_images):
    assert plan(few_images, 8e9).side == "dual"
    assert plan(small, 8e9).side == "primal"
    with pytest.raises(InputError, match=r"X'X \(16,384 x 16,384\) takes .* GB, .* has 3.0 GB"):
        plan(few_images, 3e9, side="primal")
    with pytest.raises(InputError, match=r"takes 0\.2 GB, and this machine has 0\.1 GB: import"):
        plan(few_images, 1e8)


def test_more_images_than_fit_on_the_dual_side_go_to_the_primal_side(small_data):
    assert plan(small_data, 4e9, side="dual").side == "dual"
    assert plan(small_data, 1e9).side == "primal"
    with pytest.raises(InputError, match="--limit"):
        plan(small_data, 1e9, side="dual")


@pytest.mark.parametrize(
    ("text", "size"), [("512m", 2**29), ("4g", 2**32), ("1024k", 2**20), ("2gb", 2**31), ("7", 7)]
)
def test_sizes_are_read_as_spark_writes_them(text, size):
    assert to_bytes(text) == size


def test_tasks_on_small_workers_are_given_smaller_tiles():
    large = Resources(4, 1, 8 * 10**9, 2, tasks_apart=True, task=None)
    small = Resources(4, 1, 8 * 10**9, 2, tasks_apart=True, task=400 * 2**20)
    assert small.budget < large.budget
    assert "for a task" in small.lacks(10**9, 10**9)
    assert not large.lacks(10**9, 10**9)
