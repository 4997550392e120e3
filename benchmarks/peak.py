"""How many products of bytes the processor can add up in a second, at the very most."""

from __future__ import annotations

import ctypes
import time

import llvmlite.binding as llvm
from llvmlite import ir

from ridge_spark.ridge.kernel.micro import INT64, DotProduct
from ridge_spark.ridge.kernel.native import target_machine
from ridge_spark.ridge.threads import parallel_ranges

STEPS = 5_000_000  # some hundredths of a second


class RegisterLoop:
    """A loop of nothing but one dot-product instruction, on as many sums as the kernel has.

    The factors and the sums stay in registers: no kernel that uses the instruction is faster.
    """

    def __init__(self, product: DotProduct) -> None:
        self.registers = product.rows * product.vectors
        self.products = 4 * product.lanes * self.registers * STEPS
        module = llvm.parse_assembly(str(_module(product)))
        self.engine = llvm.create_mcjit_compiler(module, target_machine(product))
        self.engine.finalize_object()
        address = self.engine.get_function_address("loop")
        self.loop = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ssize_t)(address)

    def products_per_second(self, threads: int) -> float:
        def work(first: int, last: int) -> None:
            self.loop(ctypes.create_string_buffer(64 * self.registers), STEPS)

        start = time.perf_counter()
        parallel_ranges(work, threads, threads)
        return threads * self.products / (time.perf_counter() - start)


def _module(product: DotProduct) -> ir.Module:
    """loop(memory, steps): take the factors from memory, and put the sums there at the end."""
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    kind = ir.FunctionType(ir.VoidType(), [product.register.as_pointer(), INT64])
    function = ir.Function(module, kind, "loop")
    memory, steps = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    places = [builder.gep(memory, [INT64(i)]) for i in range(product.rows * product.vectors)]
    factors = [builder.load(place, align=4) for place in places[:2]]
    a, b = product.left(builder, factors[0]), product.right(builder, factors[1])
    before, loop = builder.block, builder.append_basic_block("step")

    builder.branch(loop)
    builder.position_at_end(loop)
    step = builder.phi(INT64)
    step.add_incoming(INT64(0), before)
    sums = [builder.phi(product.register) for _ in places]
    totals = [product.dot(builder, register, a, b) for register in sums]
    for i, (register, total) in enumerate(zip(sums, totals, strict=True)):
        # Each starts from another number, lest the compiler should find them all the same.
        register.add_incoming(ir.Constant(product.register, [i] * product.lanes), before)
        register.add_incoming(total, loop)
    next_step = builder.add(step, INT64(1))
    step.add_incoming(next_step, loop)
    after = builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", next_step, steps), loop, after)

    builder.position_at_end(after)
    for place, total in zip(places, totals, strict=True):
        builder.store(total, place, align=4)
    builder.ret_void()
    return module
