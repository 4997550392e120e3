"""The trained classifier: weights, class names and image shape; predicts, saves and loads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ridge_spark.errors import MALFORMED, InputError, require_text
from ridge_spark.features import PIXELS, FeatureMap
from ridge_spark.features.blocks import map_blocks
from ridge_spark.ridge.blocks import Block
from ridge_spark.ridge.calibration import probabilities
from ridge_spark.ridge.centring import Float
from ridge_spark.ridge.scoring import scores

FORMAT = "ridge-spark model 2"  # coef (k, d)
EARLIER = ("ridge-spark model 1",)  # coef (d, k)
MAPPED_ROWS = 1024  # images whose features are in memory at a time


@dataclass(frozen=True, eq=False)
class Model:
    """One linear score per class; the class with the largest score wins, the first if two tie.

    coef         (k, d) float64, per unit of pixel value (0 to 255), or of features
    intercept    (k,) float64
    class_names  k names
    shape        (height, width, channels) of the images
    lam          the λ it was fitted with
    preparation  how files were turned into pixels when the data set was imported
    features     the map from pixels to what the scores are of; None: they are of the pixels
    temperature  T of the probabilities, softmax(scores / T); None where it is not known
    mean         (d,) float64 of the training images, as the model sees them; None where not known
    spread       the mean of their squared distance from it
    """

    coef: Float
    intercept: Float
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    lam: float
    preparation: dict[str, Any] = field(default_factory=dict)
    features: FeatureMap | None = None
    temperature: float | None = None
    mean: Float | None = None
    spread: float | None = None

    @property
    def pixels(self) -> int:
        """Bytes of an image."""
        return math.prod(self.shape)

    @property
    def spec(self) -> str:
        """What the scores are of, as `--features` takes it."""
        return self.features.spec.text if self.features else "pixels"

    @property
    def features_sha256(self) -> str:
        """The hash of the feature map, also of the one that leaves pixels as they are."""
        return (self.features or FeatureMap(PIXELS, self.shape)).sha256

    def seen(self, blocks: Iterable[Block], *, threads: int) -> Iterable[Block]:
        """The blocks with what the scores are of in the place of pixels."""
        return map_blocks(self.features, blocks, threads=threads) if self.features else blocks

    def decision_function(self, images: NDArray[np.uint8], *, threads: int = 1) -> Float:
        """Scores of `images`, (n, height · width · channels) uint8; shape (n, k).

        Features are made on `threads` threads.
        """
        found = np.empty((len(images), len(self.intercept)))
        for rows, seen in self.parts(images, threads=threads):
            found[rows] = scores(seen, self.coef, self.intercept)
        return found

    def parts(
        self, images: NDArray[np.uint8], *, threads: int = 1
    ) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
        """The images by some rows at a time, with what the scores are of in the place of pixels.

        `InputError` where they do not fit the model.
        """
        if images.ndim != 2 or images.shape[1] != self.pixels:
            raise InputError(
                f"images of shape {images.shape[1:]} do not fit this model, which takes "
                f"{self.pixels} pixels in a row: height x width x channels = "
                f"{'x'.join(map(str, self.shape))}"
            )
        if self.features is None:
            yield slice(0, len(images)), images
            return
        for start in range(0, len(images), MAPPED_ROWS):
            rows = slice(start, start + MAPPED_ROWS)
            yield rows, self.features(images[rows], threads=threads)

    def predict(self, images: NDArray[np.uint8], *, threads: int = 1) -> NDArray[np.intp]:
        """Class numbers of `images`, (n, height · width · channels) uint8; shape (n,)."""
        return self.decision_function(images, threads=threads).argmax(axis=1)

    def predict_proba(self, images: NDArray[np.uint8], *, threads: int = 1) -> Float:
        """Probabilities of the classes, softmax(scores / temperature); shape (n, k)."""
        return self.probabilities(self.decision_function(images, threads=threads))

    def probabilities(self, scores: Float) -> Float:
        """softmax(scores / temperature) of `scores` (n, k); `InputError` without a temperature."""
        if self.temperature is None:
            raise InputError(
                "this model has no temperature, which turns scores into probabilities: it was "
                "trained before there were any, or by an update of such a run; train again"
            )
        return probabilities(scores, self.temperature)

    def sha256(self) -> str:
        """SHA-256 over W and intercept as little-endian float64 in C order, and of features' hash.

        W is `coef` the other way round, (d, k), as it stands in X W: the hash of a model is the
        same as ever, whichever way its file keeps the weights. Temperature, mean and spread are
        not in it: they change no class and no score.
        """
        digest = hashlib.sha256(np.ascontiguousarray(self.coef.T, "<f8").data)
        digest.update(np.ascontiguousarray(self.intercept, "<f8").data)
        if self.features:
            digest.update(self.features.sha256.encode())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write a safetensors file, the names and shape in its metadata."""
        from safetensors.numpy import save_file

        about: dict[str, Any] = {
            "class_names": self.class_names,
            "shape": self.shape,
            "lambda": self.lam,
            "preparation": self.preparation,
        }
        if self.temperature is not None:
            about["temperature"] = self.temperature
        tensors = {"coef": self.coef, "intercept": self.intercept}
        if self.mean is not None:
            about["spread"], tensors["mean"] = self.spread, self.mean
        if self.features:
            about["features"] = self.features.about()
            tensors |= self.features.tensors()
        # It writes memory as it lies there, whatever the order of the axes.
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        about["sha256"] = _sha256(about, tensors)
        save_file(
            tensors,
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
                require_text(about)
                # As it was read, not as it is understood: whatever is in the file counts.
                said = about.pop("sha256", None)  # the first files of this format have none
                names = sorted(file.keys())
                if said not in (None, _sha256(about, {n: file.get_tensor(n) for n in names})):
                    raise InputError(
                        f"{path}: is damaged, its hash is not that of what it holds; put back what "
                        "was there, or train again"
                    )
                height, width, channels = about["shape"]
                model = cls(
                    coef=file.get_tensor("coef"),
                    intercept=file.get_tensor("intercept"),
                    class_names=tuple(about["class_names"]),
                    shape=(height, width, channels),
                    lam=float(about["lambda"]),
                    preparation=dict(about["preparation"]),
                    features=_features(about, file),
                    temperature=_temperature(about),
                    mean=file.get_tensor("mean") if "spread" in about else None,
                    spread=float(about["spread"]) if "spread" in about else None,
                )
        except InputError:
            raise
        except (SafetensorError, OSError, *MALFORMED) as error:
            raise InputError(f"{path}: can't be read as a model ({error})") from error
        if not model._fits_together():
            raise InputError(f"{path}: the weights in it do not fit its image shape and classes")
        return model

    def _fits_together(self) -> bool:
        if not all(isinstance(size, int) and size > 0 for size in self.shape):
            return False
        d, k = self.pixels, len(self.class_names)
        if self.features:
            if self.features.shape != self.shape:
                return False
            d = self.features.d_out
        return all(isinstance(name, str) for name in self.class_names) and all(
            array.shape == shape and array.dtype == np.float64 and np.isfinite(array).all()
            for array, shape in (
                (self.coef, (k, d)),
                (self.intercept, (k,)),
                *([] if self.mean is None else [(self.mean, (d,))]),
            )
        )


def _sha256(about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of all that a model file says: its metadata, and every tensor with type and shape."""
    shapes = [(name, str(tensors[name].dtype), tensors[name].shape) for name in sorted(tensors)]
    digest = hashlib.sha256(json.dumps([about, shapes]).encode())
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()


def _temperature(about: dict[str, Any]) -> float | None:
    """The temperature in a model file, if there is one; `ValueError` if it can't be one."""
    if "temperature" not in about:
        return None
    temperature = float(about["temperature"])
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature of {temperature}")
    return temperature


def _features(about: dict[str, Any], file: Any) -> FeatureMap | None:
    """The feature map in a model file, if there is one; `ValueError` if it is damaged."""
    if "features" not in about:
        return None
    names = [name for name in file.keys() if name.startswith("features.")]  # noqa: SIM118
    return FeatureMap.load(about["features"], {name: file.get_tensor(name) for name in names})
