"""The micro-kernel of feature maps for other processors: what the compiler makes of it."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from ridge_spark.ridge.kernel.choose import NEEDS, PORTABLE
from ridge_spark.ridge.kernel.micro import INT8, INT32, INT64
from ridge_spark.ridge.kernel.signed import SIGNED_PRODUCTS, Operands, SignedProduct, emit_pooled
from tests.kernel.test_targets import LINUX

# kernel, processor family, processor, instruction, registers, how many for each step
TARGETS = [
    ("avx512vnni", "x86", "icelake-server", "vpdpbusd", "zmm", 24),
    ("avx512vnni", "x86", "znver4", "vpdpbusd", "zmm", 24),
    ("avxvnni", "x86", "alderlake", "vpdpbusd", "ymm", 12),
    ("udot", "arm", "neoverse-n1", "sdot", "16b", 24),
    ("udot", "arm", "neoverse-v2", "sdot", "16b", 24),
    ("avx2", "x86", "haswell", "vpmaddubsw", "ymm", 8),
    ("avx2", "x86", "znver4", "vpmaddubsw", "ymm", 8),
]


def assembly(product: SignedProduct, triple: str, processor: str) -> str:
    module = ir.Module()
    module.triple = triple
    pointers = [kind.as_pointer() for kind in (INT8, INT64, INT64, INT8, INT32, INT32, INT32)]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*pointers, INT64]), "strip")
    builder = ir.IRBuilder(function.append_basic_block())
    base, rows, steps_at, weights, factors, thresholds, pooled, steps = function.args
    operands = Operands(base, rows, steps_at, weights, steps)
    emit_pooled(builder, product, operands, factors, thresholds, pooled)
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    compiled = llvm.parse_assembly(str(module))
    compiled.verify()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=processor, features=",".join(product.features), opt=3
    )
    return machine.emit_assembly(compiled)


@pytest.mark.parametrize(
    ("name", "family", "processor", "instruction", "registers", "count"), TARGETS
)
def test_the_loop_is_made_of_the_instruction(
    name: str, family: str, processor: str, instruction: str, registers: str, count: int
) -> None:
    lines = assembly(SIGNED_PRODUCTS[name], LINUX[family], processor).splitlines()
    meant = [line for line in lines if re.search(rf"\b{instruction}\b", line)]
    assert len(meant) == count
    assert all(registers in line for line in meant)


@pytest.mark.parametrize(("name", "family", "processor"), [target[:3] for target in TARGETS])
def test_the_sums_stay_in_registers(name: str, family: str, processor: str) -> None:
    text = assembly(SIGNED_PRODUCTS[name], LINUX[family], processor)
    label = re.search(r"\n(\.LBB\d+_\d+):", text)
    assert label
    loop = text[label.end() :]
    loop = loop[: re.search(rf"\n\s*(j\w+|b\.\w+)\s+{re.escape(label[1])}\n", loop).start()]
    stores = [
        line
        for line in loop.splitlines()
        if re.search(r"^\s*(vmov\w+\s+%\w+, .*\(|st[rp]\s)", line)
    ]
    assert stores == []


def test_every_kernel_has_a_target_here() -> None:
    assert {target[0] for target in TARGETS} == set(NEEDS) - {PORTABLE} == set(SIGNED_PRODUCTS)
