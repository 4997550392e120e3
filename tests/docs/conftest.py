"""What the pages need of the fixtures of imports."""

from tests.importing.conftest import mnist_files

__all__ = ["mnist_files"]
