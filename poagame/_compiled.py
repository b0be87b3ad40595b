"""How numba compiles a function that Python calls, said once, so that it keeps its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call and keep the result on disk; the interpreter's lock is released while it runs."""
    return numba.njit(cache=True, nogil=True)(function)  # pyright: ignore[reportReturnType]  # a dispatcher is called like the function
