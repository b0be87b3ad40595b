"""Where a node can hold a copy: storage tiers, each with the price of a place and the time to read from it."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, as_floats, require
from poagame.games.caching_input import numbers, read_only


class Tiers(eqx.Module):
    r"""Storage tiers of a node, from the one nearest to its cores to the farthest.

    Parameters
    ----------
    names : sequence of str
        T different names, such as "HBM" and "DRAM".
    price : [T]
        Price of a place relative to the node's placement cost, ≥ 0: a copy in tier t costs node i :math:`\alpha_i p_t`.
    access : [T]
        :math:`a_t \ge 0`, added to each read of a copy in tier t, its holder's own included; in the unit of distances.

    Raises
    ------
    InvalidInput
        If there is no tier, names repeat or are no text, or prices and accesses are not one number ≥ 0 for each name.

    Examples
    --------
    >>> Tiers(["HBM", "DRAM"], price=[1.0, 0.2], access=[0.0, 3.0])
    Tiers(('HBM', 'DRAM'), price=[1.0, 0.2], access=[0.0, 3.0])
    """

    names: tuple[str, ...] = eqx.field(static=True)
    price: Array
    """[T]"""
    access: Array
    """[T]"""

    def __init__(self, names: Sequence[str], price: ArrayLike, access: ArrayLike) -> None:
        require(
            isinstance(names, Sequence) and not isinstance(names, str),
            f"names is a list of names, one for each tier; got {names!r:.60}",
        )
        named = tuple(names)
        require(
            len(named) > 0 and all(isinstance(name, str) for name in named) and len(set(named)) == len(named),
            f"tiers need different names, at least one; got {named!r:.80}",
        )
        self.names = named
        self.price, self.access = (_each(v, n, len(named)) for v, n in ((price, "price"), (access, "access")))

    def __len__(self) -> int:
        """T, the number of tiers."""
        return len(self.names)

    def __repr__(self) -> str:
        """Code that rebuilds them."""
        return (
            f"Tiers({self.names!r}, price={np.asarray(self.price).tolist()}, access={np.asarray(self.access).tolist()})"
        )


def _each(value: ArrayLike, name: str, tiers: int) -> Array:
    array = as_floats(numbers(value, f"{name} of tiers"), f"{name} of tiers")
    require(array.shape == (tiers,), f"{name} must be one number for each of {tiers} tiers; got shape {array.shape}")
    require(bool((array >= 0).all()), f"{name} of tiers must be >= 0; got {array.tolist()}")
    return read_only(array)


ONE_TIER = Tiers(("copy",), [1.0], [0.0])
"""The classical game's: a copy is a copy, and one's own costs nothing to read."""
