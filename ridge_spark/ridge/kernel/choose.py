"""Which kernel runs: the fastest that this processor can, or the one RIDGE_SPARK_KERNEL names."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.ridge.kernel.compiled_features import FeatureKernel
    from ridge_spark.ridge.kernel.native import Kernel

VARIABLE = "RIDGE_SPARK_KERNEL"
PORTABLE = "portable"

# Best first. Each needs all the features in one of its sets, by the compiler's names.
NEEDS: dict[str, list[set[str]]] = {
    "avx512vnni": [{"avx512f", "avx512vnni"}],
    "avxvnni": [{"avxvnni"}, {"avx512vl", "avx512vnni"}],
    "udot": [{"dotprod"}],
    "avx2": [{"avx2"}],
    PORTABLE: [set()],
}

log = logging.getLogger(__name__)


def runnable_kernels() -> list[str]:
    """Names of the kernels that this processor can run, best first."""
    features = _cpu_features()
    return [name for name, sets in NEEDS.items() if any(needed <= features for needed in sets)]


def chosen_kernel() -> str:
    """Name of the kernel to run; `InputError` if the one that is asked for can't run here."""
    here = runnable_kernels()
    asked = os.environ.get(VARIABLE)
    if not asked:
        return here[0]
    if asked not in here:
        problem = "does not run on this processor" if asked in NEEDS else "is not a kernel"
        raise InputError(f"{VARIABLE}: {asked!r} {problem}; choose one of {', '.join(here)}")
    return asked


def accumulator_type() -> Callable[..., Any]:
    """What to make accumulators with: takes the arguments of `kernel.accumulator`."""
    name = chosen_kernel()
    kernel = None if name == PORTABLE else _compiled(name)
    if kernel:
        from ridge_spark.ridge.kernel.integer import IntegerAccumulator

        return partial(IntegerAccumulator, kernel)
    if name != PORTABLE and os.environ.get(VARIABLE):
        raise InputError(f"{VARIABLE}: {name!r} could not be compiled; unset it to use BLAS")
    from ridge_spark.ridge.kernel.portable import PortableAccumulator

    return PortableAccumulator


def feature_kernel() -> FeatureKernel | None:
    """The compiled loops of feature maps, or None where NumPy has to do; `InputError` as above."""
    name = chosen_kernel()
    if name == PORTABLE:
        return None
    kernel = _compiled_features(name)
    if kernel is None and os.environ.get(VARIABLE):
        raise InputError(f"{VARIABLE}: {name!r} could not be compiled; unset it to use BLAS")
    return kernel


@cache
def _compiled_features(name: str) -> FeatureKernel | None:
    try:
        from ridge_spark.ridge.kernel.compiled_features import FeatureKernel
        from ridge_spark.ridge.kernel.signed import SIGNED_PRODUCTS

        return FeatureKernel.load(SIGNED_PRODUCTS[name])
    except Exception as error:  # the compiler's errors are of any kind
        log.warning("the %s loops of features can't be had (%s); NumPy, slower", name, error)
        return None


@cache
def _compiled(name: str) -> Kernel | None:
    """The kernel ready to call, or None: then said once, since everything works without it."""
    try:
        from ridge_spark.ridge.kernel.micro import DOT_PRODUCTS
        from ridge_spark.ridge.kernel.native import load_kernel

        return load_kernel(DOT_PRODUCTS[name])
    except Exception as error:  # the compiler's errors are of any kind
        log.warning("the %s kernel can't be had here (%s); using BLAS, slower", name, error)
        return None


@cache
def _cpu_features() -> frozenset[str]:
    try:
        from llvmlite.binding import get_host_cpu_features

        features = {name for name, present in get_host_cpu_features().items() if present}
    except Exception as error:
        log.warning("can't tell this processor's features (%s); using BLAS, slower", error)
        return frozenset()
    if platform.machine() == "aarch64" and "asimddp" in Path("/proc/cpuinfo").read_text():
        features.add("dotprod")  # the compiler does not look for this one on Linux
    return frozenset(features)
