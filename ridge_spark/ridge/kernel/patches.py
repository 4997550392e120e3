"""What filters do to images: the numbers of a filter bank, and where its patches and cells are.

For an image, with r[f, p] = Σ filter f times the patch at the place p, a whole number:

    v[f, p]    = r[f, p] · contrast[p],    contrast[p] = ⌊unit K / √(K² (variance[p] + flat))⌋
    S[c, 0, f] = Σ_{p in cell c} max(v[f, p] - threshold[f], 0)
    S[c, 1, f] = Σ_{p in cell c} max(-v[f, p] - threshold[f], 0)
    out[c, s, f] = min(⌊S[c, s, f] · scale[s, f] / 2^32 + 1/2⌋, 255)

K is the number of bytes of a patch and K² variance = K Σu² - (Σu)², a whole number: one IEEE square
root and one division for a patch, both correctly rounded, so that all machines agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SCALE_BITS = 32


@dataclass(frozen=True)
class PatchGeometry:
    """Where the patches of an image of `shape` (height, width, channels) are, and their cells.

    Patches of `window` x `window` pixels start every `stride` pixels; the places are divided into
    `grid` (rows, columns) of cells, as equal as can be.
    """

    shape: tuple[int, int, int]
    window: int
    stride: int
    grid: tuple[int, int]

    @property
    def run(self) -> int:
        """Bytes of one row of a patch."""
        return self.window * self.shape[2]

    @property
    def patch_bytes(self) -> int:
        return self.window * self.run

    @property
    def places(self) -> tuple[int, int]:
        """How many patches there are down and along."""
        height, width, _ = self.shape
        return (height - self.window) // self.stride + 1, (width - self.window) // self.stride + 1

    @property
    def cells(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def largest_cell(self) -> int:
        """Places in the largest cell."""
        return max(len(places) for places in self.cell_places)

    @cached_property
    def cell_places(self) -> list[NDArray[np.int64]]:
        """Numbers of the places in each cell; place (y, x) has the number y · along + x."""
        down, along = self.places
        numbers = np.arange(down * along).reshape(down, along)
        return [
            part.ravel()
            for row in np.array_split(numbers, self.grid[0])
            for part in np.array_split(row, self.grid[1], axis=1)
        ]


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Filters for the patches of a geometry, and how their responses become bytes.

    filters     (F, window, run) int8, none larger than signed.WEIGHT_LIMIT, each with the sum 0
    thresholds  (F,) int32, 0 or more
    scale       (2, F) int64, below 2^32, for responses above and below zero
    unit        what the contrast of a patch is a fraction of
    flat        variance of a patch that is taken for noise
    """

    geometry: PatchGeometry
    filters: NDArray[np.int8]
    thresholds: NDArray[np.int32]
    scale: NDArray[np.int64]
    unit: int
    flat: int

    @property
    def outputs(self) -> int:
        return 2 * len(self.filters) * self.geometry.cells


@dataclass(frozen=True, eq=False)
class SignedUnits:
    """Sums of all inputs under random signs, as bytes.

        out[j] = min(max((Σ_i sign[j, i] u[i] >> shift) - subtracted[j], 0), 255)

    The signs are rows of Hadamard matrices whose columns are shuffled and flipped. With p the least
    power of two that holds the d inputs, unit j belongs to the block b = ⌊j / p⌋, which has a place
    π(i) < p and a flip ±1 for each input, and

        sign[j, i] = flips[b, i] H[rows[j], π(i)],    H[r, q] = (-1)^(ones that r and q share)

    so that p sums take p log₂ p additions, where signs without such structure take p d. What a
    linear model makes of them is as good (Yu et al., Orthogonal Random Features, NeurIPS 2016).

    places, flips  (blocks, d) int32, as π and the flips of each block
    rows           (M,) int32, of the units
    subtracted     (M,) int32
    """

    places: NDArray[np.int32]
    flips: NDArray[np.int32]
    rows: NDArray[np.int32]
    shift: int
    subtracted: NDArray[np.int32]

    @property
    def inputs(self) -> int:
        return self.places.shape[1]

    @property
    def outputs(self) -> int:
        return len(self.rows)

    @property
    def order(self) -> int:
        """Of the Hadamard matrices."""
        return order_for(self.inputs)


def order_for(inputs: int) -> int:
    """The least power of two that is not below `inputs`."""
    return 1 << (inputs - 1).bit_length()
