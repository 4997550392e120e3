"""The trained classifier: weights, class names and image shape; predicts, saves and loads."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import InputError
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.scoring import scores

FORMAT = "ridge-spark model 2"  # coef (k, d)
EARLIER = ("ridge-spark model 1",)  # coef (d, k)


@dataclass(frozen=True, eq=False)
class Model:
    """One linear score per class; the class with the largest score wins, the first if two tie.

    coef         (k, d) float64, per unit of pixel value (0 to 255)
    intercept    (k,) float64
    class_names  k names
    shape        (height, width, channels) of the images, d = height · width · channels
    lam          the λ it was fitted with
    preparation  how files were turned into pixels when the data set was imported
    """

    coef: Float
    intercept: Float
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    lam: float
    preparation: dict[str, Any] = field(default_factory=dict)

    def decision_function(self, images: NDArray[np.uint8]) -> Float:
        """Scores of `images`, (n, d) uint8; shape (n, k)."""
        if images.ndim != 2 or images.shape[1] != self.coef.shape[1]:
            raise InputError(
                f"images of shape {images.shape[1:]} do not fit this model, which takes "
                f"{self.coef.shape[1]} pixels in a row: height x width x channels = "
                f"{'x'.join(map(str, self.shape))}"
            )
        return scores(images, self.coef, self.intercept)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Class numbers of `images`, (n, d) uint8; shape (n,)."""
        return self.decision_function(images).argmax(axis=1)

    def sha256(self) -> str:
        """SHA-256 over W and intercept as little-endian float64 in C order.

        W is `coef` the other way round, (d, k), as it stands in X W: the hash of a model is the
        same as ever, whichever way its file keeps the weights.
        """
        digest = hashlib.sha256(np.ascontiguousarray(self.coef.T, "<f8").data)
        digest.update(np.ascontiguousarray(self.intercept, "<f8").data)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write a safetensors file, the names and shape in its metadata."""
        from safetensors.numpy import save_file

        about = {
            "class_names": self.class_names,
            "shape": self.shape,
            "lambda": self.lam,
            "preparation": self.preparation,
        }
        save_file(
            # It writes memory as it lies there, whatever the order of the axes.
            {"coef": np.ascontiguousarray(self.coef), "intercept": self.intercept},
            path,
            metadata={FORMAT: json.dumps(about)},  # one entry: their order is left to chance
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `InputError` if the file is not that."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                if any(earlier in metadata for earlier in EARLIER):
                    raise InputError(
                        f"{path}: a model file of an earlier version of this program; train again"
                    )
                if FORMAT not in metadata:
                    raise InputError(f"{path}: not a model of this program (no '{FORMAT}' in it)")
                about = json.loads(metadata[FORMAT])
                height, width, channels = about["shape"]
                model = cls(
                    coef=file.get_tensor("coef"),
                    intercept=file.get_tensor("intercept"),
                    class_names=tuple(about["class_names"]),
                    shape=(height, width, channels),
                    lam=float(about["lambda"]),
                    preparation=dict(about["preparation"]),
                )
        except InputError:
            raise
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path}: can't be read as a model ({error})") from error
        if not model._fits_together():
            raise InputError(f"{path}: the weights in it do not fit its image shape and classes")
        return model

    def _fits_together(self) -> bool:
        if not all(isinstance(size, int) and size > 0 for size in self.shape):
            return False
        d, k = math.prod(self.shape), len(self.class_names)
        return all(isinstance(name, str) for name in self.class_names) and all(
            array.shape == shape and array.dtype == np.float64 and np.isfinite(array).all()
            for array, shape in ((self.coef, (k, d)), (self.intercept, (k,)))
        )
