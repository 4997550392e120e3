"""Arrays of an .npz file are streamed as they are; pickles and other arrays are refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ridge_spark.errors import InputError
from ridge_spark.importing.npz import read_npz

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 4, 3), dtype=np.uint8)
LABELS = np.arange(50) % 5


def read_all(path, split="train"):
    found = read_npz(path)[split]
    return np.vstack(list(found.read())), found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("images", "labels"), [("x_train", "y_train"), ("images", "labels"), ("X", "y")]
)
def test_images_and_labels_are_as_they_were(path, save, images, labels):
    save(path, **{images: IMAGES, labels: LABELS.astype(np.uint8)[:, None]})
    pixels, found = read_all(path)
    assert (pixels == IMAGES.reshape(50, 12)).all()
    assert found.labels.tolist() == LABELS.tolist()
    assert found.shape == (4, 3, 1)


def test_test_images_come_along(path):
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:7], y_test=LABELS[:7])
    assert set(read_npz(path)) == {"train", "test"}
    assert (read_all(path, "test")[0] == IMAGES[:7].reshape(7, 12)).all()


def test_many_images_come_in_chunks(path):
    many = np.zeros((100_000, 10, 10), np.uint8)
    np.savez_compressed(path, images=many, labels=np.arange(100_000) % 2)
    sizes = [len(chunk) for chunk in read_npz(path)["train"].read()]
    assert len(sizes) > 1
    assert sum(sizes) == 100_000


class Trap:
    """Unpickling it would write a file."""

    def __reduce__(self):
        return open, ("trapped", "w")


@pytest.mark.parametrize("trapped", ["images", "labels"])
def test_pickles_are_refused_and_never_opened(path, trapped, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    arrays = {"images": IMAGES, "labels": LABELS}
    np.savez(path, **{**arrays, trapped: np.array([Trap()] * 50, object)})
    with pytest.raises(InputError, match=r"images\.npz .*never loaded"):
        read_all(path)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES.astype(float), "labels": LABELS}, r"images\]: is of type float64"),
        ({"images": IMAGES.astype(bool), "labels": LABELS}, "is of type bool"),
        ({"images": IMAGES[:, 0], "labels": LABELS}, r"\(50, 3\)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "at least one"),
        ({"images": np.asfortranarray(IMAGES), "labels": LABELS}, "Fortran"),
        ({"images": IMAGES, "labels": LABELS[:49]}, r"labels\]: int64 of shape \(49,\)"),
        ({"images": IMAGES, "labels": LABELS.astype(float)}, r"labels\]: float64"),
        ({"images": IMAGES, "labels": LABELS.astype(str)}, "one integer"),
        ({"images": IMAGES}, "it needs images and labels"),
        ({"pictures": IMAGES, "labels": LABELS}, "labels, pictures"),
    ],
)
def test_arrays_that_are_no_labelled_images_are_refused(path, arrays, message):
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=message) as refused:
        read_all(path)
    assert "images.npz" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_beyond_all_bounds_are_refused_by_their_header(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2, 10**6, 10**6)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())
        archive.writestr("labels.npy", b"")
    with pytest.raises(InputError, match="too large"):
        read_npz(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", pickle.dumps([1])],
    ids=["empty", "zip", "npy", "pickle"],
)
def test_what_is_no_npz_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"images\.npz"):
        read_npz(path)


def test_an_archive_of_other_files_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"")  # without .npy
        archive.writestr("labels", b"")
    with pytest.raises(InputError, match=r"images\.npz"):
        read_npz(path)


def test_what_has_no_end_is_no_file():
    with pytest.raises(InputError, match="/dev/zero: not a file"):
        read_npz(Path("/dev/zero"))


def test_a_missing_file_is_named(path):
    with pytest.raises(InputError, match="no such file"):
        read_npz(path)


@settings(max_examples=300)
@given(st.data(), st.sampled_from([np.savez, np.savez_compressed]))
def test_any_damage_is_refused_or_does_no_harm(tmp_path_factory, data, save):
    path = tmp_path_factory.mktemp("damaged") / "images.npz"
    save(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[position] ^= data.draw(st.integers(1, 255))
    else:
        del content[position:]
    path.write_bytes(content)
    try:
        images, found = read_all(path)
    except InputError:
        return
    assert (images == IMAGES.reshape(50, 12)).all()
    assert found.labels.tolist() == LABELS.tolist()
