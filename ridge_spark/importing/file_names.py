"""Names of files in a list matched to the files that are there, as other systems spell them."""

from __future__ import annotations

import os
import posixpath
import unicodedata

import pyarrow as pa
from pyarrow import fs

from ridge_spark.data.storage import is_remote, locate
from ridge_spark.errors import InputError
from ridge_spark.importing.image_files import SUFFIXES


class FileNames:
    """The files below a folder by the names that a list of another machine may give them.

    A name matches the file that is called so. Where none is, it may have backslashes for slashes,
    letters and accents apart that are one character in the file's name or the other way round,
    other capitals, or lack the ending of an image. Folders are listed once, when first asked for.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, frozenset[str]] = {}  # of each folder
        self.spellings: dict[str, dict[str, list[str]]] = {}  # and those as `_key` spells them

    def find(self, name: str) -> str | None:
        """The file's name relative to the root, without `.` and `..`; None if it is not there.

        `InputError` if several files match equally well.
        """
        folder, base = posixpath.split(name)
        if base in self.files.get(folder, ()):  # folders are kept by their shortest names
            return name
        for spelt in (name, name.replace("\\", "/")):
            folder, base = posixpath.split(posixpath.normpath(spelt))
            for below in dict.fromkeys((folder, _nfc(folder), _nfd(folder))):
                found = self._matches(below, base)
                if len(found) > 1:
                    raise InputError(
                        f"{self.root}: '{name}' may be {' or '.join(sorted(found)[:3])}; "
                        "write its name as the file has it"
                    )
                if found:
                    return posixpath.join(below, found[0])
        return None

    def _matches(self, folder: str, base: str) -> list[str]:
        files = self._files_of(folder)
        if base in files:
            return [base]
        if folder not in self.spellings:
            spellings = self.spellings.setdefault(folder, {})
            for file in files:
                stem, ending = os.path.splitext(_key(file))
                spellings.setdefault(stem + ending, []).append(file)
                if ending in SUFFIXES:
                    spellings.setdefault(f"{stem}.*", []).append(file)
        spellings = self.spellings[folder]
        return spellings.get(_key(base)) or spellings.get(f"{_key(base)}.*", [])

    def _files_of(self, folder: str) -> frozenset[str]:
        if folder not in self.files:
            try:
                self.files[folder] = frozenset(self._list(folder))
            except (OSError, ValueError, pa.ArrowException):  # no such folder, or not to be read
                self.files[folder] = frozenset()
        return self.files[folder]

    def _list(self, folder: str) -> list[str]:
        if not is_remote(self.root):
            with os.scandir(posixpath.join(self.root, folder)) as entries:
                return [entry.name for entry in entries if not entry.is_dir()]
        filesystem, root = locate(self.root)
        found = filesystem.get_file_info(fs.FileSelector(f"{root}/{folder}".rstrip("/")))
        return [info.base_name for info in found if info.type == fs.FileType.File]


def _key(name: str) -> str:
    return _nfc(name).casefold()


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)
