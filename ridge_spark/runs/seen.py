"""What a run sees of the images: its feature maps, found once, and the views they make."""

from __future__ import annotations

import hashlib
from functools import partial

from ridge_spark.data.dataset import Split, count_labels, read_block
from ridge_spark.engines.engine import Engine
from ridge_spark.engines.view import View
from ridge_spark.features import PIXELS, FeatureMap, Sample, find_map
from ridge_spark.features.blocks import map_blocks
from ridge_spark.features.sample import SampleRows
from ridge_spark.runs.class_weights import Weighted, resolve
from ridge_spark.runs.options import TrainOptions


def find_maps(engine: Engine, options: TrainOptions) -> list[FeatureMap]:
    """The feature maps to search; found once, where the run is led from."""
    specs = options.features or (PIXELS,)
    split, seed = engine.train, options.folds.seed
    shape = split.description.shape
    if all(spec.is_pixels for spec in specs):
        return [FeatureMap(spec, shape) for spec in specs]

    def find() -> list[FeatureMap]:
        sample = _sample(split, seed)
        return [
            find_map(spec, shape, sample, seed, threads=engine.threads)
            if not spec.is_pixels
            else FeatureMap(spec, shape)
            for spec in specs
        ]

    with engine.progress.stage("features"):
        return engine.once(find)


def _sample(split: Split, seed: int) -> Sample:
    rows = SampleRows(split.rows, split.description.d, seed)
    needed = [block for block in split.blocks if rows.wanted(block.first_row, block.rows)]
    return Sample.of(map(read_block, needed), rows)


def view_of(feature_map: FeatureMap, split: Split, weights: tuple[int, ...] | None = None) -> View:
    """What the mathematics sees of the images of a split: through a feature map, and how often."""
    classes = len(split.description.class_names)
    mapping = None if feature_map.spec.is_pixels else partial(map_blocks, feature_map)
    return View(feature_map.d_out, classes, Weighted(weights, mapping) if weights else mapping)


def see(engine: Engine, feature_map: FeatureMap, weights: tuple[int, ...] | None = None) -> None:
    """Let the engine's tasks see images through a feature map, as often as their classes weigh."""
    key = "" if feature_map.spec.is_pixels else feature_map.sha256
    if weights:
        key = hashlib.sha256(f"{key} {weights}".encode()).hexdigest()
    engine.see(view_of(feature_map, engine.train, weights), key)


def find_weights(engine: Engine, options: TrainOptions) -> tuple[int, ...] | None:
    """The weight of each class; None where all are 1."""
    asked, split = options.class_weight, engine.train
    if asked is None:
        return None
    names = split.description.class_names
    weights = engine.once(lambda: resolve(asked, names, lambda: count_labels(split)))
    return weights if any(weight != 1 for weight in weights) else None
