"""Feature maps: an image of bytes in, a longer vector of bytes out, by integer arithmetic alone.

    specs = parse_specs("pixels,patches:units=2048")     what is wanted (spec.py)
    sample = Sample.of(blocks, rows, seed)               images chosen by hashes of their numbers
    maps = [find_map(spec, shape, sample, seed) for spec in specs]
    features = maps[1](images)                           (n, d_in) uint8 to (n, d_out) uint8

A map is found once and is the same bits on every machine; so are the features it makes.
"""

from __future__ import annotations

from ridge_spark.features.feature_map import FeatureMap
from ridge_spark.features.find import find_map
from ridge_spark.features.sample import Sample
from ridge_spark.features.spec import PIXELS, FeatureSpec, parse_specs

__all__ = ["PIXELS", "FeatureMap", "FeatureSpec", "Sample", "find_map", "parse_specs"]
