"""What columns of files, labels and splits are called, in CSV and in Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence

FILES = (
    "file", "files", "filename", "filenames", "file_name", "filepath", "filepaths", "file_path",
    "path", "paths", "fname", "image", "images", "image_path", "image_name", "image_file",
    "image_id", "img", "img_path", "img_name", "img_id", "picture", "photo",
)  # fmt: skip
LABELS = ("label", "labels", "class", "class_name", "classname", "category", "target", "y")
ROW_NUMBERS = ("", "id", "index", "idx", "row", "no", "unnamed:_0")
SPLITS = ("split", "usage", "set", "subset", "partition", "phase", "data_set", "dataset")


def plain(name: str) -> str:
    """A name in small letters, with underscores for spaces and hyphens."""
    return re.sub(r"[ -]", "_", name.strip().lower())


def shown(names: Sequence[str]) -> str:
    """The names, or the first of them, for a message."""
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def is_usual(name: str) -> bool:
    """True for the name of a column, and hardly a value in it."""
    return len(name) > 1 and plain(name) in (*FILES, *LABELS, *ROW_NUMBERS, *SPLITS)
