"""Where the files of an import or a job go until it is known which of them count."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Collection
from glob import escape
from pathlib import Path
from secrets import token_hex

from pyarrow import fs

from ridge_spark.data.storage import beside, exists, is_local, locate
from ridge_spark.errors import InputError

log = logging.getLogger(__name__)


def attempt(part: str, writing: str) -> str:
    """A name for what one attempt of a task writes; whoever tries again writes under another."""
    return f"{part}.{writing}.{token_hex(4)}.parquet"


def settled(name: str) -> str:
    """The name of that file once it is known to count."""
    return name.partition(".")[0] + ".parquet"


def tell_of_leftovers(uri: str) -> None:
    """Say what those who were killed have left beside the local place `uri`."""
    target = Path(locate(uri)[1])
    for left in sorted(target.parent.glob(f"{escape(target.name)}.partial-*")):
        log.warning(
            "%s: left behind by a command that was killed, or of one that is still at work; if "
            "none is, remove it with: rm -r %s", left, shlex.quote(str(left)),
        )  # fmt: skip


class Output:
    """A place that nothing is at yet, and where it is written to in the meantime.

    Locally that is a folder beside it, of a name never used before, which takes its name in the
    end. An object store can't rename: there, files have `writing`, the name of the whole job, in
    theirs, by which they are told from those of others.
    """

    def __init__(self, uri: str) -> None:
        if exists(uri):
            raise InputError(f"--out {uri}: exists already; choose another or remove it first")
        self.uri, self.writing = uri, token_hex(6)
        self.local = is_local(uri)
        self.folder = beside(locate(uri)[1]) if self.local else uri  # also an address, like `uri`
        if self.local:
            tell_of_leftovers(uri)

    def keep(self, names: Collection[str], split: str = "") -> None:
        """Of the files in the folder, or in that of a split, keep these and remove all others.

        Locally they get their names of from now on.
        """
        filesystem, folder = self._place(split)
        for info in filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            if info.base_name in names:
                if self.local:
                    Path(info.path).rename(Path(folder, settled(info.base_name)))
            elif info.type == fs.FileType.File and (self.local or self._wrote(info.base_name)):
                filesystem.delete_file(info.path)

    def publish(self) -> None:
        """Locally, give the folder its name."""
        if self.local:
            filesystem, folder = self._place()
            filesystem.move(folder, locate(self.uri)[1])

    def remove(self) -> None:
        """Take away what was written, and nothing that anybody else has."""
        filesystem, folder = self._place()
        if self.local:
            if filesystem.get_file_info(folder).type != fs.FileType.NotFound:
                filesystem.delete_dir(folder)
            return
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
        for info in filesystem.get_file_info(selector):
            if self._wrote(info.base_name):
                filesystem.delete_file(info.path)

    def _place(self, split: str = "") -> tuple[fs.FileSystem, str]:
        filesystem, folder = locate(self.folder)
        return filesystem, f"{folder}/{split}" if split else folder

    def _wrote(self, name: str) -> bool:
        return f".{self.writing}." in name
