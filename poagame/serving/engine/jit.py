"""How the engine is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "_nrt": False}
# 2026-11, numba 0.68: with its runtime, every array that is taken out of a NamedTuple costs an atomic increment and a decrement, 44 µs a
# request instead of 0.6 µs. `_nrt=False` leaves the runtime out. The switch is not public; the price is that nothing can be allocated.


def inlined(function: F) -> F:
    """Of a part of the loop: it becomes part of its caller, so that the tuples of arrays are never passed."""
    return numba.njit(inline="always", **_OPTIONS)(function)  # pyright: ignore[reportReturnType]  # a dispatcher is called like the function


def leaf(function: F) -> F:
    """Of what takes a few arrays and calls nothing: compiled once, then part of its callers, which compile faster for it."""
    return numba.njit(forceinline=True, **_OPTIONS)(function)  # pyright: ignore[reportReturnType]  # a dispatcher is called like the function


def compiled(function: F) -> F:
    """Of what Python calls."""
    return numba.njit(**_OPTIONS)(function)  # pyright: ignore[reportReturnType]  # a dispatcher is called like the function
