"""A few faults of each kind, at places that Hypothesis chooses; `make soak` has thousands."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ridge_spark.errors import InputError
from ridge_spark.runs.directory import read_run, read_statistics, write_run
from ridge_spark.runs.verification import verify_run
from tests.faults import fed, killed, on_s3, stored
from tests.faults.hostile import REFUSED, HostileStore
from tests.faults.promise import Came, Fault, World
from tests.faults.soak import BEGIN, END, make_world, summary, table
from tests.support import ROOT

BROKEN = (Came.WRONG, Came.LOST)
FEW = settings(
    max_examples=12,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, home) -> World:
    return make_world(tmp_path_factory.mktemp("faults"))


def hold(fault: Fault, world: World, rng: Random) -> None:
    assert fault.inject(world, rng) not in BROKEN, world.told[-1:]


@pytest.mark.parametrize("fault", [*stored.FAULTS, *fed.FAULTS], ids=lambda fault: fault.name)
def test_files(fault: Fault, world: World) -> None:
    @FEW
    @given(rng=st.randoms(use_true_random=True))
    def hold_of(rng: Random) -> None:
        hold(fault, world, rng)

    hold_of()


@pytest.mark.parametrize("fault", killed.FAULTS[:2], ids=lambda fault: fault.name)
def test_one_that_is_killed(fault: Fault, world: World) -> None:
    hold(fault, world, Random(1))


def test_an_object_store_that_fails(world: World) -> None:
    with HostileStore() as store:
        hold(on_s3.faults(store, times=(1,))[0], world, Random(3))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((name, "403") for name in ("result", "model", "statistics", "manifest")),
        ("model", REFUSED),  # which is asked for again and again, for seconds
    ],
)
def test_a_file_of_a_run_that_a_store_refuses(
    name: str, fault: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is there then, and what was computed is kept, all of it, in a folder that is named."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    finished = read_run(str(world.folder / "reference"))
    statistics = read_statistics(str(world.folder / "reference"), finished.result)
    with HostileStore() as store:
        store.begin(lambda _, *sent: fault if on_s3.completed(*sent) == name else None)
        for variable, value in store.hostile.items():
            monkeypatch.setenv(variable, value)
        out = f"s3://{store.bucket}/out"
        with pytest.raises(InputError, match="the run is kept in") as told:
            write_run(out, finished.result, finished.model, statistics)
        store.begin(lambda *_: None)
        with pytest.raises(InputError):
            read_run(out)
    (kept,) = tmp_path.glob("ridge-spark-run-*")
    assert str(kept) in str(told.value)
    assert verify_run(str(kept)) == 4


def test_the_table_counts_what_the_tries_came_to() -> None:
    one, two = (Fault("promise", name, lambda *_: Came.SAME, 1) for name in ("one", "two"))
    found = {
        one: Counter({Came.SAME: 2, Came.LOST: 1, Came.MISSED: 4}),
        two: Counter({Came.CLEAR: 1200, Came.WRONG: 1}),
    }
    assert "| promise | one | 7 | 3 | 2 | 0 | 0 | 1 |\n" in table(found)
    assert "| promise | two | 1,201 | 1,201 | 0 | 1,200 | 1 | 0 |\n" in table(found)
    assert "| promise | 1,208 | 1,204 | 2 | 1,200 | 1 | 1 |\n" in summary(found)


def test_the_table_by_promise_is_the_sum_of_the_other() -> None:
    """Both pages are written by one soak, and neither by hand."""
    pages = [(ROOT / name).read_text("utf-8") for name in ("docs/trust.md", "README.md")]
    rows = [
        [line.strip("| ").split(" | ") for line in found[1].splitlines()[2:]]
        for found in (re.search(f"{BEGIN}\n(.*)\n{END}", page, re.DOTALL) for page in pages)
        if found
    ]
    added: dict[str, list[int]] = {}
    for promise, _, *numbers in rows[0][:-1]:
        so_far = added.setdefault(promise, [0] * len(numbers))
        added[promise] = [a + number(b) for a, b in zip(so_far, numbers, strict=True)]
    assert {promise: list(map(number, rest)) for promise, *rest in rows[1][:-1]} == added
    assert [list(map(number, lines[-1][-6:])) for lines in rows] == [
        [sum(column) for column in zip(*added.values(), strict=True)]
    ] * 2
    assert rows[0][-1][-2:] == ["0", "0"]  # wrong, lost


def number(text: str) -> int:
    return int(text.strip().replace(",", ""))
