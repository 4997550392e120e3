"""JPEG files without their last bytes: taken where the picture is whole, and said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ridge_spark.importing.image_files import CUT, BadImageError, decode, quiet_pillow
from tests.importing.pictures import encode, noise, write
from tests.support import assert_refused

SMOOTH = Image.fromarray(noise(8, 8, 3)).resize((160, 120), Image.Resampling.BICUBIC)
KINDS = {
    "baseline": {}, "progressive": {"progressive": True}, "gray": {}, "restarts": {},
    "coarse": {"subsampling": 2, "quality": 30},
}  # fmt: skip


def jpeg(kind: str) -> bytes:
    options = {"restart_marker_rows": 1} if kind == "restarts" else KINDS[kind]
    return encode(SMOOTH.convert("L") if kind == "gray" else SMOOTH, "JPEG", **options)


def read(data: bytes) -> tuple[np.ndarray, list[str]]:
    with quiet_pillow():
        image, notes = decode(data, "white")
    return np.asarray(image).astype(int), notes


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_without_its_end_the_picture_is_whole(kind, missing):
    whole, notes = read(jpeg(kind))
    assert notes == []
    found, notes = read(jpeg(kind)[:-missing])
    assert notes == [CUT]
    assert (found == whole).all()


@pytest.mark.parametrize("kind", KINDS)
def test_however_much_is_missing_what_is_taken_is_the_picture(kind):
    data = jpeg(kind)
    whole, taken = read(data)[0], 0
    for missing in (*range(3, 40), *range(40, len(data), 97)):
        try:
            found, notes = read(data[:-missing])
        except BadImageError:
            continue
        taken += 1
        assert notes == [CUT]
        differs = (np.abs(found - whole) > 48).reshape(*whole.shape[:2], -1).any(axis=2)
        assert differs.mean() <= 1 / 40, missing
    assert taken > 0


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_picture_is_none(kind):
    data = jpeg(kind)
    if kind == "progressive":  # of which the first half is all of it, less sharp
        data = data[: len(data) // 2]
    for length in (len(data) // 2, 200, 20, 2):
        with pytest.raises(BadImageError):
            read(data[:length])


def test_what_is_whole_or_no_jpeg_is_left_alone():
    assert read(jpeg("baseline") + bytes(100))[1] == []
    with pytest.raises(BadImageError):
        read(encode(SMOOTH, "PNG")[:-200])


def test_the_summary_says_so(ridge_spark, tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            data = encode(Image.fromarray(noise(16, 16, 3, seed=number)), "JPEG")
            write(tmp_path / "set" / name / f"{number}.jpg", data[:-2])
    done = ridge_spark("import", "folder", "set", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "6 images without their last bytes" in done.stdout
    write(tmp_path / "set" / "a" / "half.jpg", data[: len(data) // 2])
    assert_refused(ridge_spark("import", "folder", "set", "--out", "p"), "half.jpg", "damaged")
