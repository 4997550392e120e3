"""How a folder of images is laid out, by the names of its folders: in splits, or none."""

from __future__ import annotations

from collections import defaultdict

from ridge_spark.errors import InputError
from ridge_spark.importing.listing import Listing
from ridge_spark.importing.sources import class_order
from ridge_spark.importing.splits import (
    NO_SPLITS,
    SplitName,
    holds_no_labels,
    recognise,
    recognise_all,
)

FEWEST_LETTERS = 3  # of a split's name that is taken for one beside other folders: tr is Turkish


Below = dict[str, set[str]]


def folders_below(listing: Listing) -> Below:
    """The sub-folders with images of each folder that has any; '' for images in itself."""
    below: Below = defaultdict(set)
    for name in listing.images:
        first, _, rest = name.partition("/")
        if rest:
            folder, slash, _ = rest.partition("/")
            below[first].add(folder if slash else "")
    return below


def split_folders(
    uri: str, below: Below, class_names: tuple[str, ...] | None
) -> dict[SplitName, str]:
    """The folders that are splits, of a folder laid out split/class/...; empty if it is not.

    `InputError` where that can't be told: other folders with images beside them, or two folders
    for one split.
    """
    folders = class_order(below)
    if class_names and set(folders) <= set(class_names):
        return {}
    kinds = recognise_all(folders)
    others = [name for name in folders if name not in kinds and not holds_no_labels(name)]
    if others:
        divided = {name for name, names in below.items() if names != {""}}
        kinds = {name: kind for name, kind in kinds.items() if len(name) >= FEWEST_LETTERS}
        if not kinds or (set(kinds.values()) == {"train"} and divided.isdisjoint(kinds)):
            return {}  # trains, beside buses
        raise InputError(
            f"{uri}: '{min(kinds)}' is the name of a split, and '{others[0]}' beside it is not; "
            f"give a folder of splits or one of classes, or {NO_SPLITS} if all are classes"
        )
    splits: dict[SplitName, str] = {}
    for name, kind in kinds.items():
        if splits.setdefault(kind, name) != name:
            raise InputError(
                f"{uri}: '{splits[kind]}' and '{name}' are both names of the {kind} split; put "
                f"their images into one, or give {NO_SPLITS} if both are classes"
            )
    return splits


def are_classes_split(uri: str, below: Below) -> bool:
    """True of a folder laid out class/split/...; `InputError` if some of it is and some not."""
    names = set().union(*below.values())
    kinds = {name: recognise(name) for name in names}
    others = [name for name, kind in kinds.items() if kind is None]
    if not any(kinds.values()) or (others and set(kinds.values()) == {"train", None}):
        return False
    if others:
        folder, mixed = next(
            (folder, some) for folder, some in sorted(below.items()) if any(map(recognise, some))
        )
        name = min(name for name in mixed if recognise(name))
        raise InputError(
            f"{uri}/{folder}/{name}: has the name of a split, but other images are in none; divide "
            f"every class into splits, or give {NO_SPLITS} if that is no split"
        )
    return True


def same_below_all(below: Below) -> str | None:
    """A sentence for a person, if all class folders have the same sub-folders."""
    first, *others = below.values() or [set()]
    if not others or len(first) < 2 or "" in first or any(names != first for names in others):
        return None
    names = ", ".join(class_order(first)[:4])
    return (
        f"note           every class has the sub-folders {names}; if those are the classes, name "
        "the folders above them train, validation or test, or give one of them"
    )
