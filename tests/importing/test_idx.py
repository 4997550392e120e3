"""IDX files are read as they are, gzipped or not, and every damage to them is named."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridge_spark.errors import InputError
from ridge_spark.importing.idx import find_pairs, read_pair
from tests.support import idx

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 4, 3), dtype=np.uint8)
LABELS = (np.arange(50) % 5).astype(np.uint8)


def pair(folder, images=None, labels=None, pack=bytes):
    """An image file and a label file of these bytes."""
    paths = folder / "train-images", folder / "train-labels"
    contents = (images, idx(IMAGES)), (labels, idx(LABELS))
    for path, (content, sound) in zip(paths, contents, strict=True):
        path.write_bytes(pack(sound if content is None else content))
    return paths


def read_all(paths):
    found = read_pair(*paths)
    return np.vstack(list(found.read())), found


def packed(content):
    """Gzipped, without the time: names of tests are made of it, the same on every worker."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzipped"])
def test_images_and_labels_are_as_they_were(tmp_path, pack):
    images, found = read_all(pair(tmp_path, pack=pack))
    assert (images == IMAGES.reshape(50, 12)).all()
    assert found.labels.tolist() == LABELS.tolist()
    assert found.shape == (4, 3, 1)


def test_colours_are_a_fourth_dimension(tmp_path):
    colours = IMAGES.reshape(50, 2, 2, 3)
    images, found = read_all(pair(tmp_path, idx(colours)))
    assert found.shape == (2, 2, 3)
    assert (images == IMAGES.reshape(50, 12)).all()


def changed(content, position, byte):
    return content[:position] + bytes([byte]) + content[position + 1 :]


SOUND = idx(IMAGES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (b"", "wrong magic number"),
        (b"\0\0", "wrong magic number"),
        (b"\x89PNG" + SOUND, "wrong magic number 0x89504e47"),
        (changed(SOUND, 0, 1), "wrong magic number"),
        (changed(SOUND, 2, 0x0D), "wrong magic number 0x00000d03"),
        (changed(SOUND, 3, 1), "shape"),
        (changed(SOUND, 3, 200), "ends too early"),
        (SOUND[:10], "ends too early"),
        (SOUND[:-1], "ends too early"),
        (SOUND + b"\0", "longer than its header says"),
        (idx(IMAGES[:0]), "at least one"),
        (idx(IMAGES.reshape(50, 12)), "height, width"),
        (SOUND[:8] + b"\xff" * 8, "too large"),
        (packed(SOUND)[:-9], "can't be read"),
        (changed(packed(SOUND), -6, 0x55), "can't be read"),
        (packed(SOUND)[:40] + b"\xff" * 40, "can't be read"),
        (packed(SOUND)[:10] + b"\xff" * 100, "can't be read"),
    ],
)
def test_a_damaged_image_file_is_refused(tmp_path, images, message):
    paths = pair(tmp_path, images)
    with pytest.raises(InputError, match=message) as refused:
        read_all(paths)
    assert str(refused.value).startswith(f"{paths[0]}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (idx(LABELS[:-1]), "49 labels for the 50 images"),
        (idx(LABELS)[:-1], "ends too early"),
        (idx(LABELS) + b"\0", "longer than its header says"),
        (SOUND, "not a list of labels"),
        (idx(LABELS[:0]), "not a list of labels"),
        (changed(idx(LABELS), 2, 9), "wrong magic number"),
        (idx(LABELS)[:4] + b"\xff\xff\xff\xff", "not a list of labels"),
        (packed(idx(LABELS))[:-9], "can't be read"),
    ],
)
def test_a_damaged_label_file_is_refused(tmp_path, labels, message):
    paths = pair(tmp_path, labels=labels)
    with pytest.raises(InputError, match=message) as refused:
        read_all(paths)
    assert str(refused.value).startswith(f"{paths[1]}: ")


@settings(max_examples=200)
@given(st.data())
def test_any_damage_to_a_gzipped_file_is_refused_or_does_no_harm(tmp_path_factory, data):
    content = bytearray(packed(SOUND))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    paths = pair(tmp_path_factory.mktemp("damaged"), bytes(content))
    try:
        images, _ = read_all(paths)
    except InputError:
        return
    assert (images == IMAGES.reshape(50, 12)).all()


def test_missing_files_are_named(tmp_path):
    images, labels = pair(tmp_path)
    for missing in (labels, images):
        missing.unlink()
        with pytest.raises(InputError, match=f"{missing}: no such file"):
            read_pair(images, labels)


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    _, labels = pair(tmp_path)
    with pytest.raises(InputError, match="can't be read"):
        read_pair(tmp_path, labels)


class TestPairsInAFolder:
    @pytest.mark.parametrize("ending", ["-idx3-ubyte", ".idx", "-idx3-ubyte.gz"])
    def test_are_found_by_their_names(self, tmp_path, ending):
        for name in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
            (tmp_path / f"{name}{ending}").touch()
        assert find_pairs(tmp_path) == {
            "train": (tmp_path / f"train-images{ending}", tmp_path / f"train-labels{ending}"),
            "test": (tmp_path / f"t10k-images{ending}", tmp_path / f"t10k-labels{ending}"),
        }

    def test_need_a_training_pair(self, tmp_path):
        (tmp_path / "train-images").touch()
        with pytest.raises(InputError, match="no IDX training pair"):
            find_pairs(tmp_path)
