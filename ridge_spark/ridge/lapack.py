"""LAPACK by its own names and arguments, called without the interpreter's lock.

SciPy's own wrappers keep the lock, so that factorisations on several threads would wait for each
other. The routines are those that SciPy hands to compiled code, in scipy.linalg.cython_lapack.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cython_lapack

_NAME = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
_POINTER = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


Argument = str | int | float | NDArray[Any]


def call(routine: str, *arguments: Argument) -> None:
    """Call LAPACK's `routine` with all its arguments but the last, INFO.

    `LinAlgError` if that is not 0. Arrays are passed as the address of their first number: what
    LAPACK calls their leading dimension is an argument of its own, and so are parts of arrays
    possible. Floating-point numbers and arrays must be of the precision of the routine, and arrays
    of integers of the type `integer_type`.
    """
    function, integer = _routine(routine)
    info = integer()
    real = {"s": ctypes.c_float, "d": ctypes.c_double}[routine[0]]
    function(*(_passed(each, integer, real) for each in arguments), ctypes.byref(info))
    if info.value:
        raise LinAlgError(f"LAPACK's {routine} failed (INFO = {info.value})")


def integer_type(routine: str) -> np.dtype[Any]:
    """The type of the integers that `routine` takes in arrays."""
    return np.dtype(_routine(routine)[1])


def _passed(argument: Argument, integer: Any, real: Any) -> Any:
    if isinstance(argument, str):
        return ctypes.c_char_p(argument.encode())
    if isinstance(argument, int):
        return ctypes.byref(integer(argument))
    if isinstance(argument, float):
        return ctypes.byref(real(argument))
    if argument.dtype not in (np.dtype(real), np.dtype(integer)):
        raise TypeError(f"LAPACK takes {np.dtype(real)} here, not {argument.dtype}")
    return ctypes.c_void_p(argument.ctypes.data)


@cache
def _routine(name: str) -> tuple[Any, Any]:
    """The function, which takes addresses only, and the type of its integers."""
    capsule = cython_lapack.__pyx_capi__[name]
    signature = _NAME(capsule)
    integer = ctypes.c_int if b" int *" in signature or b"(int *" in signature else ctypes.c_int64
    return ctypes.CFUNCTYPE(None)(_POINTER(capsule, signature)), integer
