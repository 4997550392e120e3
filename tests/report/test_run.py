"""Reading a run directory back, sound or harmed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ridge_spark.report.run import Run

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.errors import InputError
from tests.report.dots import NAMES


def change(**values: object) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        result = json.loads((run / "result.json").read_text())
        (run / "result.json").write_text(json.dumps(result | values))

    return harm


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda run: (run / "result.json").unlink(), "not a run directory"),
        (lambda run: (run / "result.json").write_text("{"), "not a result of this program"),
        (lambda run: (run / "result.json").write_text("[1]"), "not a result of this program"),
        (lambda run: (run / "result.json").write_bytes(b"\xff"), "not a result of this program"),
        (change(lambdas=[1, 2]), "do not fit together"),
        (change(confusion=[["a"]]), "not a result of this program"),
        (change(confusion=[[1, 2], [3, 4]]), "do not fit together"),
        (change(seconds={}), "do not fit together"),
        (change(seconds={"total": "long"}), "not a result of this program"),
        (change(best_lambda=0.5), "do not fit together"),
        (change(n_test="many"), "'n_test'"),
        (change(stages=[{"stage": "a"}]), "not a result of this program"),
        (change(tasks=[1]), "not a result of this program"),
        (change(classes=["a", "b", "c", "d"]), "do not belong together"),
        (lambda run: (run / "model.safetensors").write_bytes(b"?"), "model.safetensors"),
        (lambda run: (run / "model.safetensors").unlink(), "model.safetensors"),
    ],
)
def test_what_is_no_run_is_refused(
    finished: Path, tmp_path: Path, harm: Callable[[Path], None], told: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished / "holdout", run)
    harm(run)
    with pytest.raises(InputError, match=told) as refused:
        Run.load(run)
    assert "\n" not in str(refused.value)
    assert str(run) in str(refused.value)


def test_the_means_are_those_of_the_training_images(finished: Path, dots: Path) -> None:
    blocks = list(read_blocks(open_split(str(dots), "train").blocks))
    images = np.concatenate([block.images for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    means = Run.load(finished / "holdout").means
    assert means is not None
    for number in range(len(NAMES)):
        np.testing.assert_allclose(means[number], images[labels == number].mean(axis=0))
