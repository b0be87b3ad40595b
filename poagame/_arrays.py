"""The few array conversions that every module needs: float64 NumPy at the border, JAX only where JAX is traced."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import ArrayLike, NDArray

from poagame.errors import InvalidInput

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = Any
"""A NumPy array or a JAX array (possibly traced); functions of an `Array` answer in kind."""


def namespace(*arrays: object) -> ModuleType:
    """`jax.numpy` if any argument is a JAX array or tracer, else `numpy`: NumPy in, float64 out."""
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np


def is_concrete(*arrays: object) -> bool:
    """Whether all arguments hold values that can be checked now (not tracers inside `jit`, `vmap` or `grad`)."""
    return not any(isinstance(a, Tracer) for a in arrays)


def as_floats(value: ArrayLike, name: str) -> FloatArray:
    """`value` as a float64 array of finite numbers, owned by the caller.

    Raises
    ------
    InvalidInput
        If it is not numeric or holds NaN or infinite entries.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers; got {value!r:.80}") from error
    except OverflowError as error:
        raise InvalidInput(f"{name} holds a number beyond the range of floats") from error
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidInput(f"{name} must be finite; entry {where} is {array[where]}")
    return array


def require(condition: bool, message: str) -> None:
    """Raise `InvalidInput(message)` unless `condition` holds."""
    if not condition:
        raise InvalidInput(message)
