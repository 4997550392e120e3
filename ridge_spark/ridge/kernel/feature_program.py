"""What the compiled loops of feature maps are called with; known without the compiler."""

from __future__ import annotations

from ridge_spark.ridge.kernel.program import Program

TOGETHER = 16  # images whose units are computed side by side, one in each lane of a register

SIGNATURES = {
    name: tuple(kinds.split())
    for name, kinds in {
        # images, row stride, numbers (feature_loops.patches reads them in this order: height,
        # bytes across, line of the held image, window, bytes across it, places down, along, bytes
        # from one to the next down, along, flat, unit, steps, cells, filters); step offsets, slot
        # offsets, places of the slots, first group of each cell, packed filters, thresholds, scale;
        # scratch: held image, column sums, factors, factors of the slots, pooled sums; totals of
        # images, how far apart; out, row stride; first, last image
        "patches": "uint8* size int64* int64* int64* int32* int32* int8* int32* int64* "
        "uint8* int32* int32* int32* int32* int32* size uint8* size size size",
        # inputs, row stride, columns; places, flips, rows, subtracted, units, shift; scratch: rows
        # held, row stride, what is transformed, order; out, row stride; first, last row
        "units": "uint8* size size int32* int32* int32* int32* size size "
        "uint8* size int32* size uint8* size size size",
        # images, row stride, height, width, channels, transforms; out, row stride; first, last
        "warp": "uint8* size size size size int64* uint8* size size size",
    }.items()
}

FEATURES = Program(
    "features",
    "feature_loops",
    SIGNATURES,
    (
        "micro.py",
        "signed.py",
        "patches.py",
        "packing.py",
        "feature_loops.py",
        "feature_program.py",
        "native.py",
    ),
)
