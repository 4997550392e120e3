"""What the compiled loops of X'X are called with; known without the compiler."""

from __future__ import annotations

from ridge_spark.ridge.kernel.program import Program

SIGNATURES = {
    name: tuple(kinds.split())
    for name, kinds in {
        # images, row stride, rows to take, how many, columns; panels, steps they hold, first step;
        # first, last panel
        "pack": "uint8* size int64* size size uint32* size size size size",
        # images, row stride, rows to take, how many; labels, sums, classes, columns;
        # first, last column
        "class_sums": "uint8* size int64* size int64* int32* size size size size",
        # panels, how many, steps they hold, steps used; tiles, partial; first, last tile
        "multiply": "uint32* size size size int32* int32* size size",
        # tiles, partial; gram, height, columns, first right panel; first, last tile
        "flush": "int32* int32* int64* size size size size size",
        # tiles, partial, correction of each row; gram, height, columns, first right panel,
        # whether it is symmetric; first, last tile
        "complete": "int32* int32* int64* int64* size size size size size size",
    }.items()
}

GRAM = Program(
    "kernel", "packing", SIGNATURES, ("micro.py", "packing.py", "gram_program.py", "native.py")
)
