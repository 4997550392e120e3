"""Arrays as people have them, imported by the command: .npz and IDX, any layout, any known name."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.importing.imported import Images, assert_one_line, run_import
from tests.support import idx

N = 24
LABELS = np.arange(N) % 3


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (N, *shape), np.uint8)


def expected(pixels: np.ndarray, labels: np.ndarray = LABELS) -> Images:
    """What is stored of images in the order (n, height, width, channels) or without channels."""
    return sorted(
        (str(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True)
    )


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


LAYOUTS = [
    ((1, 6, 5), (0, 2, 3, 1), "6x5x1"),
    ((3, 6, 5), (0, 2, 3, 1), "6x5x3"),
    ((6, 5, 1), (0, 1, 2, 3), "6x5x1"),
    ((6, 5, 3), (0, 1, 2, 3), "6x5x3"),
    ((3, 6, 3), (0, 1, 2, 3), "3x6x3"),  # channels are last where they can be
    ((1, 6, 1), (0, 1, 2, 3), "1x6x1"),
]


@pytest.mark.parametrize(("stored", "order", "shape"), LAYOUTS)
@pytest.mark.parametrize("kind", ["npz", "idx"])
def test_channels_first_or_last(tmp_path, kind, stored, order, shape):
    pixels = images(*stored)
    if kind == "npz":
        done = run_import("npz", saved(tmp_path / "x.npz", x_train=pixels, y_train=LABELS))
    else:
        (tmp_path / "x").mkdir()
        (tmp_path / "x/train-images").write_bytes(idx(pixels))
        (tmp_path / "x/train-labels").write_bytes(idx(LABELS.astype(np.uint8)))
        done = run_import("idx", tmp_path / "x")
    assert done.all == expected(pixels.transpose(order)), done.printed
    assert f"images of {shape}" in done.printed
    assert ("first in the array" in done.printed) == (order != (0, 1, 2, 3))


@pytest.mark.parametrize("stored", [(5, 6), (5, 6, 3), (1, 5, 6), (3, 5, 6)], ids=str)
def test_transposed_images_are_turned(tmp_path, stored):
    """The array has (width, height) 5x6, so the images are 6 high and 5 wide."""
    pixels = images(*stored)
    done = run_import(
        "npz", saved(tmp_path / "x.npz", x_train=pixels, y_train=LABELS), "--transposed"
    )
    at = (0, 2, 1) if len(stored) == 2 else (0, 2, 1, 3) if stored[-1] == 3 else (0, 3, 2, 1)
    assert done.all == expected(pixels.transpose(at)), done.printed
    assert "images of 6x5x" in done.printed


@pytest.mark.parametrize(
    "stored", [(6, 5, 5), (5, 6, 6), (6, 5, 2), (6, 5, 4), (4, 6, 5), (6, 5, 1, 1), (30,)], ids=str
)
@pytest.mark.parametrize("options", [(), ("--size", "4x4")], ids=["", "resized"])
def test_shapes_that_no_image_file_has_are_refused(tmp_path, stored, options):
    source = saved(tmp_path / "x.npz", x_train=images(*stored), y_train=LABELS)
    assert_one_line(run_import("npz", source, *options), "x_train", str((N, *stored)))


@pytest.mark.parametrize("stored", [(1, 6, 5), (3, 6, 5), (6, 5), (6, 5, 3), (6, 5, 5)], ids=str)
@pytest.mark.parametrize("like", [(6, 5), (6, 5, 3), (4, 4)], ids=str)
def test_like_a_data_set_of_other_channels(tmp_path, stored, like):
    run_import("npz", saved(tmp_path / "like.npz", x_train=images(*like), y_train=LABELS))
    source = saved(tmp_path / "x.npz", x_train=images(*stored, seed=1), y_train=LABELS)
    done = run_import("npz", source, "--like", tmp_path / "like.npz-imported")
    if stored == (6, 5, 5):
        assert_one_line(done, "x_train")
        return
    shape = "x".join(map(str, (*like, 1)[:3]))
    assert done.status == 0, done.printed
    assert f"24 train images of {shape}" in done.printed


NAMES = [
    ("X_train", "y_train", "X_test", "y_test"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
    ("trainX", "trainY", "testX", "testY"),
    ("xtrain", "ytrain", "xtest", "ytest"),
    ("images", "labels", "test_images", "test_labels"),
    ("X", "y", "X_test", "Y_test"),
    ("data", "target", "test_data", "test_target"),
    ("training_images", "training_labels", "testing_images", "testing_labels"),
    ("arr_0", "arr_1", "x_test", "y_test"),
]


@pytest.mark.parametrize("names", NAMES, ids=" ".join)
def test_names_of_arrays(tmp_path, names):
    train, test = images(4, 4), images(4, 4, seed=1)
    arrays = dict(zip(names, (train, LABELS, test, LABELS), strict=True))
    done = run_import("npz", saved(tmp_path / "x.npz", **arrays))
    assert done.splits == {"train": expected(train), "test": expected(test)}, done.printed
    for told in ("24 train, 24 test", names[0], names[2]):
        assert told in done.printed


def test_medmnist_and_its_validation_images(tmp_path):
    parts = {split: images(4, 4, seed=seed) for seed, split in enumerate(("train", "val", "test"))}
    source = saved(
        tmp_path / "x.npz",
        **{f"{split}_images": pixels for split, pixels in parts.items()},
        **{f"{split}_labels": LABELS[:, None].astype(np.uint8) for split in parts},
        extra=np.zeros(3),
    )
    done = run_import("npz", source)
    train = sorted(expected(parts["train"]) + expected(parts["val"]))
    assert done.splits == {"train": train, "test": expected(parts["test"])}, done.printed
    for told in ("val_images", "24 images", "array extra"):
        assert told in done.printed
    done = run_import("npz", source, "--validation-split", "leave-out")
    assert done.splits == {"train": expected(parts["train"]), "test": expected(parts["test"])}


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x_train": images(4, 4), "train_images": images(4, 4), "y_train": LABELS}, "both"),
        ({"x_test": images(4, 4), "y_test": LABELS}, "no training images"),
        ({"x_train": images(4, 4), "y_train": LABELS - 1}, "below 0"),
    ],
)
def test_arrays_that_need_a_word(tmp_path, arrays, told):
    assert_one_line(run_import("npz", saved(tmp_path / "x.npz", **arrays)), told)


@pytest.mark.parametrize("unlabelled", [slice(0, 4), slice(None)], ids=["some", "all"])
def test_test_images_without_labels_are_left_out_and_counted(tmp_path, unlabelled):
    train, test, labels = images(4, 4), images(4, 4, seed=1), LABELS.copy()
    labels[unlabelled] = -1
    done = run_import(
        "npz", saved(tmp_path / "x.npz", x_train=train, y_train=LABELS, x_test=test, y_test=labels)
    )
    kept = labels >= 0
    assert done.splits["train"] == expected(train), done.printed
    assert done.splits.get("test", []) == expected(test[kept], labels[kept])
    assert f"without a label ({(~kept).sum()})" in done.printed


def npy(shape: tuple[int, ...], content: bytes, kind: str = "|u1") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + content


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_an_archive_that_claims_more_than_it_can_hold_is_refused_unread(tmp_path, packing):
    """Labels of 8 GB would be read into memory."""
    n = 10**9
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packing) as archive:
        archive.writestr("x_train.npy", npy((n, 1, 1), bytes(1000)))
        archive.writestr("y_train.npy", npy((n,), bytes(1000), "<i8"))
    assert_one_line(run_import("npz", tmp_path / "x.npz"), "claims")


def test_what_no_npz_needs_to_pack_so_tightly_is_refused_unread(tmp_path):
    """Of bzip2, a few bytes are as many zeros as one likes: 16 MB here, and it could be 16 GB."""
    n = 2**24
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x_train.npy", npy((n, 1, 1), bytes(n)))
        archive.writestr("y_train.npy", npy((n,), bytes(n)))
    assert (tmp_path / "x.npz").stat().st_size < 2000
    assert_one_line(run_import("npz", tmp_path / "x.npz"), "claims")


def test_a_header_without_end_is_refused_unread(tmp_path):
    header = b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + bytes(2**20)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", header)
        archive.writestr("y_train.npy", header)
    assert_one_line(run_import("npz", tmp_path / "x.npz"), "header of 2,147,483,648 bytes")


def test_idx_files_that_claim_more_than_they_can_hold_are_refused_unread(tmp_path):
    claimed = (10**9).to_bytes(4, "big")
    (tmp_path / "x").mkdir()
    for name, start in (("images", b"\0\0\x08\x03" + claimed + b"\0\0\0\1" * 2),
                        ("labels", b"\0\0\x08\x01" + claimed)):  # fmt: skip
        content = gzip.compress(start + bytes(10**6))
        (tmp_path / f"x/train-{name}-idx.gz").write_bytes(content)
    assert_one_line(run_import("idx", tmp_path / "x"), "train-labels", "ends too early")


def write_idx(folder: Path, name: str, seed: int, packed: bool = False) -> np.ndarray:
    """A pair of files, of the name with `images` or `labels` for its `*`; returns the images."""
    pixels = images(5, 4, seed=seed)
    for kind, array in (("images", pixels), ("labels", LABELS.astype(np.uint8))):
        path = folder / name.replace("*", kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return pixels


SPELLINGS = [
    ("train-*-idx3-ubyte", "t10k-*-idx3-ubyte"),
    ("train-*.idx3-ubyte", "t10k-*.idx3-ubyte"),
    ("train-*.idx3-ubyte.gz", "test-*.idx3-ubyte.gz"),
    ("train-*-idx3-ubyte/train-*-idx3-ubyte", "t10k-*-idx3-ubyte/t10k-*-idx3-ubyte"),
    ("emnist-letters-train-*-idx3-ubyte.gz", "emnist-letters-test-*-idx3-ubyte.gz"),
    ("train_*.idx", "val_*.idx"),
]


@pytest.mark.parametrize(("train", "test"), SPELLINGS)
def test_names_of_idx_files(tmp_path, train, test):
    packed = train.endswith(".gz")
    folder = tmp_path / "x"
    stored = [write_idx(folder, name, seed, packed) for seed, name in enumerate((train, test))]
    done = run_import("idx", folder)
    assert done.splits == {"train": expected(stored[0]), "test": expected(stored[1])}, done.printed


def test_one_of_several_sets_in_a_folder_is_named_by_how_its_files_start(tmp_path):
    folder = tmp_path / "gzip"
    for seed, name in enumerate(("letters", "digits")):
        for split in ("train", "test"):
            pixels = write_idx(folder, f"emnist-{name}-{split}-*-idx3-ubyte", seed)
    assert_one_line(run_import("idx", folder), "emnist-digits, emnist-letters", "name one")
    done = run_import("idx", folder / "emnist-digits", "--transposed")
    assert done.splits["train"] == expected(pixels.swapaxes(1, 2)), done.printed
    assert "images of 4x5x1" in done.printed
    assert_one_line(run_import("idx", folder / "emnist-none"), "no IDX training pair")
