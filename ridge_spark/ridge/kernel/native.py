"""From the compiled loops to an object file, and from an object file to functions to call."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pkgutil import get_data
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from ridge_spark.ridge.kernel.cache import kept
from ridge_spark.ridge.kernel.gram_program import GRAM
from ridge_spark.ridge.kernel.micro import DotProduct
from ridge_spark.ridge.kernel.program import Product, Program


@dataclass(frozen=True)
class Kernel:
    """The loops of packing.py in machine code, for one `product`; they take arrays and integers.

    They release the interpreter's lock while they run. `engine` is what holds their code in memory.
    """

    product: DotProduct
    engine: Any
    pack: Callable[..., None]
    class_sums: Callable[..., None]
    multiply: Callable[..., None]
    flush: Callable[..., None]
    complete: Callable[..., None]


def load_kernel(product: DotProduct) -> Kernel:
    """The loops of X'X around `product`."""
    engine, functions = load_program(GRAM, product)
    return Kernel(product, engine, **functions)


def load_program(program: Program, product: Product) -> tuple[Any, dict[str, Callable[..., None]]]:
    """The functions of `program`, compiled now or, far sooner, when they were first needed.

    Also what holds their code in memory. They release the interpreter's lock while they run. Kept
    machine code needs no Numba: not even importing it, which takes longer than loading this.
    """
    code = kept(_name(program, product), lambda: compile_object(program, product))
    return load_object(program, product, code)


def compile_object(program: Program, product: Product) -> bytes:
    """Compile `program` around `product` for this processor; an object file that needs no Numba."""
    compiler = import_module(f"{__package__}.{program.module}")
    whole = llvm.parse_assembly("")
    for name, function in compiler.compiled_functions(product).items():
        module = llvm.parse_assembly(function.inspect_llvm())
        module.get_function(function.native_name).name = _symbol(name)
        whole.triple, whole.data_layout = module.triple, module.data_layout
        whole.link_in(module)
    machine = target_machine(product)
    _keep_only_ours(program, whole, machine)
    return machine.emit_object(whole)


def load_object(
    program: Program, product: Product, code: bytes
) -> tuple[Any, dict[str, Callable[..., None]]]:
    """Make the functions in the object file `code` callable."""
    # The engine takes the machine for its own, so that each needs one.
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(product))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    functions: dict[str, Callable[..., None]] = {}
    for name, kinds in program.signatures.items():
        prototype = ctypes.CFUNCTYPE(None, *map(_argument_type, kinds))
        functions[name] = prototype(engine.get_function_address(_symbol(name)))
    return engine, functions


def target_machine(product: Product) -> llvm.TargetMachine:
    """What emits code for this processor, some features switched on or off for `product`."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=",".join([llvm.get_host_cpu_features().flatten(), *product.features]),
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
    )


def _keep_only_ours(program: Program, module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """Optimise the functions together, so that all they do not need disappears.

    Above all what Numba adds to report errors, which calls Python: our functions have none.
    """
    ours = {_symbol(name) for name in program.signatures}
    for value in [*module.functions, *module.global_variables]:
        if not value.is_declaration and value.name not in ours:
            value.linkage = "internal"
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    builder.getModulePassManager().run(module, builder)


def _name(program: Program, product: Product) -> str:
    """What tells this machine code from any other, as a file name."""
    sources = [get_data(__package__, source) or b"" for source in program.sources]
    parts = [
        repr(product),
        version("numba"),
        version("llvmlite"),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        *(hashlib.sha256(source).hexdigest() for source in sources),
    ]
    return f"{program.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()}.o"


def _argument_type(kind: str) -> Any:
    """Checks what is passed: an integer, or an array of the right type without gaps.

    Only the images may have gaps, between their rows.
    """
    if kind == "size":
        return ctypes.c_ssize_t
    pixels = kind == "uint8*"
    return np.ctypeslib.ndpointer(kind.rstrip("*"), flags=None if pixels else "C_CONTIGUOUS")


def _symbol(name: str) -> str:
    return f"ridge_{name}"
