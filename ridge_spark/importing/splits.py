"""Splits as people name them, and what becomes of those that a source has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol, TypeVar

from ridge_spark.errors import InputError

SplitName = Literal["train", "validation", "test"]

FOUND: tuple[SplitName, ...] = ("train", "validation", "test")
# Surveyed among the data sets of Hugging Face, Kaggle, Roboflow, torchvision and Keras.
WORDS: dict[str, SplitName] = {
    **dict.fromkeys(
        ("train", "training", "trn", "tr", "trainval", "trainvalid"), "train"
    ),
    **dict.fromkeys(
        ("validation", "valid", "val", "va", "vali", "validate", "validating", "dev", "devel"),
        "validation",
    ),
    **dict.fromkeys(
        ("test", "testing", "tst", "te", "eval", "evaluation", "evaluate", "holdout", "heldout"),
        "test",
    ),
}  # fmt: skip
# What stands beside the word for a split and says no more about it.
FILLERS = frozenset(
    ("set", "sets", "split", "data", "dataset", "images", "image", "imgs", "img", "pictures",
     "photos", "files", "folder", "dir", "samples", "public", "private", "x", "y", "of", "part")
)  # fmt: skip
UNLABELLED = frozenset(
    ("pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled", "unsup",
     "unsupervised", "inference", "submission")
)  # fmt: skip
NO_SPLITS = "--no-splits"


class OfASplit(Protocol):
    """What a reader hands over for a split: images that know how many and what they are called."""

    @property
    def labels(self) -> Any: ...  # an array, a label for each image

    @property
    def found_as(self) -> str: ...  # what its folder, file or array is called; may be empty

    @property
    def said(self) -> tuple[str, ...]: ...  # what a person should know, for the summary


Found = TypeVar("Found", bound=OfASplit)


def recognise(name: str) -> SplitName | None:
    """The split that a folder, file, array or value of a column names; None if it names none.

    It has to be the whole name: `train`, `TRAIN`, `training_set`, `val2017`, `X_test`, `testData`,
    `PublicTest`; not `train station` nor `high-speed train`.
    """
    return _split_of(words_of(name))


def recognise_all(names: Iterable[str]) -> dict[str, SplitName]:
    """The names among `names` that are those of splits.

    What all of them begin or end with is passed over where different splits are left then:
    `alphabet_train`, `alphabet_test`.
    """
    words = {name: words_of(name) for name in names}
    found = _splits_of(words)
    start = _common(words.values())
    bare = {name: some[start:] for name, some in words.items()}
    end = _common(some[::-1] for some in bare.values())
    more = _splits_of({name: some[: len(some) - end] for name, some in bare.items()})
    return more if len(set(more.values())) > 1 and len(more) > len(found) else found


def holds_no_labels(name: str) -> bool:
    """True for a folder that beside those of splits has images without labels, by its name."""
    return not UNLABELLED.isdisjoint(words_of(name))


def _common(lists: Iterable[list[str]]) -> int:
    """How many words all of them begin with."""
    together = zip(*lists, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda words: len(set(words)) == 1, together))


def _splits_of(words: Mapping[str, list[str]]) -> dict[str, SplitName]:
    return {name: split for name, some in words.items() if (split := _split_of(some))}


def _split_of(words: list[str]) -> SplitName | None:
    found = {WORDS[word] for word in words if word in WORDS}
    if found == {"train", "validation"}:  # train_val: all that there is to train on
        found = {"train"}
    rest = [word for word in words if word not in WORDS and word not in FILLERS]
    return found.pop() if len(found) == 1 and not rest else None


def words_of(name: str) -> list[str]:
    """The words of a name in small letters, without its numbers: `trainSet-2` is train, set."""
    words = []
    name = re.sub(r"(hold|held)[-_ ](out)", r"\1\2", name, flags=re.IGNORECASE)
    for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])", name):
        small = word.lower()
        filler = next((end for end in ("set", "data", "images") if small.endswith(end)), "")
        if filler and small.removesuffix(filler) in WORDS:  # trainset, testdata
            words += [small.removesuffix(filler), filler]
        else:
            words.append(small)
    return words


def place_splits(
    splits: Mapping[str, Found], source: str, validation: str | None, *, to_add: bool
) -> tuple[dict[str, Found], list[str]]:
    """The splits that are imported, in the order of `FOUND`, and sentences on the others.

    `validation` is what becomes of validation images: 'train', 'test' or 'leave-out'; None for
    train where there are test images and for test where there are none. What then is under
    'validation' is written to the training split (see `written_to`). Images `to_add` to a model or
    to test it on need none to train on.
    """
    placed: dict[str, Found] = {name: splits[name] for name in FOUND if name in splits}
    said = [sentence for split in placed.values() for sentence in split.said]
    if any(split.found_as for split in placed.values()):
        found = [f"{name} ({_images(split)})" for name, split in placed.items()]
        said.insert(0, f"splits found   {', '.join(found)}")
    if "validation" in placed:
        images = f"{len(placed['validation'].labels):,} validation images"
        if validation == "test" and "test" in placed:
            raise InputError(f"--validation-split test: {source} has test images of its own")
        if validation == "leave-out":
            del placed["validation"]
            said.append(f"left out       {images} (--validation-split train or test takes them)")
        elif validation == "test" or (validation is None and "test" not in placed):
            placed["test"] = placed.pop("validation")
            said.append(f"test images    the {images}; --validation-split chooses otherwise")
        else:
            said.append(
                f"training       the {images} are training images too; "
                "--validation-split leave-out leaves them out"
                if "train" in placed
                else f"training       the {images}, for there are no others to train on"
            )
    elif validation is not None:
        raise InputError(f"--validation-split {validation}: {source} has no validation images")
    if not placed or ("train" not in map(written_to, placed) and not to_add):
        names = " and ".join(split.found_as or name for name, split in splits.items())
        raise InputError(
            f"{source}: has no training images, only {names}; give what has them too, --like MODEL "
            f"to test a model on these, or, of a folder, {NO_SPLITS} if that name is no split"
        )
    return placed, said


def written_to(split: str) -> str:
    """The split of the data set that images of a split of the source go to."""
    return "train" if split == "validation" else split


def _images(split: OfASplit) -> str:
    images = f"{len(split.labels):,} images"
    return f"{split.found_as}: {images}" if split.found_as else images
