r"""The rule of Dynamo 0.9.0's router: what a candidate worker costs, and which one is taken.

Checked against the binary's own log (`poagame.serving.replay`): a candidate costs :math:`W \cdot \text{prefill blocks} + \text{decode
blocks}`, where both count what the worker would hold if the request went there. At temperature 0 the cheapest is taken, the smallest radix
tree of those that tie, then any; above, one is drawn by its cost over the range of costs (`poagame.serving.choice`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.checks import finite
from poagame.serving import choice

Leg: TypeAlias = Literal["aggregated", "prefill", "decode"]
"""What is decided: a worker that does both, or in a disaggregated deployment first one that prefills, then one that decodes."""


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
        require_no_less_than_zero(self, "overlap_weight", "temperature")

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
        require_leg(leg)
        prefill, decode = block_counts(prefill_blocks=prefill_blocks, decode_blocks=decode_blocks)
        weight = 0.0 if leg == "decode" else self.overlap_weight
        return weight * prefill + (0.0 if leg == "prefill" else 1.0) * decode

    def probabilities(self, logits: ArrayLike) -> FloatArray:
        """[..., W]: how likely each candidate is taken; at temperature 0 the cheapest share it, as if their trees were of one size.

        Raises
        ------
        InvalidInput
            If logits are not finite or there are none.
        """
        return choice.probabilities(logits, self.temperature)

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
        return choice.choose(logits, self.temperature, rng, tree_size)


def require_no_less_than_zero(record: Any, *names: str) -> None:
    """Keep fields of a frozen record as floats, or raise `InvalidInput` where one is negative or no number."""
    for name in names:
        value = finite(getattr(record, name), name)
        require(value >= 0, f"{name} must be at least 0; got {value:g}")
        object.__setattr__(record, name, value)


def require_leg(leg: object) -> None:
    """Raise `InvalidInput` unless it is a `Leg`."""
    require(leg in get_args(Leg), f"leg is {', '.join(map(repr, get_args(Leg)))}; got {leg!r:.60}")


def block_counts(**given: ArrayLike) -> list[FloatArray]:
    """Numbers of blocks at the same workers, each [..., W], by their names.

    Raises
    ------
    InvalidInput
        If some are negative, not finite, or of shapes that do not go together.
    """
    arrays = {name: as_floats(blocks, name) for name, blocks in given.items()}
    for name, blocks in arrays.items():
        require(blocks.ndim >= 1 and blocks.shape[-1] >= 1, f"{name} is [..., W]; got shape {blocks.shape}")
        require(bool((blocks >= 0).all()), f"{name} must be at least 0; the smallest is {blocks.min(initial=0.0):g}")
    shapes = [blocks.shape for blocks in arrays.values()]
    listed = f"{' and '.join(arrays)} are of the same workers, [..., W]; got shapes {', '.join(map(str, shapes))}"
    require(len({shape[-1] for shape in shapes}) == 1, listed)
    try:
        np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise InvalidInput(listed) from error
    return list(arrays.values())
