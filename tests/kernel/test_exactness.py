"""Every kernel gets, to the last digit, what NumPy gets in 64-bit integers."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ridge_spark.ridge.kernel import accumulator
from ridge_spark.ridge.kernel.choose import VARIABLE, runnable_kernels
from tests.kernel.expected import assert_same, kernel_sums, numpy_sums

CLASSES = 3
RNG = np.random.default_rng(7)

LAYOUTS = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "upside down": lambda x: x[::-1],
    "back to front": lambda x: x[:, ::-1],
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "between other columns": lambda x: np.pad(x, ((0, 0), (3, 5)), constant_values=99)[:, 3:-5],
    "one row for all": lambda x: np.broadcast_to(x[:1], x.shape),
    "overlapping rows": lambda x: np.lib.stride_tricks.as_strided(x, strides=(1, 1)),
}


def some_images(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.integers(0, 256, (n, d), dtype=np.uint8), RNG.integers(0, CLASSES, n)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255])
@pytest.mark.parametrize("d", [1, 15, 16, 17, 64])
def test_images_of_one_value(kernel: str, value: int, d: int) -> None:
    images, labels = np.full((131, d), value, np.uint8), np.arange(131) % CLASSES
    assert_same(kernel_sums([(images, labels)], d, CLASSES), numpy_sums(images, labels, CLASSES))


@pytest.mark.parametrize("rows", [2**15 + 1, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**16 + 5])
def test_more_white_images_than_32_bits_can_count(kernel: str, rows: int) -> None:
    images, labels = np.full((rows, 5), 255, np.uint8), np.zeros(rows, np.int64)
    counts, sums, gram = kernel_sums([(images, labels)], 5, 1)
    assert counts.tolist() == [rows]
    assert (sums == 255 * rows).all()
    assert (gram == 255**2 * rows).all()


@pytest.mark.parametrize(("left", "right"), [(255, 0), (0, 255), (255, 127), (255, 128)])
def test_extremes_of_each_factor(kernel: str, left: int, right: int) -> None:
    """A factor that is made signed is then -128 to 127; zeros make the most negative sums."""
    rows = 70_000
    images = np.full((rows, 4), left, np.uint8)
    images[:, 2:] = right
    tile = slice(0, 2), slice(2, 4)
    labels = np.zeros(rows, np.int64)
    assert (kernel_sums([(images, labels)], 4, 1, tile=tile)[2] == rows * left * right).all()
    square = kernel_sums([(images, labels)], 4, 1)[2]
    assert square[0, 3] == square[3, 0] == rows * left * right


def test_many_small_blocks_add_up_past_32_bits(kernel: str) -> None:
    images, labels = np.full((701, 3), 255, np.uint8), np.zeros(701, np.int64)
    counts, sums, gram = kernel_sums([(images, labels)] * 100, 3, 1)
    assert (counts[0], sums[0, 0], gram[0, 2]) == (70_100, 255 * 70_100, 255**2 * 70_100)


def test_single_rows(kernel: str) -> None:
    images, labels = some_images(203, 20)
    blocks = [(images[i : i + 1], labels[i : i + 1]) for i in range(203)]
    assert_same(kernel_sums(blocks, 20, CLASSES), numpy_sums(images, labels, CLASSES))


def test_no_block_and_empty_blocks(kernel: str) -> None:
    empty = np.empty((0, 7), np.uint8), np.empty(0, np.int32)
    for blocks in ([], [empty, empty]):
        counts, sums, gram = kernel_sums(blocks, 7, CLASSES)
        assert (counts.shape, sums.shape, gram.shape) == ((CLASSES,), (CLASSES, 7), (7, 7))
        assert not any(array.any() for array in (counts, sums, gram))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("threads", [1, 3])
def test_any_layout_in_memory(kernel: str, layout: str, threads: int) -> None:
    images, labels = some_images(1003, 41)
    images = LAYOUTS[layout](images)
    images.flags.writeable = False
    assert_same(
        kernel_sums([(images, labels)], 41, CLASSES, threads=threads),
        numpy_sums(images, labels, CLASSES),
    )


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
def test_any_integer_labels(kernel: str, kind: str) -> None:
    images, labels = some_images(57, 9)
    found = kernel_sums([(images, labels.astype(kind)[::-1])], 9, CLASSES)
    assert_same(found, numpy_sums(images, labels[::-1], CLASSES))


@st.composite
def problems(draw: st.DrawFn) -> dict:
    n, d = draw(st.integers(0, 90)), draw(st.integers(1, 70))
    images = draw(arrays(np.uint8, (n, d), elements=st.sampled_from([0, 1, 127, 128, 200, 255])))
    ends = st.tuples(st.integers(0, d), st.integers(0, d)).filter(lambda e: e[0] != e[1])
    tile = draw(
        st.none() | st.tuples(ends, ends).map(lambda t: tuple(slice(*sorted(e)) for e in t))
    )
    return {
        "images": LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](images) if n else images,
        "labels": draw(arrays(np.int32, n, elements=st.integers(0, CLASSES - 1))),
        "cuts": sorted(draw(st.lists(st.integers(0, n), max_size=4))),
        "tile": tile,
        "threads": draw(st.integers(1, 4)),
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(problems())
def test_any_shape_tile_and_division_into_blocks(kernel: str, problem: dict) -> None:
    images, labels = problem["images"], problem["labels"]
    blocks = zip(np.split(images, problem["cuts"]), np.split(labels, problem["cuts"]), strict=True)
    options = {"tile": problem["tile"], "threads": problem["threads"]}
    found = kernel_sums(blocks, images.shape[1], CLASSES, **options)
    assert_same(found, numpy_sums(images, labels, CLASSES, problem["tile"]))


@pytest.mark.parametrize("d", [5, 16, 23, 50])
def test_nothing_is_read_past_the_end(kernel: str, d: int) -> None:
    """The last pixel is the last byte of a page; reading the next one would end the process."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protected = ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(start + page), page, 0)
    assert protected == 0
    rows = 8
    images = np.frombuffer(memory, np.uint8, rows * d, page - rows * d).reshape(rows, d)
    images[:] = some_images(rows, d)[0]
    labels = np.arange(rows) % CLASSES
    assert_same(kernel_sums([(images, labels)], d, CLASSES), numpy_sums(images, labels, CLASSES))


def test_kernels_agree_on_a_large_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large enough for threads to share, for several chunks, and for a flush between them."""
    images, labels = some_images(35_003, 333)
    found = []
    for name in runnable_kernels():
        monkeypatch.setenv(VARIABLE, name)
        found.append(kernel_sums([(images, labels)], 333, CLASSES, threads=2))
    for sums in found[1:]:
        assert_same(sums, found[0])
    i, j = slice(0, 100), slice(50, 333)
    counts, sums, gram = kernel_sums([(images, labels)], 333, CLASSES, threads=2, tile=(i, j))
    assert_same((counts, sums, gram), (found[0][0], found[0][1][:, i], found[0][2][i, j]))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("own", [True, False], ids=["sums of each thread", "shared sums"])
def test_groups_have_sums_of_their_own(
    kernel: str, threads: int, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks whose rows are dealt out to three groups, one of which stays empty in most."""
    monkeypatch.setattr("ridge_spark.ridge.kernel.integer.SMALL_BLOCK", 2**10)
    if not own:
        monkeypatch.setattr("ridge_spark.ridge.kernel.integer.LANES_BYTES", 0)
    random = np.random.default_rng(threads)
    images = random.integers(0, 256, (9001, 75), dtype=np.uint8)
    labels = random.integers(0, 4, 9001)
    group_of = random.choice(3, 9001, p=[0.7, 0.2999, 0.0001])
    sums = accumulator(75, 4, groups=3, threads=threads)
    for start in range(0, 9001, 1300):
        block = slice(start, start + 1300)
        sums.add(images[block], labels[block], group_of[block])
    for group, found in enumerate(sums.finish()):
        mine = group_of == group
        assert_same(found, numpy_sums(images[mine], labels[mine], 4))


@pytest.mark.parametrize("own", [True, False], ids=["sums of each thread", "shared sums"])
@pytest.mark.parametrize("exact_rows", [2**16, 256], ids=["no overflow", "overflows"])
def test_triangles_are_those_of_the_squares(
    kernel: str, own: bool, exact_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than one strip, moved to 64 bits in between or never."""
    monkeypatch.setattr("ridge_spark.ridge.kernel.integer.SMALL_BLOCK", 2**10)
    monkeypatch.setattr("ridge_spark.ridge.kernel.integer.EXACT_ROWS", exact_rows)
    if not own:
        monkeypatch.setattr("ridge_spark.ridge.kernel.integer.LANES_BYTES", 0)
    images, labels = some_images(900, 805)
    group_of = RNG.integers(0, 2, 900)
    sums = accumulator(805, CLASSES, groups=2, threads=2)
    for rows in (slice(0, 500), slice(500, 900)):
        sums.add(images[rows], labels[rows], group_of[rows])
    for group, (counts, class_sums, upper) in enumerate(sums.finish_upper()):
        mine = group_of == group
        expected = numpy_sums(images[mine], labels[mine], CLASSES)
        assert_same((counts, class_sums, upper.square()), expected)
        assert [strip.dtype for strip in upper.strips] == [np.uint32] * 2


def test_many_rows_of_threads_that_overflow_in_turn(kernel: str) -> None:
    """More rows of 255 than 32-bit sums can take, on each of two threads."""
    rows = 150_000
    block = np.full((rows, 40), 255, np.uint8)
    sums = accumulator(40, 1, threads=2)
    sums.add(block, np.zeros(rows, np.int64))
    ((_, class_sums, gram),) = sums.finish()
    assert (class_sums == 255 * rows).all()
    assert (gram == 255**2 * rows).all()
