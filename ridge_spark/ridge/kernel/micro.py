"""The innermost loop: a square of X'X held in registers, built from one dot-product instruction.

Every processor this runs on has an instruction that takes two vector registers, sees each 32-bit
lane as four bytes, and adds the dot product of the four bytes to a 32-bit sum:

    sum[j] += a[j][0]*b[j][0] + a[j][1]*b[j][1] + a[j][2]*b[j][2] + a[j][3]*b[j][3]

So the images are laid out (see packing.py) such that a lane is one pixel of four images, and a
*panel* is WIDTH neighbouring pixels of all images, four images to a *step*:

    panel p                pixel 0     1    ...   WIDTH-1
                step 0     [4 bytes][4 bytes]...[4 bytes]      images 0 to 3
                step 1     [4 bytes][4 bytes]...[4 bytes]      images 4 to 7
                ...

A *tile* is the product of two panels, left' right. Its sums stay in registers while the steps go
by, here with ROWS = 3 and one vector of WIDTH = 4 lanes:

                              right, step s:     [ b0 ][ b1 ][ b2 ][ b3 ]     one register
                                                    |     |     |     |
    left, step s:  [ a0 ] copied to every lane -> [+a0b0  +a0b1 +a0b2 +a0b3]   one register
                   [ a1 ] copied to every lane -> [+a1b0  +a1b1 +a1b2 +a1b3]   of sums for
                   [ a2 ] copied to every lane -> [+a2b0  +a2b1 +a2b2 +a2b3]   each row

Per step that is one load of b, ROWS loads of an a, and ROWS instructions that do 4*WIDTH products
each: loading and multiplying overlap, and the multiplier never waits. After the last step the sums
are added to the tile in memory. ROWS is as many as the registers allow; a tile of WIDTH rows is
done in strips of ROWS.

This file is all that knows a processor's instructions. What it emits is LLVM's intermediate
language: `builder.add(x, y)` does not add, it appends an addition to the program being built.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

INT8, INT16, INT32, INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


@dataclass(frozen=True)
class DotProduct(ABC):
    """A four-byte dot product per 32-bit lane, of unsigned bytes: how it is had from a processor.

    `lanes` is the number of 32-bit lanes of a register, and `vectors` the registers that make up
    the width of a panel. `offset` is what the right factor has subtracted: where the instruction
    takes the right bytes as signed, b - 128 is multiplied in place of b (flipping the top bit of
    b and reading it as signed is b - 128), and the tile holds a'(b - 128) = a'b - 128 Σa.
    `features` tells the compiler of features of the processor to use (+) or to leave unused (-).
    """

    lanes: int
    rows: int
    vectors: int
    offset: int = 0
    features: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def register(self) -> ir.VectorType:
        return ir.VectorType(INT32, self.lanes)

    def left(self, builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
        """What `dot` wants to have of a register of left bytes."""
        return a

    def right(self, builder: ir.IRBuilder, b: ir.Value) -> ir.Value:
        """What `dot` wants to have of a register of right bytes."""
        return b

    @abstractmethod
    def dot(self, builder: ir.IRBuilder, sums: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """Append sums + a·b and return the new sums."""


@dataclass(frozen=True)
class Vpdpbusd(DotProduct):
    """x86 VNNI: unsigned bytes times signed bytes."""

    offset: int = 128

    def right(self, builder: ir.IRBuilder, b: ir.Value) -> ir.Value:
        top_bits = ir.Constant(self.register, [0x80808080] * self.lanes)
        return builder.xor(b, top_bits)

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        family = "avx512.vpdpbusd"  # LLVM's name for it; the VEX form of AVX-VNNI comes of it too
        name = f"llvm.x86.{family}.{32 * self.lanes}"
        return call(builder, name, self.register, [sums, a, b])


@dataclass(frozen=True)
class Udot(DotProduct):
    """ARM dot product: unsigned bytes times unsigned bytes."""

    features: tuple[str, ...] = ("+dotprod",)

    def left(self, builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
        return builder.bitcast(a, ir.VectorType(INT8, 4 * self.lanes))

    def right(self, builder: ir.IRBuilder, b: ir.Value) -> ir.Value:
        return self.left(builder, b)

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        return call(builder, "llvm.aarch64.neon.udot.v4i32.v16i8", self.register, [sums, a, b])


@dataclass(frozen=True)
class Vpmaddwd(DotProduct):
    """x86 AVX2: two products of 16-bit numbers per lane, exact for bytes widened to 16 bits.

    Bytes 0 and 2 of a lane are widened by clearing the bytes above them, 1 and 3 by shifting down.
    """

    # So that the same instructions run wherever this kernel is asked for: with VNNI, the compiler
    # would make one instruction of the product and the addition.
    features: tuple[str, ...] = ("-avx512vnni", "-avxvnni")

    def left(self, builder: ir.IRBuilder, a: ir.Value) -> tuple[ir.Value, ir.Value]:
        pairs = ir.VectorType(INT16, 2 * self.lanes)
        a = builder.bitcast(a, pairs)
        even = builder.and_(a, ir.Constant(pairs, [0x00FF] * pairs.count))
        odd = builder.lshr(a, ir.Constant(pairs, [8] * pairs.count))
        return even, odd

    def right(self, builder: ir.IRBuilder, b: ir.Value) -> tuple[ir.Value, ir.Value]:
        return self.left(builder, b)

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        for x, y in zip(a, b, strict=True):
            product = call(builder, "llvm.x86.avx2.pmadd.wd", self.register, [x, y])
            sums = builder.add(sums, product)
        return sums


# The sums take 16 of the 32 registers of AVX-512 and of ARM; 12 of 16 with AVX-VNNI, where three
# hold b and one a; 8 of 16 with AVX2, where widening needs the others.
DOT_PRODUCTS: dict[str, DotProduct] = {
    "avx512vnni": Vpdpbusd(lanes=16, rows=16, vectors=1),
    "avxvnni": Vpdpbusd(lanes=8, rows=4, vectors=3),
    "udot": Udot(lanes=4, rows=8, vectors=2),
    "avx2": Vpmaddwd(lanes=8, rows=4, vectors=2),
}


def emit_strip(
    builder: ir.IRBuilder,
    product: DotProduct,
    left: ir.Value,
    right: ir.Value,
    steps: ir.Value,
    tile: ir.Value,
) -> None:
    """Append: tile[r, j] += Σ over steps s of left[s, r]·right[s, j], for r < ROWS, j < WIDTH.

    `left`, `right` and `tile` point to 32-bit lanes with WIDTH of them to a row; `steps` is an
    int64, at least 1.
    """
    before = builder.block
    loop = builder.append_basic_block("step")
    after = builder.append_basic_block("after")
    left, right, tile = (builder.bitcast(p, INT32.as_pointer()) for p in (left, right, tile))

    builder.branch(loop)
    builder.position_at_end(loop)
    step = builder.phi(INT64)  # a phi is a loop variable: one value on entry, another on repeat
    step.add_incoming(INT64(0), before)
    sums = [builder.phi(product.register) for _ in range(product.rows * product.vectors)]
    for register in sums:
        register.add_incoming(ir.Constant(product.register, [0] * product.lanes), before)

    start = builder.mul(step, INT64(product.width))
    b = [
        product.right(builder, _load(builder, product.register, right, start, v * product.lanes))
        for v in range(product.vectors)
    ]
    total: list[ir.Value] = []
    for r in range(product.rows):
        lane = _load(builder, INT32, left, start, r)
        a = product.left(builder, in_every_lane(builder, product.register, lane))
        for v in range(product.vectors):
            total.append(product.dot(builder, sums[len(total)], a, b[v]))

    next_step = builder.add(step, INT64(1))
    step.add_incoming(next_step, loop)
    for register, value in zip(sums, total, strict=True):
        register.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", next_step, steps), loop, after)

    builder.position_at_end(after)
    for i, value in enumerate(total):
        place = _at(builder, product.register, tile, INT64(i * product.lanes))
        builder.store(builder.add(builder.load(place, align=4), value), place, align=4)


def emit_interleave(
    builder: ir.IRBuilder, product: DotProduct, pixels: Sequence[ir.Value], lanes: ir.Value
) -> None:
    """Append: lanes[j] = x0 + x1·2^8 + x2·2^16 + x3·2^24, with xi = pixels[i][j], for j < WIDTH.

    Each of the four `pixels` points to bytes, `lanes` to WIDTH 32-bit lanes.
    """
    some_bytes = ir.VectorType(INT8, product.width)
    some_lanes = ir.VectorType(INT32, product.width)
    packed = ir.Constant(some_lanes, [0] * product.width)
    for i, row in enumerate(pixels):
        place = builder.bitcast(row, some_bytes.as_pointer())
        x = builder.zext(builder.load(place, align=1), some_lanes)
        shifted = builder.shl(x, ir.Constant(some_lanes, [8 * i] * product.width))
        packed = builder.or_(packed, shifted)
    builder.store(packed, builder.bitcast(lanes, some_lanes.as_pointer()), align=4)


def _at(builder: ir.IRBuilder, kind: ir.Type, lanes: ir.Value, index: ir.Value) -> ir.Value:
    return builder.bitcast(builder.gep(lanes, [index]), kind.as_pointer())


def _load(
    builder: ir.IRBuilder, kind: ir.Type, lanes: ir.Value, start: ir.Value, offset: int
) -> ir.Value:
    place = _at(builder, kind, lanes, builder.add(start, INT64(offset)))
    return builder.load(place, align=4)


def in_every_lane(builder: ir.IRBuilder, register: ir.VectorType, lane: ir.Value) -> ir.Value:
    nothing = ir.Constant(register, ir.Undefined)
    first = builder.insert_element(nothing, lane, INT32(0))
    everywhere = ir.Constant(ir.VectorType(INT32, register.count), [0] * register.count)
    return builder.shuffle_vector(first, nothing, everywhere)


def call(
    builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Value]
) -> ir.Value:
    function = builder.module.globals.get(name)
    if function is None:
        function_type = ir.FunctionType(result, [x.type for x in arguments])
        function = ir.Function(builder.module, function_type, name)
    return builder.call(function, arguments)
