"""Arrays as PNG pictures inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHEET_ACROSS = 32  # filters in a row of their sheet
MOST_SIDE = 128  # pixels of a picture; larger ones are scaled down
BLUE, ORANGE = (0, 114, 178), (230, 120, 0)  # told apart by colour-blind people
STRONGEST = 99.5  # percentile of |weight| that gets the full colour

Shape = tuple[int, int, int]


def picture(pixels: NDArray[np.uint8], shape: Shape) -> str:
    """An image of the data set, (d,) uint8, as the address of a PNG."""
    height, width, channels = shape
    return _address(_image(pixels.reshape(height, width, channels)))


def weight_pictures(coef: NDArray[np.float64], shape: Shape) -> list[str]:
    """Weights (k, d), one picture for each class: blue adds to its score, orange takes from it.

    The stronger the colour the larger the weight, on one scale for all classes; no weight is
    transparent. The channels of a colour image are added up.
    """
    weights = coef.reshape(-1, *shape).sum(axis=3)
    scale = np.percentile(np.abs(weights[weights != 0]), STRONGEST) if weights.any() else 1.0
    alpha = np.rint(255 * np.clip(np.abs(weights) / scale, 0, 1)).astype(np.uint8)
    colour = np.where(weights[..., None] > 0, BLUE, ORANGE).astype(np.uint8)
    pictures = np.concatenate([colour, alpha[..., None]], axis=-1)
    return [_address(Image.fromarray(each)) for each in pictures]


def opinion_picture(image: NDArray[np.uint8], spoke: NDArray[np.float64], shape: Shape) -> str:
    """An image (d,) in gray beneath what its regions spoke for, (height, width).

    Orange where that is above 0, blue below; the strongest region has the full colour.
    """
    gray = 0.6 * image.reshape(shape).mean(axis=2)[..., None]
    strength = (np.abs(spoke) / max(float(np.abs(spoke).max()), 1e-300))[..., None]
    colour = np.where(spoke[..., None] > 0, ORANGE, BLUE)
    alpha = 0.75 * strength
    return _address(Image.fromarray((gray * (1 - alpha) + colour * alpha).astype(np.uint8)))


def filter_sheet(filters: NDArray[np.int8]) -> str:
    """Filters (F, w, w, channels) side by side: gray is 0, light is above it, dark below."""
    F, window, _, channels = filters.shape
    across = min(F, SHEET_ACROSS)
    down = -(-F // across)
    strongest = np.abs(filters.astype(np.int64)).max(axis=(1, 2, 3), keepdims=True)
    shown = (128 + 127 * filters.astype(np.int64) // np.maximum(strongest, 1)).astype(np.uint8)
    cell = window + 1
    sheet = np.full((down * cell + 1, across * cell + 1, channels), 255, np.uint8)
    for f in range(F):
        y, x = f // across * cell + 1, f % across * cell + 1
        sheet[y : y + window, x : x + window] = shown[f]
    image = _image(sheet)
    times = max(1, 640 // image.width)
    size = (image.width * times, image.height * times)
    return _address(image.resize(size, Image.Resampling.NEAREST), 1024)


def confusion_picture(confusion: NDArray[np.int64]) -> str:
    """A confusion matrix too large for a table: blue on the diagonal, orange off it."""
    fraction = np.sqrt(confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True)))
    colour = np.where(np.eye(len(confusion), dtype=bool)[..., None], BLUE, ORANGE)
    pixels = np.concatenate([colour, np.rint(255 * fraction)[..., None]], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    times = max(1, 512 // len(confusion))
    return _address(image.resize((len(confusion) * times,) * 2, Image.Resampling.NEAREST), 1024)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    """Of (height, width, channels); of neither one channel nor three, their mean."""
    if pixels.shape[2] == 3:
        return Image.fromarray(pixels)
    return Image.fromarray(pixels.mean(axis=2).astype(np.uint8))


def _address(image: Image.Image, most_side: int = MOST_SIDE) -> str:
    image.thumbnail((most_side, most_side))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
