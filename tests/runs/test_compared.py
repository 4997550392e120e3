"""Two models on one set of images, against counts by hand and SciPy's binomial test."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ridge_spark.data.dataset import open_split, read_blocks
from ridge_spark.model import Model
from ridge_spark.runs.compared import Compared
from tests.support import assert_refused


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_p_value_is_that_of_the_binomial_test(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    found = Compared(10, first, second, 1)
    assert found.p_value == pytest.approx(expected, rel=1e-8, abs=1e-300)
    assert Compared(10, second, first, 1).p_value == found.p_value


def test_the_interval_of_a_paired_difference():
    """Agresti, Categorical Data Analysis, 2nd ed., section 10.1: 794, 150, 86, 570 of 1,600."""
    found = Compared(794, 86, 150, 570)
    assert found.difference == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.0212, 0.0588), abs=1e-4)


def test_two_runs_are_compared_image_by_image(ridge_spark, small_data, tmp_path):
    for name, lam in (("a", "1"), ("b", "1e6")):
        done = ridge_spark("train", "--data", small_data, "--lambdas", lam, "--out", name,
                           "--no-report")  # fmt: skip
        assert done.returncode == 0, done.stderr
    right = []
    for name in "ab":
        model = Model.load(tmp_path / name / "model.safetensors")
        blocks = read_blocks(open_split(str(small_data), "test").blocks)
        right.append(np.concatenate([model.predict(b.images) == b.labels for b in blocks]))
    told = json.loads(ridge_spark("compare", "a", "b", "--json").stdout)
    assert told["n"] == len(right[0])
    assert told["both_right"] == (right[0] & right[1]).sum()
    assert told["first_alone_right"] == (right[0] & ~right[1]).sum()
    assert told["second_alone_right"] == (~right[0] & right[1]).sum()
    assert told["difference"] == pytest.approx(right[1].mean() - right[0].mean())
    shown = ridge_spark("compare", "a", "b/model.safetensors", "--data", small_data).stdout
    assert f"{right[0].mean():.4f}, alone right about {told['first_alone_right']}" in shown
    assert f"p = {told['p_value']:.2g}" in shown
    same = json.loads(ridge_spark("compare", "a", "a", "--json").stdout)
    assert (same["p_value"], same["interval"]) == (1.0, [0.0, 0.0])
    assert_refused(ridge_spark("compare", "a/model.safetensors", "b"), "--data")
    assert_refused(ridge_spark("compare", "a", "b", "--data", "nowhere"), "--data nowhere")
