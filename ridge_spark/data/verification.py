"""Whether a data set is, byte for byte, what its manifest says; and a manifest for one without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyarrow import fs

from ridge_spark.data import manifest as manifests
from ridge_spark.data.dataset import (
    BlockDescriptor,
    Split,
    find_split,
    footer_of,
    read_block,
    rows_of_groups,
)
from ridge_spark.data.description import SPLITS
from ridge_spark.data.manifest import Manifest, Shard
from ridge_spark.data.shards import sha256_of
from ridge_spark.data.storage import is_local, locate, write_beside, write_new
from ridge_spark.errors import InputError


def verify(uri: str) -> int:
    """Read every shard and compare it with the manifest; returns how many files there are.

    `InputError` names the first that is not as it was written.
    """
    filesystem, root = locate(uri)
    manifest = manifests.read(filesystem, root)
    if manifest is None:
        raise InputError(
            f"{uri}: has no {manifests.NAME} to compare it with; where its images are known to be "
            f"right, write one with: ridge-spark verify --write {uri}"
        )
    for split, shards in manifest.splits.items():
        find_split(uri, split)  # names and sizes
        for shard in shards:
            path = f"{root}/{split}/{shard.name}"
            if sha256_of(filesystem, path) != shard.sha256:
                raise InputError(
                    f"{path}: is damaged or of other images, its SHA-256 is not that in "
                    f"{manifests.NAME}; put back what was there, or import the images again"
                )
    return 1 + sum(len(shards) for shards in manifest.splits.values())


def write_manifest(uri: str) -> int:
    """Write the manifest of a data set that has none, as it is; returns how many files it lists.

    Every image is read once: what can't be read gets no manifest.
    """
    filesystem, root = locate(uri)
    if manifests.read(filesystem, root):
        raise InputError(f"{uri}: has a {manifests.NAME} already; check it without --write")
    splits = {name: split for name in SPLITS if (split := find_split(uri, name))}
    if not splits:
        raise InputError(f"{uri}: not a data set; make one with: ridge-spark import")
    shards = {name: _shards_of(filesystem, split) for name, split in splits.items()}
    about = next(iter(splits.values())).description
    text = Manifest(about, shards, writing="").to_json()
    if is_local(uri):
        write_beside(root, manifests.NAME, text)
    else:
        write_new(f"{uri.rstrip('/')}/{manifests.NAME}", text)
    return sum(map(len, shards.values()))


def _shards_of(filesystem: fs.FileSystem, split: Split) -> tuple[Shard, ...]:
    by_path: dict[str, list[BlockDescriptor]] = {}
    for block in split.blocks:
        by_path.setdefault(block.path, []).append(block)
    return tuple(_shard(filesystem, path, blocks) for path, blocks in by_path.items())


def _shard(filesystem: fs.FileSystem, path: str, blocks: Sequence[BlockDescriptor]) -> Shard:
    counts = np.zeros(blocks[0].classes, np.int64)
    for block in blocks:
        counts += np.bincount(read_block(block).labels, minlength=len(counts))
    return Shard(
        path.rpartition("/")[2],
        filesystem.get_file_info(path).size,
        sha256_of(filesystem, path),
        tuple(rows_of_groups(footer_of(filesystem, path))),
        tuple(counts.tolist()),
    )
