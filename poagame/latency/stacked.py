"""Latencies of several families side by side, one for each resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import equinox as eqx
import jax
import numpy as np

from poagame._arrays import Array, IntArray, namespace, require
from poagame.errors import InvalidInput
from poagame.latency.base import Latency, Part, part


class Stacked(Latency):
    """Resources that follow different families: part i holds the resources `positions[i]`.

    `Stacked.of` builds one from a latency for each resource and merges those of one family, so that evaluating it costs a
    few array operations for each family.

    Parameters
    ----------
    parts : sequence of Latency
        One latency for each group of resources.
    positions : sequence of [R_i] int
        Which resources the group holds; together each of 0 … R−1 once.

    Examples
    --------
    >>> from poagame.latency import MM1, Polynomial
    >>> Stacked.of([MM1(2.0), Polynomial([0.0, 1.0]), MM1(4.0)])([1.0, 1.0, 2.0])
    array([1. , 1. , 0.5])
    """

    parts: tuple[Latency, ...] = eqx.field(converter=tuple)
    positions: tuple[IntArray, ...] = eqx.field(converter=lambda p: tuple(np.asarray(i, dtype=np.int64) for i in p))

    def __check_init__(self) -> None:
        sizes = [latency.num_resources for latency in self.parts]
        require(len(self.parts) > 0, "stack at least one latency")
        require(sizes == [p.size for p in self.positions], f"parts of {sizes} resources, but positions for others")
        order = np.sort(np.concatenate(self.positions))
        require(bool((order == np.arange(order.size)).all()), "positions must name each of 0 … R−1 once")

    @classmethod
    def of(cls, latencies: Sequence[Latency]) -> Latency | Self:
        """One latency of R resources from R latencies of one resource; a plain one where all are of one family."""
        require(len(latencies) > 0, "stack at least one latency")
        groups: dict[object, list[int]] = {}
        for r, latency in enumerate(latencies):
            if not isinstance(latency, Latency) or latency.num_resources != 1:
                raise InvalidInput(f"entry {r} must be a latency of one resource; got {latency!r:.80}")
            leaves, structure = jax.tree.flatten(latency)
            shapes = tuple(np.shape(leaf) for leaf in leaves)
            mergeable = all(shape[:1] == (1,) for shape in shapes)
            groups.setdefault((structure, shapes) if leaves and mergeable else r, []).append(r)
        parts = [
            jax.tree.map(lambda *leaves: np.concatenate(leaves), *[latencies[r] for r in members])
            if len(members) > 1
            else latencies[members[0]]
            for members in groups.values()
        ]
        return parts[0] if len(parts) == 1 else cls(parts, list(groups.values()))

    def replicated(self, copies: int) -> Latency:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`copies` identical resources from the one resource that is here."""
        require(
            self.num_resources == 1, f"only a latency of one resource can be replicated; this has {self.num_resources}"
        )
        return self.parts[0].replicated(copies)

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return sum(p.size for p in self.positions)

    def value(self, load: Array) -> Array:
        """ℓ of each part at its own loads."""
        return self._each("value", load)

    def derivative(self, load: Array) -> Array:
        """ℓ′ of each part at its own loads."""
        return self._each("derivative", load)

    def curvature(self, load: Array) -> Array:
        """ℓ″ of each part at its own loads."""
        return self._each("curvature", load)

    def primitive(self, load: Array) -> Array:
        """∫ℓ of each part at its own loads."""
        return self._each("primitive", load)

    def _each(self, function: Part, load: Array) -> Array:
        xp = namespace(load, *self.positions, *jax.tree.leaves(self.parts))
        x = xp.asarray(load)
        x = xp.broadcast_to(x, np.broadcast_shapes(x.shape, (self.num_resources,)))
        pieces = [
            part(latency, function, x[..., where]) for latency, where in zip(self.parts, self.positions, strict=True)
        ]
        # the positions may be tracers under jit, so they are inverted with the array library in use
        inverse = xp.argsort(xp.concatenate([xp.asarray(p) for p in self.positions]))
        return xp.concatenate(pieces, axis=-1)[..., inverse]
