"""Images in Parquet files, as other tools write them, for tests to import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.importing.imported import Images, Imported, run_import
from tests.importing.pictures import encode, noise

N = 12
NAMES = ["cat", "dog"]
PIXELS = [noise(4, 5, seed=seed) for seed in range(N)]
FILES = [encode(pixels) for pixels in PIXELS]
LABELS = [i % 2 for i in range(N)]
TEXTS = [NAMES[label] for label in LABELS]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASS_LABEL = {"names": NAMES, "_type": "ClassLabel"}


def hugging_face(**features: Any) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": features}})}


LABELLED = hugging_face(image={"_type": "Image"}, label=CLASS_LABEL)


def struct(files: list[bytes | None] = FILES) -> pa.Array:
    return pa.array([{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(files)], STRUCT)


def save(path: Path, metadata: dict | None = None, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, path)
    return path


def imported(source: Path, *options: object) -> Imported:
    split = () if "--test-split" in options or "splits" in source.name else ("--test-split", 0)
    return run_import("parquet", source, "--workers", 1, *split, *options)


def expected(labels: Any = TEXTS, pixels: list[np.ndarray] = PIXELS) -> Images:
    return sorted(
        (str(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True)
    )


EVERYTHING = expected()
