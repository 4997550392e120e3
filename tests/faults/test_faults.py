"""A few faults of each kind, at places that Hypothesis chooses; `make soak` has thousands."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import fed, killed, on_s3, stored
from tests.faults.hostile import HostileStore
from tests.faults.promise import Came, Fault, World
from tests.faults.soak import make_world, table

KEPT = (Came.SAME, Came.CLEAR)
FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, home) -> World:
    return make_world(tmp_path_factory.mktemp("faults"))


def hold(fault: Fault, world: World, rng: Random) -> None:
    assert fault.inject(world, rng) in KEPT, world.told[-1:]


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


def test_the_table_counts_what_the_tries_came_to(world: World) -> None:
    from collections import Counter

    one = Fault("promise", "fault", lambda *_: Came.SAME, 1)
    text = table({one: Counter({Came.SAME: 2, Came.LOST: 1})})
    assert "| promise | fault | 3 | 2 | 0 | 0 | 1 |" in text
