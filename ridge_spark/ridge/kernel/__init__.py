"""The sums over pixels that everything is solved from: class counts, class pixel sums and X'X.

One place chooses how they are computed (choose.py). Every choice gives the same integers.
"""

from __future__ import annotations

from ridge_spark.ridge.kernel.accumulator import Accumulator, Sums, Tile
from ridge_spark.ridge.kernel.choose import accumulator_type

__all__ = ["Accumulator", "Sums", "Tile", "accumulator"]


def accumulator(
    d: int, classes: int, *, groups: int = 1, threads: int = 1, tile: Tile | None = None
) -> Accumulator:
    """Return an empty accumulator of the exact sums over d-pixel images in `classes` classes.

    With U the (n, d) matrix of the 8-bit pixels of one group of images, `finish` returns for each
    of `groups` groups

        counts[k] = #{i : label_i = k},  sums[k] = Σ_{i : label_i = k} U_i,  gram = U'U

    `gram` is complete and symmetric. With `tile`, a pair of slices (i, j) with explicit start and
    stop, it is only U[:, i]'U[:, j], and `sums` is only over the columns i: for images so large
    that no worker can hold all of U'U. `threads` is the most threads the sums ever run on.

    Separate accumulators may be used from separate threads; one accumulator, from one at a time.
    `InputError` if the environment variable RIDGE_SPARK_KERNEL asks for a kernel that can't run.
    """
    return accumulator_type()(d, classes, groups=groups, threads=threads, tile=tile)
