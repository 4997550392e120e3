"""A folder of images: a sub-folder for each class, in splits or not, as people lay them out."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ridge_spark.data.storage import is_remote
from ridge_spark.errors import InputError
from ridge_spark.importing.folder_layout import (
    are_classes_split,
    folders_below,
    same_below_all,
    split_folders,
)
from ridge_spark.importing.image_files import SUFFIXES
from ridge_spark.importing.listing import Listing, list_images
from ridge_spark.importing.sources import FileSource, class_order, number_labels
from ridge_spark.importing.splits import FOUND, SplitName, recognise

UNLABELLED = "images outside a class folder"

Classes = tuple[str, ...]


def read_folder(
    uri: str, class_names: Classes | None = None, *, no_splits: bool = False
) -> dict[str, FileSource]:
    """The images below `uri` by split, a class for each sub-folder, or for those of `class_names`.

    Where the sub-folders are splits by their names, their own sub-folders are the classes; where
    every class folder is divided into splits, those are the splits. With `no_splits` neither is
    looked for. Within a class folder images may lie at any depth.
    """
    if not is_remote(uri) and Path(uri).resolve() == Path("/"):
        raise InputError(f"{uri}: is the whole machine; give the folder that has the class folders")
    listing = list_images(uri)
    if no_splits:
        return {"train": _labelled(uri, listing, class_names)}
    below = folders_below(listing)
    if folders := split_folders(uri, below, class_names):
        return _read_splits(uri, listing, folders, class_names)
    if are_classes_split(uri, below):
        return _read_split_classes(uri, listing, class_names)
    note = None if class_names else same_below_all(below)
    return {"train": _labelled(uri, listing, class_names, said=(note,) if note else ())}


def _read_splits(
    uri: str, whole: Listing, folders: dict[SplitName, str], class_names: Classes | None
) -> dict[str, FileSource]:
    """split/class/...; train first, since it tells the classes."""
    splits: dict[str, FileSource] = {}
    left_out = Counter({UNLABELLED: sum("/" not in name for name in whole.images)})
    others = sorted(whole.folders.difference(folders.values()))
    for other in ("", *others):
        left_out.update(whole.left_out_in.get(other, {}))
    for other in others:
        left_out[f"images in {other}/"] += sum(
            name.startswith(f"{other}/") for name in whole.images
        )
    for split in (split for split in FOUND if split in folders):
        name = folders[split]
        place, listing = _descended(f"{uri}/{name}", split)
        if splits and _has_no_classes(listing, class_names or ()):
            left_out[f"images in {name}/, which has no class folders"] += len(listing.images)
            continue
        splits[split] = _labelled(place, listing, class_names, found_as=f"{name}/")
        class_names = class_names or splits[split].class_names
    first = next(iter(splits.values()))
    first.left_out.update(+left_out)
    return splits


def _descended(uri: str, split: SplitName) -> tuple[str, Listing]:
    """The folder of a split, or the only one in it if that is of the same split: train/train."""
    listing = list_images(uri)
    while len(listing.folders) == 1 and all("/" in name for name in listing.images):
        (only,) = listing.folders
        if recognise(only) != split and only != uri.rpartition("/")[2]:
            break
        uri = f"{uri}/{only}"
        listing = list_images(uri)
    return uri, listing


def _has_no_classes(listing: Listing, class_names: Sequence[str]) -> bool:
    """True where images lie loose, or all in one folder that is no class: nobody labelled them."""
    filled = {name.partition("/")[0] for name in listing.images if "/" in name}
    return not filled or (len(filled) == 1 and filled.isdisjoint(class_names))


def _read_split_classes(
    uri: str, listing: Listing, class_names: Classes | None
) -> dict[str, FileSource]:
    """class/split/..."""
    parts: dict[SplitName, Listing] = {split: Listing(folders=set()) for split in FOUND}
    spelt: dict[SplitName, set[str]] = {split: set() for split in FOUND}
    for name in listing.images:
        if "/" not in name:
            parts["train"].images.append(name)  # loose: counted as such
            continue
        _, folder, _ = name.split("/", 2)
        if split := recognise(folder):
            parts[split].images.append(name)
            spelt[split].add(folder)
    parts["train"].left_out, parts["train"].unread = listing.left_out, listing.unread
    splits: dict[str, FileSource] = {}
    for split in (split for split in FOUND if spelt[split]):
        if split == "train":
            parts[split].folders = listing.folders
        found_as = " and ".join(f"CLASS/{name}/" for name in sorted(spelt[split]))
        splits[split] = _labelled(uri, parts[split], class_names, found_as=found_as)
        class_names = class_names or splits[split].class_names
    return splits


def _labelled(
    uri: str,
    listing: Listing,
    class_names: Classes | None,
    *,
    found_as: str = "",
    said: tuple[str, ...] = (),
) -> FileSource:
    names = [name for name in listing.images if "/" in name]
    unlabelled = len(listing.images) - len(names)
    if unlabelled:
        listing.left_out[UNLABELLED] += unlabelled
    labels = [name.partition("/")[0] for name in names]
    if not names:
        raise InputError(_no_images(uri, listing, unlabelled))
    if class_names is None:
        class_names = class_order(labels)
        _require_distinct_and_filled(uri, listing, class_names)
        _require_several(uri, names, class_names)
    _require_utf8(names)
    return FileSource.mixed(
        uri, class_names, names, number_labels(labels, class_names, uri), listing.left_out,
        found_as, said,
    )  # fmt: skip


def _no_images(uri: str, listing: Listing, unlabelled: int) -> str:
    unread = listing.unread_formats()
    has = f"{unlabelled:,} images, but none in a sub-folder" if unlabelled else "no images"
    has += f" that can be read, but {unread}" if unread and not unlabelled else ""
    return (
        f"{uri}: has {has}; it needs a sub-folder for each class, with image files "
        f"({', '.join(sorted(SUFFIXES))})"
    )


def _require_distinct_and_filled(uri: str, listing: Listing, filled: Classes) -> None:
    empty = class_order(listing.folders.difference(filled))
    if empty and (unread := listing.unread_formats(empty[0])):
        raise InputError(
            f"{uri}/{empty[0]}: class '{empty[0]}' has only {unread}, which are not "
            "read; convert them to PNG or JPEG, or remove the folder"
        )
    if empty:
        raise InputError(
            f"{uri}/{empty[0]}: class '{empty[0]}' is empty, no images are in its folder; "
            "add some or remove the folder"
        )
    seen: dict[str, str] = {}
    for name in filled:
        twin = seen.setdefault(unicodedata.normalize("NFC", name), name)
        if twin != name:
            raise InputError(
                f"{uri}/{name}: two class folders have this name, spelt with other code points "
                f"({twin!a}, {name!a}); put their images into one"
            )


def _require_several(uri: str, names: Sequence[str], class_names: Classes) -> None:
    """One folder with folders in it is one too many, more often than a single class."""
    if len(class_names) == 1 and all(name.count("/") > 1 for name in names):
        raise InputError(
            f"{uri}: has one folder, '{class_names[0]}', and a classifier needs two classes; if "
            f"they are the folders in it, give {uri}/{class_names[0]}"
        )


def _require_utf8(names: Sequence[str]) -> None:
    for name in names:
        if not name.isascii():
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"{name!a}: the file's name is not UTF-8; rename it") from error
