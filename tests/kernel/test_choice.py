"""The choice of a kernel, what it says when it can't, and what it does without a compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ridge_spark.errors import InputError
from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.kernel.choose import NEEDS, VARIABLE, chosen_kernel, runnable_kernels
from tests.kernel.worker import ROOT, run_worker


def test_the_best_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen_kernel() == runnable_kernels()[0]
    assert runnable_kernels()[-1] == "portable"


def test_an_unknown_kernel_is_an_error_that_lists_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "abacus")
    with pytest.raises(InputError, match=r"RIDGE_SPARK_KERNEL: 'abacus' is not a kernel.*portable"):
        accumulator(4, 2)


def test_a_kernel_for_another_processor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = next(name for name in NEEDS if name not in runnable_kernels())
    monkeypatch.setenv(VARIABLE, elsewhere)
    with pytest.raises(InputError, match=f"{elsewhere}.*does not run on this processor"):
        accumulator(4, 2)


@pytest.mark.parametrize("broken", ["numba", "llvmlite"])
def test_without_a_compiler_blas_does_it(tmp_path: Path, broken: str) -> None:
    package = tmp_path / "broken" / broken
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('not for this processor')\n")
    answer = run_worker(tmp_path, path=[package.parent], HOME=tmp_path / "home")
    assert answer.right
    cause = {
        "numba": "kernel can't be had here",
        "llvmlite": "can't tell this processor's features",
    }
    assert cause[broken] in answer.errors
    assert "using BLAS" in answer.errors
    assert "not for this processor" in answer.errors


def test_without_a_compiler_features_are_made_by_numpy(tmp_path: Path) -> None:
    if runnable_kernels() == ["portable"]:
        pytest.skip("this processor has no other kernel")
    (tmp_path / "numba.py").write_text("raise ImportError('not for this processor')\n")
    script = "from ridge_spark.ridge.kernel.choose import feature_kernel as f; assert f() is None"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert "loops of features can't be had (not for this processor)" in done.stderr


def test_a_kernel_that_is_asked_for_is_not_replaced(tmp_path: Path) -> None:
    package = tmp_path / "broken" / "numba"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('not for this processor')\n")
    if runnable_kernels() == ["portable"]:
        pytest.skip("this processor has no other kernel")
    with pytest.raises(subprocess.CalledProcessError) as failure:
        run_worker(
            tmp_path, path=[package.parent], HOME=tmp_path, **{VARIABLE: runnable_kernels()[0]}
        )
    assert "could not be compiled" in failure.value.stderr


def test_the_portable_kernel_needs_no_compiler() -> None:
    script = (
        "import sys\n"
        "from ridge_spark.ridge.kernel import accumulator\n"
        "accumulator(4, 2).finish()\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", script], check=True, env={VARIABLE: "portable", "PYTHONPATH": "."}
    )


@pytest.mark.parametrize(
    ("images", "labels", "problem"),
    [
        (np.zeros((2, 3), np.uint8), [0, 0], "shape .rows, 4."),
        (np.zeros((2, 4), np.int64), [0, 0], "must be uint8"),
        (np.zeros(4, np.uint8), [0], "shape .rows, 4."),
        (np.zeros((2, 4), np.uint8), [0], "2 images need as many"),
        (np.zeros((2, 4), np.uint8), [0.0, 1.0], "integer labels"),
        (np.zeros((2, 4), np.uint8), [0, 2], "between 0 and 1"),
        (np.zeros((2, 4), np.uint8), [-1, 0], "between 0 and 1"),
        (np.zeros((1, 4), np.uint8), np.array([2**64 - 1], np.uint64), "between 0 and 1"),
    ],
)
def test_blocks_that_would_lead_compiled_code_astray(
    kernel: str, images: np.ndarray, labels: list, problem: str
) -> None:
    sums = accumulator(4, 2)
    with pytest.raises(InputError, match=problem):
        sums.add(images, np.asarray(labels))
    ((counts, _, _),) = sums.finish()
    assert not counts.any()
