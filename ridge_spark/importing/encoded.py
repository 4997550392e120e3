"""One image as bytes still to be decoded, and where the bytes come from."""

from __future__ import annotations

from typing import NamedTuple

from ridge_spark.importing.image_files import BadImageError, read_file


class Encoded(NamedTuple):
    """One image to be: its bytes are `data`, or where that is None, those of the file `name`."""

    name: str
    label: int
    data: bytes | None

    def path(self, root: str) -> str:
        """What to call it in a message."""
        if self.data is not None or self.name.startswith("/"):
            return self.name
        return f"{root}/{self.name}"


def read_encoded(root: str, item: Encoded) -> bytes:
    """The bytes of an image, a file below `root`; `BadImageError` if they can't be had."""
    if item.data is not None:
        return item.data
    if "://" not in root:
        return read_file(item.path(root))
    # Imported here: a worker that reads local files has no need of Arrow and starts sooner.
    from ridge_spark.data.storage import locate, one_line

    filesystem, folder = locate(root)
    try:
        with filesystem.open_input_stream(f"{folder}/{item.name}") as file:
            return file.read()
    except OSError as error:
        raise BadImageError(one_line(error)) from error
