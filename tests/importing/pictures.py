"""Real image files for the tests, made by Pillow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ridge_spark.importing.image_files import AVIF

EXTENSIONS = {
    "PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif", "GIF": ".gif", "WEBP": ".webp",
    **dict.fromkeys(AVIF, ".avif"),
}  # fmt: skip


def noise(height: int, width: int, channels: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def corner(height: int = 8, width: int = 12) -> NDArray[np.uint8]:
    """Black with a white top left quarter, in big blocks: survives JPEG, and shows any turn."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[: height // 2, : width // 2] = 255
    return pixels


def encode(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write(path: Path, image: Image.Image | NDArray[Any] | bytes) -> Path:
    """An image file, or whatever bytes, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image if isinstance(image, bytes) else encode(image))
    return path


def write_classes(root: Path, counts: dict[str, int], height: int = 6, width: int = 5) -> Path:
    """A class folder for each name, with that many different PNG files."""
    seed = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            seed += 1
            write(root / name / f"{number:04d}.png", noise(height, width, seed=seed))
    return root


def read_all(uri: Path, split: str = "train") -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """All images and labels of a split of a data set."""
    from ridge_spark.data.dataset import open_split, read_blocks

    blocks = list(read_blocks(open_split(str(uri), split).blocks))
    return (
        np.concatenate([block.images for block in blocks]),
        np.concatenate([block.labels for block in blocks]),
    )
