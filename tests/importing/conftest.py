"""IDX files to read: small ones, and MNIST's own, made again from the data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ridge_spark.data.dataset import open_split, read_blocks
from tests.support import idx


@pytest.fixture(scope="session")
def mnist_files(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of MNIST's four IDX files; read only."""
    folder = tmp_path_factory.mktemp("idx")
    for split, prefix in (("train", "train"), ("test", "t10k")):
        blocks = list(read_blocks(open_split(str(mnist), split).blocks))
        images = np.vstack([block.images for block in blocks]).reshape(-1, 28, 28)
        labels = np.concatenate([block.labels for block in blocks]).astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder
