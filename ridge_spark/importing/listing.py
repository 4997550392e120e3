"""What is below a folder, here or on an object store: image files by name, and what else is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyarrow import fs

from ridge_spark.data.storage import is_remote, locate, one_line
from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import SUFFIXES

HIDDEN = "hidden files or folders"
LINK = "links to folders that were not followed"
# Folders that systems and tools put beside images: for thumbnails, indexes, what was deleted.
OF_SYSTEMS = frozenset(
    ("__MACOSX", "@eaDir", "@SynoResource", "@Recycle", "@Recently-Snapshot", "@sharebin",
     "#recycle", "#snapshot", "$RECYCLE.BIN", "RECYCLER", "System Volume Information",
     "lost+found", "__pycache__")
)  # fmt: skip
UNREAD = frozenset(
    (".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".jpf", ".svg", ".psd",
     ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".exr", ".hdr", ".tga",
     ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".ico", ".dcm", ".pcx", ".dds", ".fits", ".npy")
)  # fmt: skip


@dataclass
class Listing:
    """What is below a folder: image files by relative name, its own folders, what is neither."""

    images: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    left_out_in: dict[str, Counter[str]] = field(default_factory=dict)  # by folder; "" for none
    unread: dict[str, Counter[str]] = field(default_factory=dict)  # images by ending, by folder

    def add(self, name: str) -> None:
        suffix = os.path.splitext(name)[1].lower()
        if suffix in SUFFIXES:
            self.images.append(name)
        elif suffix in UNREAD:
            self.leave_out(name, f"images of a format that is not read ({suffix})")
            self.unread.setdefault(name.partition("/")[0], Counter())[suffix] += 1
        else:
            self.leave_out(name, f"files that are no images by name ({suffix or 'no ending'})")

    def unread_formats(self, folder: str | None = None) -> str:
        """How many images of which endings are not read, in a folder or all in all; '' for none."""
        if folder is None:
            found = sum(self.unread.values(), Counter[str]())
        else:
            found = self.unread.get(folder, Counter())
        return " and ".join(f"{n:,} {suffix} files" for suffix, n in found.most_common(3))

    def leave_out(self, name: str, what: str) -> None:
        folder, slash, _ = name.partition("/")
        self.left_out[what] += 1
        self.left_out_in.setdefault(folder if slash else "", Counter())[what] += 1


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
            listing.leave_out(name, HIDDEN)
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
                listing.leave_out(name, HIDDEN)
            elif not _is_folder(entry):
                _add_file(entry, name, listing)
            elif entry.is_symlink() and (below or not _leads_elsewhere(entry, root, followed)):
                listing.leave_out(name, LINK)
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
        listing.leave_out(name, "neither files nor folders")


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
    return name.startswith(".") or name in OF_SYSTEMS
