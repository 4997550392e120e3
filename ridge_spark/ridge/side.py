"""Which matrix to solve: X'X of the pixels (primal) or XX' of the images (dual), by their costs."""

from __future__ import annotations

from ridge_spark.ridge.cost import OPERATIONS_PER_SECOND
from ridge_spark.ridge.few_images import are_few
from ridge_spark.ridge.solvers import COSTS, seconds_of

PRODUCTS_PER_SECOND = 1.5e11  # of bytes, summed up on one core
NUMBERS_PER_SECOND = 4e7  # of a matrix of integers: added up, hashed, centred, written
BYTES_PER_SECOND = 4e8  # of images that are read once more
PIXELS_PER_SECOND = 1e8  # turned into floats and multiplied by the vectors of a product
STEPS = 60  # of an iteration, as many as a grid of λ takes
WORTH_SECONDS = 0.5  # that a run may take longer on the primal side


def choose_side(n: int, d: int, lambdas: int, systems: int) -> str:
    """`dual` where it saves time worth having, else `primal`.

    The statistics of the primal side add up, so that images can join a model and leave it later:
    half a second is a fair price for that. By the seconds of one core, whatever the workers, so
    that every engine takes the same side.
    """
    saved = side_seconds("primal", n, d, lambdas, systems) - side_seconds(
        "dual", n, d, lambdas, systems
    )
    return "dual" if saved > WORTH_SECONDS else "primal"


def side_seconds(side: str, n: int, d: int, lambdas: int, systems: int) -> float:
    """An estimate for n vectors of d bytes: their products, and `systems` systems of a grid of λ.

        primal   n d² / 2 products,  systems · (d² integers to a system, and its solution)
        dual     n² d / 2 products,  systems · (n² integers to a system, and its solution), and
                 the images once more for the weights
        operator systems · steps passes over n d pixels, each turned into a float64

    Of few images, the primal side finds a basis of what they span first, by 4 d n² operations; of
    not quite as few, X'X is singular, and small λ need its eigenvectors.
    """
    if side == "operator":
        return systems * STEPS * n * d / PIXELS_PER_SECOND
    a = n if side == "dual" else d
    seconds = n * d * a / 2 / PRODUCTS_PER_SECOND
    each = a * a / NUMBERS_PER_SECOND
    if side == "dual":
        return seconds + systems * (each + seconds_of(n, lambdas)) + n * d / BYTES_PER_SECOND
    if are_few(n, d):
        basis = 4 * d * n * n / OPERATIONS_PER_SECOND
        return seconds + systems * (each + basis + seconds_of(n, lambdas))
    if n <= d:
        each += COSTS["eigen"](d, lambdas).seconds
    return seconds + systems * (each + seconds_of(d, lambdas))
