"""The innermost loop of feature maps: rows of unsigned bytes times columns of small signed weights.

The same instructions as X'X's own (micro.py), but the factors have parts of their own: a row is
anywhere in memory, four of its bytes are copied to every lane; a lane is one column, its four
weights lie together. Registers hold the sums of ROWS rows and WIDTH = LANES * VECTORS columns:

                               weights, step s:    [ w0 ][ w1 ][ w2 ][ w3 ]     VECTORS registers
                                                      |     |     |     |
    row r, step s: [ u ] copied to every lane ->   [ +uw0  +uw1  +uw2  +uw3 ]   of sums, each row

What is special is where a row's next four bytes are: `step_offsets[s]` further on than the row.
So a row may be a vector, or the patch of an image, read where it lies: a patch of 7 x 7 pixels is
seven runs of eight bytes, the last of which has the weight 0, and no patch is ever laid out.

Sums are in 32 bits. Weights are at most WEIGHT_LIMIT in size: then two products of bytes fit the
16 bits that AVX2 has for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from llvmlite import ir

from ridge_spark.ridge.kernel.micro import INT8, INT16, INT32, INT64, call, in_every_lane

WEIGHT_LIMIT = 64  # 2 · 255 · 64 < 2^15


@dataclass(frozen=True)
class SignedProduct(ABC):
    """A four-byte dot product per 32-bit lane, of unsigned bytes times signed ones.

    `flip` is what every unsigned byte has to be combined with by an exclusive or: where the
    instruction takes signed bytes only, u - 128 is multiplied in place of u (u ^ 128, read as
    signed), and u·w = (u - 128)·w + 128 Σw. `rows`, `vectors`, `lanes` and `features` are as for
    `micro.DotProduct`.
    """

    lanes: int
    rows: int
    vectors: int
    flip: int = 0
    features: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def register(self) -> ir.VectorType:
        return ir.VectorType(INT32, self.lanes)

    @property
    def bytes(self) -> ir.VectorType:
        return ir.VectorType(INT8, 4 * self.lanes)

    @abstractmethod
    def dot(self, builder: ir.IRBuilder, sums: ir.Value, u: ir.Value, w: ir.Value) -> ir.Value:
        """Append sums + u·w, of registers of 32-bit lanes, and return the new sums."""


@dataclass(frozen=True)
class Vpdpbusd(SignedProduct):
    """x86 VNNI: just this."""

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, u: ir.Value, w: ir.Value) -> ir.Value:
        name = f"llvm.x86.avx512.vpdpbusd.{32 * self.lanes}"  # the VEX form comes of it too
        return call(builder, name, self.register, [sums, u, w])


@dataclass(frozen=True)
class Vpmaddubsw(SignedProduct):
    """x86 AVX2: sums of two products in 16 bits, which small weights can't overflow, then of four.

    So that the same instructions run wherever this kernel is asked for, VNNI is left unused.
    """

    features: tuple[str, ...] = ("-avx512vnni", "-avxvnni")

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, u: ir.Value, w: ir.Value) -> ir.Value:
        pairs = ir.VectorType(INT16, 2 * self.lanes)
        u, w = (builder.bitcast(x, self.bytes) for x in (u, w))
        two = call(builder, "llvm.x86.avx2.pmadd.ub.sw", pairs, [u, w])
        ones = ir.Constant(pairs, [1] * pairs.count)
        four = call(builder, "llvm.x86.avx2.pmadd.wd", self.register, [two, ones])
        return builder.add(sums, four)


@dataclass(frozen=True)
class Sdot(SignedProduct):
    """ARM dot product: signed bytes times signed bytes."""

    flip: int = 0x80
    features: tuple[str, ...] = ("+dotprod",)

    def dot(self, builder: ir.IRBuilder, sums: ir.Value, u: ir.Value, w: ir.Value) -> ir.Value:
        u, w = (builder.bitcast(x, self.bytes) for x in (u, w))
        return call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", self.register, [sums, u, w])


# Of the 32 registers of AVX-512 and of ARM the sums take 24, the weights 4 and a row 1; of the 16
# of AVX-VNNI 12, 2 and 1; of AVX2's 8, 2 and 1, its products and a row of ones taking others.
SIGNED_PRODUCTS: dict[str, SignedProduct] = {
    "avx512vnni": Vpdpbusd(lanes=16, rows=6, vectors=4),
    "avxvnni": Vpdpbusd(lanes=8, rows=6, vectors=2),
    "udot": Sdot(lanes=4, rows=6, vectors=4),
    "avx2": Vpmaddubsw(lanes=8, rows=4, vectors=2),
}


@dataclass(frozen=True)
class Operands:
    """What a strip of ROWS x WIDTH sums is made of; all but `steps` are pointers.

    `base` points to bytes. `rows` (ROWS) and `steps_at` (steps) are int64 offsets: row r has its
    four bytes of step s at base + rows[r] + steps_at[s]. `weights` is (steps, WIDTH, 4) int8.
    """

    base: ir.Value
    rows: ir.Value
    steps_at: ir.Value
    weights: ir.Value
    steps: ir.Value


def emit_products(
    builder: ir.IRBuilder, product: SignedProduct, operands: Operands
) -> list[ir.Value]:
    """Append the loop over steps; the registers of sums, those of a row together."""
    base = builder.bitcast(operands.base, INT8.as_pointer())
    rows, steps_at = (
        builder.bitcast(p, INT64.as_pointer()) for p in (operands.rows, operands.steps_at)
    )
    weights = builder.bitcast(operands.weights, INT32.as_pointer())
    row_at = [
        builder.gep(base, [builder.load(builder.gep(rows, [INT64(r)]), align=8)])
        for r in range(product.rows)
    ]
    zero = ir.Constant(product.register, [0] * product.lanes)
    before = builder.block
    loop, after = builder.append_basic_block("step"), builder.append_basic_block("after")

    builder.branch(loop)
    builder.position_at_end(loop)
    step = builder.phi(INT64)
    step.add_incoming(INT64(0), before)
    sums = [builder.phi(product.register) for _ in range(product.rows * product.vectors)]
    for register in sums:
        register.add_incoming(zero, before)

    offset = builder.load(builder.gep(steps_at, [step]), align=8)
    here = builder.gep(weights, [builder.mul(step, INT64(product.width))])
    w = [load_lanes(builder, product, here, v) for v in range(product.vectors)]
    total: list[ir.Value] = []
    for row in row_at:
        four = builder.bitcast(builder.gep(row, [offset]), INT32.as_pointer())
        u = in_every_lane(builder, product.register, builder.load(four, align=1))
        for weight in w:
            total.append(product.dot(builder, sums[len(total)], u, weight))

    following = builder.add(step, INT64(1))
    step.add_incoming(following, loop)
    for register, value in zip(sums, total, strict=True):
        register.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, operands.steps), loop, after)
    builder.position_at_end(after)
    return total


def emit_pooled(
    builder: ir.IRBuilder,
    product: SignedProduct,
    operands: Operands,
    factors: ir.Value,
    thresholds: ir.Value,
    pooled: ir.Value,
) -> None:
    """Append, for v[r, j] = (sum of row r and column j)·factors[r] and all rows r:

        pooled[0, j] += Σ max(v[r, j], thresholds[j])
        pooled[1, j] += Σ min(v[r, j], -thresholds[j])

    Less ROWS times the threshold, that is Σ max(v - threshold, 0), and the negative of the same
    for -v; each saves a subtraction for every row. Pointers to int32: `factors` (ROWS),
    `thresholds` (WIDTH), `pooled` (2, WIDTH). The caller answers for sums that fit.
    """
    sums = emit_products(builder, product, operands)
    factors, thresholds, pooled = (
        builder.bitcast(p, INT32.as_pointer()) for p in (factors, thresholds, pooled)
    )
    factor = [
        in_every_lane(
            builder, product.register, builder.load(builder.gep(factors, [INT64(r)]), align=4)
        )
        for r in range(product.rows)
    ]
    for v in range(product.vectors):
        above = load_lanes(builder, product, thresholds, v)
        below = builder.neg(above)
        upper = load_lanes(builder, product, pooled, v)
        lower = load_lanes(builder, product, pooled, product.vectors + v)
        for r in range(product.rows):
            value = builder.mul(sums[r * product.vectors + v], factor[r])
            upper = builder.add(upper, _larger(builder, ">", value, above))
            lower = builder.add(lower, _larger(builder, "<", value, below))
        store_lanes(builder, product, upper, pooled, v)
        store_lanes(builder, product, lower, pooled, product.vectors + v)


def load_lanes(
    builder: ir.IRBuilder, product: SignedProduct, lanes: ir.Value, register: int
) -> ir.Value:
    """The register-th WIDTH/VECTORS lanes after the pointer `lanes` to 32-bit numbers."""
    return builder.load(_place(builder, product, lanes, register), align=4)


def store_lanes(
    builder: ir.IRBuilder, product: SignedProduct, value: ir.Value, lanes: ir.Value, register: int
) -> None:
    builder.store(value, _place(builder, product, lanes, register), align=4)


def _place(
    builder: ir.IRBuilder, product: SignedProduct, lanes: ir.Value, register: int
) -> ir.Value:
    place = builder.gep(lanes, [INT64(register * product.lanes)])
    return builder.bitcast(place, product.register.as_pointer())


def _larger(builder: ir.IRBuilder, better: str, x: ir.Value, y: ir.Value) -> ir.Value:
    """The better of x and y, else y: the maximum by ">", the minimum by "<"."""
    return builder.select(builder.icmp_signed(better, x, y), x, y)
