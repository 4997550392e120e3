"""A feature map: its stages one after the other, its hash, and how it is kept in a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.features.moments import Moments
from ridge_spark.features.sample import hashes
from ridge_spark.features.spec import FeatureSpec, parse_specs
from ridge_spark.ridge.kernel.choose import feature_kernel
from ridge_spark.ridge.kernel.patches import FilterBank, PatchGeometry, SignedUnits, order_for
from ridge_spark.ridge.kernel.portable_features import PortablePatches, PortableUnits
from ridge_spark.ridge.kernel.signed import WEIGHT_LIMIT

SIGNS = 0x51645  # what the random numbers of signs are for
VERSION = 2


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Bytes (n, d_in) to bytes (n, d_out), by whole-number arithmetic: the same on every machine.

    Images of `shape` are averaged over `shrink` x `shrink` pixels, made upright by `moments`, and
    their patches are compared with the filters of `bank`; each stage may be missing. What comes of
    it stands first in the result, and beside it what `units` make of it.
    """

    spec: FeatureSpec
    shape: tuple[int, int, int]
    seed: int = 0
    shrink: int = 1
    moments: Moments | None = None
    bank: FilterBank | None = None
    units: SignedUnits | None = None

    @property
    def d_in(self) -> int:
        return math.prod(self.shape)

    @property
    def d_out(self) -> int:
        return self.first_outputs + (self.units.outputs if self.units else 0)

    @property
    def first_outputs(self) -> int:
        """Bytes of what the units see: responses to patches, or pixels."""
        return self.bank.outputs if self.bank else math.prod(self.small_shape)

    @property
    def small_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.shape
        return height // self.shrink, width // self.shrink, channels

    def __call__(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.uint8]:
        """The features of `images`, (n, d_in) uint8; (n, d_out) uint8."""
        if images.ndim != 2 or images.shape[1] != self.d_in or images.dtype != np.uint8:
            raise InputError(
                f"images of shape {images.shape[1:]} and type {images.dtype} do not fit these "
                f"features, which are of {self.d_in} pixels in a row of type uint8: height x width "
                f"x channels = {'x'.join(map(str, self.shape))}"
            )
        if self.spec.is_pixels or not len(images):
            return images if self.spec.is_pixels else np.empty((0, self.d_out), np.uint8)
        out = np.empty((len(images), self.d_out), np.uint8)
        first = out[:, : self.first_outputs]
        self.write_first(images, first, threads=threads)
        if self.at_work_units:
            self.at_work_units.features(first, out[:, self.first_outputs :], threads=threads)
        return out

    def prepared(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.uint8]:
        """The images as the patches or the units see them: averaged, upright."""
        small = shrunk(images, self.shape, self.shrink)
        return self.moments(small, threads=threads) if self.moments else small

    def write_first(
        self, images: NDArray[np.uint8], out: NDArray[np.uint8], *, threads: int = 1
    ) -> None:
        """Write what the units see of the images to out (n, first_outputs)."""
        prepared = self.prepared(images, threads=threads)
        if self.at_work_patches:
            self.at_work_patches.features(prepared, out, threads=threads)
        else:
            out[...] = prepared

    @cached_property
    def at_work_patches(self) -> Any:
        """The filter bank at work, by the best kernel there is."""
        if self.bank is None:
            return None
        kernel = feature_kernel()
        if kernel is None:
            return PortablePatches(self.bank)
        from ridge_spark.ridge.kernel.compiled_features import CompiledPatches

        return CompiledPatches(kernel, self.bank)

    @cached_property
    def at_work_units(self) -> Any:
        """The random units at work, by the best kernel there is."""
        if self.units is None:
            return None
        kernel = feature_kernel()
        if kernel is None:
            return PortableUnits(self.units)
        from ridge_spark.ridge.kernel.compiled_features import CompiledUnits

        return CompiledUnits(kernel, self.units)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to workers: the numbers; signs and machine code are made anew there."""
        state = {key: value for key, value in vars(self).items() if key not in LAZY}
        if self.units:
            state["units"] = self.units.subtracted, self.units.shift
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.units:
            vars(self)["units"] = random_units(self.seed, self.first_outputs, *state["units"])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over all that defines the map: its description, then its tensors by name."""
        digest = hashlib.sha256(json.dumps(self.about(), sort_keys=True).encode())
        for name, tensor in sorted(self.tensors().items()):
            little = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
            digest.update(f"{name} {little.dtype.str} {little.shape}".encode())
            digest.update(little.data)
        return digest.hexdigest()

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The arrays that define the map; with `about`, all that `load` needs."""
        found: dict[str, NDArray[Any]] = {}
        if self.bank:
            found["features.filters"] = self.bank.filters
            found["features.thresholds"] = self.bank.thresholds
            found["features.scale"] = self.bank.scale
        if self.units:
            found["features.subtracted"] = self.units.subtracted
        return found

    def about(self) -> dict[str, Any]:
        """The numbers that define the map, for JSON."""
        about: dict[str, Any] = {
            "version": VERSION,
            "spec": self.spec.text,
            "shape": list(self.shape),
            "seed": self.seed,
            "shrink": self.shrink,
        }
        if self.moments:
            about["moments"] = {"spreads": list(self.moments.spreads)}
        if self.bank:
            geometry = self.bank.geometry
            about["patches"] = {
                "window": geometry.window,
                "stride": geometry.stride,
                "grid": list(geometry.grid),
                "unit": self.bank.unit,
                "flat": self.bank.flat,
            }
        if self.units:
            about["units"] = {"shift": self.units.shift}
        return about

    @classmethod
    def load(cls, about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """A map from what `about` and `tensors` gave; `ValueError` where that does not fit."""
        try:
            return _loaded(cls, about, tensors)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"its feature map is incomplete ({error})") from error


LAZY = ("at_work_patches", "at_work_units", "sha256")


def random_units(
    seed: int, inputs: int, subtracted: NDArray[np.int32], shift: int = 0
) -> SignedUnits:
    """As many units as are `subtracted`, with the random signs of the seed."""
    many, order = len(subtracted), order_for(inputs)
    blocks = -(-many // order)
    numbers = np.arange(blocks * order)
    keys = hashes(seed, SIGNS, numbers).reshape(blocks, order)
    places = np.argsort(keys, axis=1, kind="stable")[:, :inputs]
    flips = 1 - 2 * (keys[:, :inputs] & np.uint64(1)).astype(np.int32)
    rows = np.tile(np.arange(order), blocks)
    if last := many % order:  # of the last block, some rows only
        order_of_rows = np.argsort(hashes(seed, SIGNS + 1, numbers[-order:]), kind="stable")
        rows = np.concatenate([rows[: many - last], np.sort(order_of_rows[:last])])
    return SignedUnits(
        np.ascontiguousarray(places, np.int32), flips, rows.astype(np.int32), shift, subtracted
    )


def shrunk(images: NDArray[np.uint8], shape: tuple[int, int, int], by: int) -> NDArray[np.uint8]:
    """Means of by x by pixels, rounded; what is left over at the right and below is left out."""
    if by == 1:
        return images
    height, width, channels = shape
    rows, columns = height // by, width // by
    whole = images.reshape(len(images), *shape)[:, : rows * by, : columns * by]
    total = np.zeros((len(images), rows, columns, channels), np.int64)
    for i in range(by):
        for j in range(by):
            total += whole[:, i::by, j::by]
    mean = (total + by * by // 2) // (by * by)
    return mean.astype(np.uint8).reshape(len(images), -1)


def _loaded(cls: type, about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Any:
    """Check every number against what the spec and the shape allow, before it is used."""
    if about["version"] != VERSION:
        raise ValueError(
            f"its feature map has version {about['version']!r}, this program's have {VERSION}; "
            "train again"
        )
    (spec,) = parse_specs(about["spec"])
    height, width, channels = (_whole(x, 1, 2**20) for x in about["shape"])
    shape = height, width, channels
    seed = _whole(about["seed"], -(2**63), 2**63 - 1)
    shrink = _whole(about["shrink"], 1, min(height, width))
    moments = bank = units = None
    found = cls(spec, shape, seed, shrink)
    small = found.small_shape
    if "moments" in about:
        y, x = (_whole(s, 1, 2**32) for s in about["moments"]["spreads"])
        moments = Moments(small, (y, x))
    if "patches" in about:
        bank = _loaded_bank(spec, small, about["patches"], tensors)
    found = replace(found, moments=moments, bank=bank)
    if "units" in about:
        subtracted = _tensor(tensors, "subtracted", (spec.units,), np.int32)
        inputs = found.first_outputs
        shift = _whole(about["units"]["shift"], 0, 31)
        units = random_units(seed, inputs, subtracted, shift)
    _require(bool(spec.filters) == bool(bank) and bool(spec.units) == bool(units), "parts differ")
    return replace(found, units=units)


def _loaded_bank(
    spec: FeatureSpec,
    shape: tuple[int, int, int],
    about: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
) -> FilterBank:
    geometry = spec.geometry(shape)
    rows, columns = (_whole(x, 1, 64) for x in about["grid"])
    stored = PatchGeometry(
        shape, _whole(about["window"], 1, 64), _whole(about["stride"], 1, 64), (rows, columns)
    )
    _require(stored == geometry, "its patches are not those of its spec")
    F = spec.filters
    filters = _tensor(tensors, "filters", (F, geometry.window, geometry.run), np.int8)
    _require(int(np.abs(filters.astype(np.int64)).max()) <= WEIGHT_LIMIT, "a filter is too large")
    _require(not filters.sum(axis=(1, 2), dtype=np.int64).any(), "a filter's sum is not 0")
    thresholds = _tensor(tensors, "thresholds", (F,), np.int32)
    _require(bool((thresholds >= 0).all()), "a threshold is below 0")
    scale = _tensor(tensors, "scale", (2, F), np.int64)
    _require(bool(((scale >= 0) & (scale < 2**32)).all()), "a scale is out of range")
    unit = _whole(about["unit"], 1, 2**15)
    return FilterBank(geometry, filters, thresholds, scale, unit, _whole(about["flat"], 1, 2**16))


def _tensor(
    tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...], dtype: type
) -> NDArray[Any]:
    tensor = tensors[f"features.{name}"]
    _require(tensor.shape == shape and tensor.dtype == dtype, f"its {name} have another shape")
    return np.ascontiguousarray(tensor)


def _whole(value: Any, low: int, high: int) -> int:
    _require(type(value) is int and low <= value <= high, f"{value!r} is out of range")
    return int(value)


def _require(fits: bool, problem: str) -> None:
    if not fits:
        raise ValueError(f"its feature map is damaged: {problem}")
