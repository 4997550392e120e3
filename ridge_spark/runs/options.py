"""The options of a training run, the same for every engine, and the checks on their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ridge_spark.errors import InputError

if TYPE_CHECKING:
    from ridge_spark.features import FeatureSpec
    from ridge_spark.ridge.folds import Folds

DEFAULT_LAMBDAS = "logspace:-5:5:10"
# Each is a factorisation of thousands of unknowns: few, but for few images as well as for many.
DEFAULT_LAMBDAS_OF_FEATURES = "0.1,3,100,3000"
DEFAULT_FEATURES = "pixels"
DEFAULT_VALIDATION = 0.2
LARGEST_LAMBDA = 1e100  # N λ must be a finite number
MOST_LAMBDAS = 10_000
SIDES = ("auto", "primal", "dual", "operator")
SOLVERS = ("auto", "tridiagonal", "cholesky", "eigen", "krylov")


METRICS = ("accuracy", "balanced")
CHOICES = ("best", "one-se")
BALANCED = "balanced"
MOST_WEIGHT = 1000
ClassWeight = str | Mapping[str, int]  # "balanced", or weights by the names of classes


@dataclass(frozen=True)
class TrainOptions:
    """What to train on, what to search, and how to divide the work."""

    data: str
    out: str
    lambdas: tuple[float, ...] | None  # None: those of `lambdas_for`
    folds: Folds
    features: tuple[FeatureSpec, ...] = ()  # to be searched with λ; of none, pixels
    side: str = "auto"
    solver: str = "auto"
    limit: int | None = None
    keep_statistics: bool = False  # in the run directory, however large they are
    threads: int | None = None
    partitions: int | None = None
    command: str = ""  # that asked for the run, for whoever wants to repeat it
    class_weight: ClassWeight | None = None
    metric: str = "accuracy"  # by which λ and features are chosen on held-out images
    choose: str = "best"  # of λ, by that metric, or the largest within a standard error of it

    def lambdas_for(self, spec: FeatureSpec) -> tuple[float, ...]:
        """The values of λ to try with these features."""
        if self.lambdas is not None:
            return self.lambdas
        return parse_lambdas(DEFAULT_LAMBDAS if spec.is_pixels else DEFAULT_LAMBDAS_OF_FEATURES)


def parse_lambdas(text: str) -> tuple[float, ...]:
    """`logspace:-5:5:10` (exponents of 10, number of values) or `0.1,1,10`; sorted, each once."""
    kind, _, rest = text.partition(":")
    try:
        if kind == "logspace":
            first, last, number = rest.split(":")
            if not 1 <= int(number) <= MOST_LAMBDAS:
                raise InputError(
                    f"--lambdas {text}: from 1 to {MOST_LAMBDAS:,} values are possible"
                )
            import numpy as np  # here: every command loads this module for its defaults

            with np.errstate(over="ignore"):  # what is infinite is refused below
                values = np.logspace(float(first), float(last), int(number)).tolist()
        else:
            values = [float(part) for part in text.split(",")]
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"--lambdas {text}: neither logspace:FIRST:LAST:NUMBER nor numbers with commas between"
        ) from error
    if not all(0 <= value <= LARGEST_LAMBDA for value in values):
        raise InputError(
            f"--lambdas {text}: every λ must be a finite number, 0 to {LARGEST_LAMBDA:g}"
        )
    return tuple(sorted(set(values)))


def parse_class_weight(text: str) -> ClassWeight:
    """`balanced`, or `NAME=W,...` with whole numbers; a class that is not named has 1."""
    if text == BALANCED:
        return text
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        if not name or name in found or not (value.isascii() and value.isdigit()):
            raise InputError(
                f"--class-weight {text}: neither balanced nor NAME=W,... with whole numbers, each "
                "class once"
            )
        found[name] = int(value)
        if not 1 <= found[name] <= MOST_WEIGHT:
            raise InputError(
                f"--class-weight {text}: weights must be from 1 to {MOST_WEIGHT:,}; a class that "
                "is not to count at all is best left out of the data set"
            )
    return found


def make_folds(validation: float | None, folds: int | None, seed: int) -> Folds:
    """The way to hold images out that `--validation` or `--folds` asks for."""
    from ridge_spark.ridge.folds import Folds

    if not -(2**63) <= seed < 2**63:
        raise InputError(f"--seed {seed}: must fit 64 bits")
    if folds is not None:
        if not 2 <= folds <= 100:
            raise InputError(f"--folds {folds}: must be from 2 to 100")
        return Folds.k(folds, seed)
    fraction = DEFAULT_VALIDATION if validation is None else validation
    if not 0 < fraction < 1:
        raise InputError(f"--validation {fraction}: must be between 0 and 1, such as 0.2")
    return Folds.holdout(fraction, seed)
