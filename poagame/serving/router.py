r"""Dynamo's router: what a candidate worker costs, and which one is taken.

Of version 0.9.0, checked against the binary's own log: a candidate costs :math:`W \cdot \text{prefill blocks} + \text{decode blocks}`,
where both count what the worker would hold if the request went there. At temperature 0 the cheapest is taken, the smallest radix tree
of those that tie, then any. Above, worker w is taken with a probability in proportion to :math:`\exp(-c_w / ((\max c - \min c) \, T))`:
costs are divided by their range first, so with two workers the better one has :math:`1 / (1 + e^{-1/T})` whatever the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.checks import finite

Leg: TypeAlias = Literal["aggregated", "prefill", "decode"]


@dataclass(frozen=True, slots=True)
class DynamoRouter:
    """The rule of Dynamo 0.9.0's KV router.

    Parameters
    ----------
    overlap_weight : float
        W ≥ 0: blocks of decoding that a block of prefill counts for. 0: cached prefixes do not matter.
    temperature : float
        T ≥ 0 of the softmax over costs divided by their range.

    Raises
    ------
    InvalidInput
        If a parameter is negative or no number.

    Examples
    --------
    >>> router = DynamoRouter(overlap_weight=1.0, temperature=0.5)
    >>> costs = router.logits(prefill_blocks=[8.0, 4.0], decode_blocks=[10.0, 12.0])
    >>> costs.tolist(), router.probabilities(costs).round(3).tolist()
    ([18.0, 16.0], [0.119, 0.881])
    """

    overlap_weight: float = 1.0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        for name in ("overlap_weight", "temperature"):
            value = finite(getattr(self, name), name)
            require(value >= 0, f"{name} must be at least 0; got {value:g}")
            object.__setattr__(self, name, value)

    def logits(self, prefill_blocks: ArrayLike, decode_blocks: ArrayLike, leg: Leg = "aggregated") -> FloatArray:
        """Cost of each candidate [..., W] in blocks, lower is better.

        Parameters
        ----------
        prefill_blocks : [..., W]
            Prompt tokens that each worker would have to prefill, its own and this request's without what is cached, over the block's
            size; real numbers.
        decode_blocks : [..., W]
            Active blocks that each would hold, shared prefixes once.
        leg : str
            A disaggregated deployment decides twice: its "prefill" leg has no decode term, its "decode" leg the weight 0.

        Raises
        ------
        InvalidInput
            If the leg is unknown, or blocks are negative, not finite, or of shapes that do not go together.
        """
        require(leg in get_args(Leg), f"leg is {', '.join(map(repr, get_args(Leg)))}; got {leg!r:.60}")
        prefill, decode = as_floats(prefill_blocks, "prefill_blocks"), as_floats(decode_blocks, "decode_blocks")
        for name, blocks in (("prefill_blocks", prefill), ("decode_blocks", decode)):
            require(blocks.ndim >= 1 and blocks.shape[-1] >= 1, f"{name} is [..., W]; got shape {blocks.shape}")
            require(
                bool((blocks >= 0).all()), f"{name} must be at least 0; the smallest is {blocks.min(initial=0.0):g}"
            )
        require(
            prefill.shape[-1] == decode.shape[-1],
            f"prefill_blocks and decode_blocks are of the same workers; got {prefill.shape[-1]} and {decode.shape[-1]}",
        )
        weight = 0.0 if leg == "decode" else self.overlap_weight
        return weight * prefill + (0.0 if leg == "prefill" else 1.0) * decode

    def probabilities(self, logits: ArrayLike) -> FloatArray:
        """[..., W]: how likely each candidate is taken; at temperature 0 the cheapest share it, as if their trees were of one size.

        Raises
        ------
        InvalidInput
            If logits are not finite or there are none.
        """
        costs = _costs(logits)
        away = costs - costs.min(axis=-1, keepdims=True)
        if self.temperature == 0.0:
            weight = (away == 0.0).astype(np.float64)
        else:
            span = away.max(axis=-1, keepdims=True)
            with np.errstate(over="ignore"):  # a temperature near 0 is 0: exp(−∞) = 0
                weight = np.exp(-np.divide(away, span, out=np.zeros_like(away), where=span > 0) / self.temperature)
        return weight / weight.sum(axis=-1, keepdims=True)

    def choose(self, logits: ArrayLike, rng: np.random.Generator, tree_size: ArrayLike | None = None) -> int:
        """Take a candidate by its logits [W].

        Parameters
        ----------
        logits : [W]
        rng : numpy.random.Generator
        tree_size : [W], optional
            Blocks in each worker's radix tree; at temperature 0 the smallest of those that tie is taken.

        Raises
        ------
        InvalidInput
            If logits or sizes are not finite numbers [W].
        """
        costs = _costs(logits)
        require(costs.ndim == 1, f"choose takes one decision's logits [W]; got shape {costs.shape}")
        if self.temperature > 0.0:
            return int(rng.choice(costs.size, p=self.probabilities(costs)))
        tied = np.flatnonzero(costs == costs.min())
        if tree_size is not None:
            size = as_floats(tree_size, "tree_size")
            require(size.shape == costs.shape, f"tree_size is [W] = {costs.shape}; got shape {size.shape}")
            tied = tied[size[tied] == size[tied].min()]
        return int(rng.choice(tied))


def _costs(logits: ArrayLike) -> FloatArray:
    costs = as_floats(logits, "logits")
    require(costs.ndim >= 1 and costs.shape[-1] >= 1, f"logits are [..., W]; got shape {costs.shape}")
    return costs
