"""The check that images are of the shape, and prepared in the way, that a model or split takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ridge_spark.errors import InputError


class Images(Protocol):
    """What describes images: a data set's description, or a model by the images it takes."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def preparation(self) -> dict[str, Any]: ...


def require_same_images(
    name: str,
    images: Images,
    expected: Images,
    whose: str = "the model",
    remedy: str = "import them again with --like and the model",
) -> None:
    """`InputError` that tells the differences, unless `images` are as those `whose` are `expected`.

    Arrays that were imported as they are have no preparation, and are like no files that were
    prepared: only `--like` makes files like them, which then have none either.
    """
    ours, theirs = images.preparation, expected.preparation
    if images.shape != expected.shape:
        found, wanted = _size(images), _size(expected)
    elif ours == theirs:
        return
    elif not ours or not theirs:
        found, wanted = _told(ours, ours), _told(theirs, theirs)
    else:
        names = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        found, wanted = (_told({key: x.get(key) for key in names}, x) for x in (ours, theirs))
    raise InputError(f"{name}: images {found}, but those of {whose} are {wanted}; {remedy}")


def _size(images: Images) -> str:
    return f"of {'x'.join(map(str, images.shape))}"


def _told(shown: Mapping[str, Any], preparation: Mapping[str, Any]) -> str:
    if not preparation:
        return "taken from arrays as they were"
    return "with " + ", ".join(
        f"no {key}" if value is None else f"{key} {value}" for key, value in shown.items()
    )
