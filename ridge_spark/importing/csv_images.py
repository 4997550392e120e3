"""A CSV of images: of files with their labels, or of labels with pixels, as its columns tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ridge_spark.data.description import Description
from ridge_spark.errors import InputError
from ridge_spark.importing.csv_columns import names_files
from ridge_spark.importing.csv_files import read_csv_of_files
from ridge_spark.importing.csv_header import find_csv, read_header
from ridge_spark.importing.labelled import LabelledImages
from ridge_spark.importing.sources import FileSource


def read_csv(
    source: Path,
    folder: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    size: tuple[int, int] | None = None,
    like: Description | None = None,
    *,
    transposed: bool = False,
) -> Mapping[str, FileSource | LabelledImages]:
    """The images of the CSV `source`, or of the one in the folder `source`, by split.

    Files start from `folder`, or else from where the CSV is. Pixels are of `size` if it fits;
    `transposed` ones have the rows and columns of each image exchanged.
    """
    header = read_header(find_csv(source))
    if not names_files(header, image_column):
        # Imported here: Arrow's reader of CSV takes a while to load.
        from ridge_spark.importing.csv_pixels import read_csv_of_pixels

        size = like.shape[:2] if like else size
        return read_csv_of_pixels(header, label_column, size, transposed=transposed)
    if transposed:
        raise InputError(f"--transposed: {header.path} names image files; it is for pixels")
    class_names = like.class_names if like else None
    return read_csv_of_files(header, folder, image_column, label_column, class_names)
