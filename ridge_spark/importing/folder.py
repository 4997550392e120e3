"""A folder of images with one sub-folder for each class, here or on an object store."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyarrow import fs

from ridge_spark.data.dataset import SPLITS
from ridge_spark.data.storage import is_remote, locate, one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import SUFFIXES
from ridge_spark.importing.sources import FileSource, class_order, number_labels

HIDDEN = "hidden files or folders"
LINK = "links to folders that were not followed"
UNLABELLED = "images outside a class folder"


@dataclass
class Listing:
    """What is below a folder: image files by relative name, its own folders, what is neither."""

    images: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{name!a}: the file's name is not UTF-8; rename it") from error
        suffix = os.path.splitext(name)[1].lower()
        if suffix in SUFFIXES:
            self.images.append(name)
        else:
            self.left_out[f"files that are no images by name ({suffix or 'no ending'})"] += 1


def read_folder(uri: str, class_names: tuple[str, ...] | None = None) -> dict[str, FileSource]:
    """The images below `uri` by split, a class for each sub-folder, or for those of `class_names`.

    Where the sub-folders are `train`, or `train` and `test`, these are the splits and their own
    sub-folders the classes. Within a class folder images may lie at any depth.
    """
    listing = list_images(uri)
    if "train" not in listing.folders or not listing.folders <= set(SPLITS):
        return {"train": _labelled(uri, listing, class_names)}
    splits = {}
    for split in sorted(listing.folders, reverse=True):  # train first: it tells the classes
        splits[split] = _labelled(f"{uri}/{split}", list_images(f"{uri}/{split}"), class_names)
        class_names = class_names or splits["train"].class_names
    return splits


def list_images(uri: str) -> Listing:
    """Every image file below a folder. No image is opened, and nothing is listed twice."""
    listing = Listing()
    if is_remote(uri):
        _list_remote(uri, listing)
    else:
        root = Path(uri)
        if not root.is_dir():
            what = "is a file; give a folder" if root.exists() else "no such folder"
            raise InputError(f"{uri}: {what}")
        _list_local(root, listing)
    return listing


def _labelled(uri: str, listing: Listing, class_names: tuple[str, ...] | None) -> FileSource:
    names = [name for name in listing.images if "/" in name]
    unlabelled = len(listing.images) - len(names)
    if unlabelled:
        listing.left_out[UNLABELLED] += unlabelled
    labels = [name.partition("/")[0] for name in names]
    if not names:
        has = f"{unlabelled:,} images, but none in a sub-folder" if unlabelled else "no images"
        raise InputError(
            f"{uri}: has {has}; it needs a sub-folder for each class, with image files "
            f"({', '.join(sorted(SUFFIXES))})"
        )
    if class_names is None:
        class_names = class_order(labels)
        _require_distinct_and_filled(uri, listing.folders, class_names)
    return FileSource.mixed(
        uri, class_names, names, number_labels(labels, class_names, uri), listing.left_out
    )


def _require_distinct_and_filled(uri: str, folders: set[str], filled: tuple[str, ...]) -> None:
    empty = class_order(folders.difference(filled))
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


def _list_remote(uri: str, listing: Listing) -> None:
    filesystem, root = locate(uri)
    try:
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    except OSError as error:
        raise InputError(f"{uri}: can't be listed ({one_line(error)})") from error
    for info in found:
        name = info.path[len(root) + 1 :]
        parts = name.split("/")
        if any(map(_is_hidden, parts)):
            listing.left_out[HIDDEN] += 1
        elif info.type == fs.FileType.File:
            listing.add(name)
            listing.folders.update(parts[:-1][:1])
        elif len(parts) == 1:
            listing.folders.add(name)


def _list_local(root: Path, listing: Listing) -> None:
    """Links to files are followed, and those from a class folder's place to a folder elsewhere.

    No other link to a folder is, so there is no loop and no folder is found twice.
    """
    folders, followed = [""], set[Path]()
    while folders:
        below = folders.pop()
        for entry in _entries(root / below):
            name = f"{below}{entry.name}"
            if _is_hidden(entry.name):
                listing.left_out[HIDDEN] += 1
            elif not _is_folder(entry):
                _add_file(entry, name, listing)
            elif entry.is_symlink() and (below or not _leads_elsewhere(entry, root, followed)):
                listing.left_out[LINK] += 1
            else:
                folders.append(f"{name}/")
                if not below:
                    listing.folders.add(name)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(f"{folder}: can't be listed ({error.strerror})") from error


def _add_file(entry: os.DirEntry[str], name: str, listing: Listing) -> None:
    # A link is listed even if it leads nowhere: that an image is missing must not go unsaid.
    if entry.is_symlink() or entry.is_file():
        listing.add(name)
    else:
        listing.left_out["neither files nor folders"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _leads_elsewhere(link: os.DirEntry[str], root: Path, followed: set[Path]) -> bool:
    """True for the first link that leads to a folder neither around nor inside `root`."""
    target, home = Path(link).resolve(), root.resolve()
    inside_or_around = target == home or target in home.parents or home in target.parents
    if inside_or_around or target in followed:
        return False
    followed.add(target)
    return True


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
