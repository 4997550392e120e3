"""What is compiled together, and what machine code of it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Program:
    """Functions that are compiled together, and all that they depend on besides the processor.

    `module` has `compiled_functions(product)`, which compiles them with Numba; `signatures` are
    their arguments; `sources` the files of this package that their code is made of.
    """

    name: str
    module: str
    signatures: Mapping[str, tuple[str, ...]]
    sources: tuple[str, ...]


class Product(Protocol):
    """A dot-product instruction, as micro.py and signed.py have them."""

    @property
    def features(self) -> tuple[str, ...]: ...
