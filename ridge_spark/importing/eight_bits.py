"""Pixels as files store them to 8 bits a channel, gray or RGB, with nothing transparent.

Pillow hands some of them over as they lie in the file, which is not always what they mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TRANSPARENT = "with transparent pixels, laid over the background"
ALL_TRANSPARENT = "transparent all over, so that only the background is left"
DEEP = "with more than 8 bits a channel, brought to 8"
DARK = (
    "with 16 bits a channel, of which the upper 4 are 0: if theirs are 12 bits, they are too dark"
)
DARK_BELOW = 16

AS_8_OR_16 = "save it as gray or RGB with 8 or 16 bits a channel"
COLOUR_MAP, EXTRA_SAMPLES = 320, 338
WHITE_IS_ZERO = 0


class UnusablePixelsError(Exception):
    """The pixels don't say what they mean, or can't be brought to 8 bits; the message says why."""


def bits_of(image: Image.Image, data: bytes) -> int:
    """Bits of a sample in the file `data`; asked before the pixels of `image` are loaded."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        return max(_numbers(image, 258, 1))
    return 8


def require_known_pixels(image: Image.Image) -> None:
    """`UnusablePixelsError` where Pillow would decode, but not to what the pixels are."""
    if image.mode == "F":
        raise UnusablePixelsError(f"pixels are floating-point numbers; {AS_8_OR_16}")
    if image.mode == "LAB":
        raise UnusablePixelsError(f"colours are CIELab; {AS_8_OR_16}")
    if image.format != "TIFF":
        return
    bits = max(_numbers(image, 258, 1))
    photometric = _numbers(image, 262, -1)[0]
    if bits > 16:
        raise UnusablePixelsError(
            f"pixels are integers of {bits} bits, and of what range isn't said; {AS_8_OR_16}"
        )
    if set(_numbers(image, 339, 1)) == {2}:
        raise UnusablePixelsError(
            f"pixels are signed integers, and what is black isn't said; {AS_8_OR_16}"
        )
    fax = _numbers(image, 259, 1)[0] in (2, 3, 4)
    if photometric == -1 and not fax:
        raise UnusablePixelsError(f"isn't said whether 0 is black or white; {AS_8_OR_16}")
    if photometric == 5 and _numbers(image, 332, 1)[0] != 1:
        raise UnusablePixelsError(f"colours are of inks other than CMYK; {AS_8_OR_16}")
    raw = _numbers(image, 259, 1)[0] == 1
    if photometric == 6 and raw and image.mode != "L" and _numbers(image, 530, 2) != (1, 1):
        raise UnusablePixelsError(f"colours are YCbCr with fewer Cb and Cr than Y; {AS_8_OR_16}")
    in_planes = _numbers(image, 284, 1)[0] == 2 and len(image.getbands()) > 1
    if in_planes and (bits > 8 or 1 in _numbers(image, EXTRA_SAMPLES, 0)):
        raise UnusablePixelsError(
            f"colours are in planes of their own, of 16 bits or multiplied by alpha; {AS_8_OR_16}"
        )


def to_eight_bits(image: Image.Image, bits: int, background: str, notes: list[str]) -> Image.Image:
    """The loaded image in mode L or RGB; adds to `notes` what was done to it.

    Gray of more than 8 bits is scaled and rounded; of colours of 16 bits, Pillow has kept the
    upper 8.
    """
    if bits > 8:
        notes.append(DEEP)
    if image.mode.startswith("I"):
        image = _gray(image, bits, notes)
    elif bits == 16:
        _require_upper_bits(_brightest(image), notes)
    if image.format == "PNG" and "transparency" in image.info:
        _scale_key_colour(image, bits)
    if image.mode == "P" and image.format == "TIFF":
        _mend_colour_map(image)
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.has_transparency_data:
        return _opaque(image, background, notes)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _opaque(image: Image.Image, background: str, notes: list[str]) -> Image.Image:
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    picture = image.convert("RGBA")
    least, most = picture.getchannel("A").getextrema()
    if least == 255 or (most == 0 and _may_lack_alpha(image)):
        return picture.convert(mode)
    notes.append(ALL_TRANSPARENT if most == 0 else TRANSPARENT)
    below = Image.new("RGBA", image.size, background)
    below.alpha_composite(picture)
    return below.convert(mode)


def _may_lack_alpha(image: Image.Image) -> bool:
    """True for files whose fourth channel is no alpha as often as not: then it is 0 all over."""
    if image.format == "TIFF":
        return not _numbers(image, EXTRA_SAMPLES, 0)[0]
    return image.format == "BMP"


def _gray(image: Image.Image, bits: int, notes: list[str]) -> Image.Image:
    """A gray image of up to 16 bits as one of 8, with alpha where the file has a key colour."""
    values = np.asarray(image).astype(np.int64)
    largest = 2 ** min(bits, 16) - 1
    if values.min() < 0 or values.max() > largest:
        raise UnusablePixelsError(f"pixels have more than {bits} bits; {AS_8_OR_16}")
    if bits == 16 and values.any():
        _require_upper_bits(int(values.max()) >> 8, notes)
    gray = _scaled(values, largest)
    if image.format == "TIFF" and _numbers(image, 262, 1)[0] == WHITE_IS_ZERO:
        gray = 255 - gray
    key = image.info.get("transparency")
    if key is None:
        return Image.fromarray(gray)
    alpha = np.where(values == key, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(gray), Image.fromarray(alpha)))


def _require_upper_bits(largest: int, notes: list[str]) -> None:
    """That there is anything in the upper 8 of 16 bits, of which `largest` is the largest."""
    if largest == 0:
        raise UnusablePixelsError(
            "pixels have 16 bits, and the upper 8 are 0 all over: if they are of 8 bits, save it "
            "with 8"
        )
    if largest < DARK_BELOW:
        notes.append(DARK)


def _brightest(image: Image.Image) -> int:
    """The largest value of a colour."""
    ranges: Any = image.getextrema()
    return max(most for _, most in (ranges[:-1] if "A" in image.mode else ranges))


def _scaled(values: NDArray[np.int64], largest: int) -> NDArray[np.uint8]:
    return ((values * 255 + largest // 2) // largest).astype(np.uint8)


def _scale_key_colour(image: Image.Image, bits: int) -> None:
    """PNG's transparent colour in the 8 bits of the pixels; the file has it in its own bits."""
    key = image.info["transparency"]
    if image.mode == "L" and bits < 8:
        image.info["transparency"] = key * 255 // (2**bits - 1)
    elif image.mode == "RGB" and bits == 16:
        raise UnusablePixelsError(
            "one of its colours of 16 bits is transparent; save it with an alpha channel"
        )


def _mend_colour_map(image: Image.Image) -> None:
    """Colours of 8 bits in a map that should have 16: all black otherwise."""
    colours = _numbers(image, COLOUR_MAP, 0)
    if 0 < max(colours) < 256:
        image.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())


def _numbers(image: Image.Image, tag: int, default: int) -> tuple[int, ...]:
    """The values of a tag of a TIFF file."""
    found = image.tag_v2.get(tag, default)  # type: ignore[attr-defined]
    values = found if isinstance(found, tuple) else (found,)
    return tuple(value for value in values if isinstance(value, int)) or (default,)
