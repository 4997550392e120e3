"""Packages that only a part of the program needs, and one line where such a package is missing."""

from __future__ import annotations

EXTRAS = {  # of pyproject.toml, by the names they are imported under
    "pyspark": "spark",
    "py4j": "spark",
    "jdk": "spark",
    "boto3": "emr",
    "botocore": "emr",
    "matplotlib": "figures",
    "jinja2": "report",
    "mpi4py": "mpi",
    "onnx": "onnx",
    "sklearn": "sklearn",
    "mlflow": "mlflow",
    "argcomplete": "completion",
}


def explain_missing(error: BaseException) -> str | None:
    """One line that names the extra to install, if `error` is that one of its packages is missing.

    None for any other error, such as that a package of theirs is broken.
    """
    package = error.name if isinstance(error, ModuleNotFoundError) else None
    extra = EXTRAS.get((package or "").partition(".")[0])
    if extra is None:
        return None
    return f"{package} is not installed; get it with: pip install 'ridge-spark[{extra}]'"
