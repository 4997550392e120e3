"""The micro-kernels for other processors than this one: the compiler makes what is meant."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from ridge_spark.ridge.kernel.choose import NEEDS, PORTABLE
from ridge_spark.ridge.kernel.micro import DOT_PRODUCTS, INT32, INT64, DotProduct, emit_strip

LINUX = {"x86": "x86_64-unknown-linux-gnu", "arm": "aarch64-unknown-linux-gnu"}

# kernel, processor family, processor, instruction, registers, how many for each step
TARGETS = [
    ("avx512vnni", "x86", "icelake-server", "vpdpbusd", "zmm", 16),
    ("avx512vnni", "x86", "sapphirerapids", "vpdpbusd", "zmm", 16),
    ("avx512vnni", "x86", "znver5", "vpdpbusd", "zmm", 16),
    ("avxvnni", "x86", "alderlake", "vpdpbusd", "ymm", 12),
    ("udot", "arm", "neoverse-n1", "udot", "16b", 16),
    ("udot", "arm", "neoverse-v2", "udot", "16b", 16),
    ("udot", "arm", "generic", "udot", "16b", 16),
    ("avx2", "x86", "haswell", "vpmaddwd", "ymm", 16),
    ("avx2", "x86", "znver3", "vpmaddwd", "ymm", 16),
    ("avx2", "x86", "znver4", "vpmaddwd", "ymm", 16),
]


def assembly(product: DotProduct, triple: str, processor: str) -> str:
    module = ir.Module()
    module.triple = triple
    lanes = INT32.as_pointer()
    strip = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [lanes, lanes, INT64, lanes]), "strip"
    )
    builder = ir.IRBuilder(strip.append_basic_block())
    left, right, steps, tile = strip.args
    emit_strip(builder, product, left, right, steps, tile)
    builder.ret_void()

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    compiled = llvm.parse_assembly(str(module))
    compiled.verify()
    target = llvm.Target.from_triple(triple)
    machine = target.create_target_machine(
        cpu=processor, features=",".join(product.features), opt=3
    )
    return machine.emit_assembly(compiled)


@pytest.mark.parametrize(
    ("name", "family", "processor", "instruction", "registers", "count"), TARGETS
)
def test_the_loop_is_made_of_the_instruction(
    name: str, family: str, processor: str, instruction: str, registers: str, count: int
) -> None:
    lines = assembly(DOT_PRODUCTS[name], LINUX[family], processor).splitlines()
    meant = [line for line in lines if re.search(rf"\b{instruction}\b", line)]
    assert len(meant) == count
    assert all(registers in line for line in meant)
    assert not any("vpmaddubsw" in line for line in lines), "it saturates"


@pytest.mark.parametrize(("name", "family", "processor"), [target[:3] for target in TARGETS])
def test_the_sums_stay_in_registers(name: str, family: str, processor: str) -> None:
    """Nothing is stored until the loop is over, neither sums nor spilled registers."""
    text = assembly(DOT_PRODUCTS[name], LINUX[family], processor)
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
    assert {target[0] for target in TARGETS} == set(NEEDS) - {PORTABLE} == set(DOT_PRODUCTS)
