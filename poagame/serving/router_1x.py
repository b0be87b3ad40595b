r"""The rule of Dynamo 1.x's router, which takes what is cached off the prefill term as a credit.

A candidate costs :math:`S \cdot \max(0, \text{raw prefill} - \text{credit} \cdot \text{overlap}) + \text{decode}`, in blocks, where raw
prefill counts the request's whole prompt, cached or not. With credit 1 that is 0.9.0's cost with W = S; another credit weighs the cache
without weighing the queue of prompts, which W could not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray
from poagame.serving import choice
from poagame.serving.router import Leg, block_counts, require_leg, require_no_less_than_zero


@dataclass(frozen=True, slots=True)
class DynamoRouter1:
    """The rule of Dynamo 1.x's KV router, by its source; no recording of a 1.x router checks it here.

    Read in ai-dynamo/dynamo, lib/kv-router/src/scheduling/selector.rs at 01690d4 (2026): the cost, the softmax over costs divided by their
    range, ties at temperature 0 to any (no tree sizes), no prefill term on the decode leg and no decode term on the prefill leg.

    Left out, as they are 0 or off by default: a decay of the credit with the queue of prompts, a cost an active request, taints,
    shared caches, and overlap taken off decode blocks in conditional disaggregation. Caches of the host and the disk have credits of their
    own there: a worker that has them is cheaper than here.

    Parameters
    ----------
    prefill_load_scale : float
        S ≥ 0: blocks of decoding that a block of prefill counts for.
    overlap_score_credit : float
        ≥ 0: blocks of prefill that a block found in the worker's cache saves. 0: cached prefixes do not matter.
    temperature : float
        T ≥ 0 of the softmax over costs divided by their range.

    Raises
    ------
    InvalidInput
        If a parameter is negative or no number.

    Examples
    --------
    >>> router = DynamoRouter1(prefill_load_scale=2.0, overlap_score_credit=0.5)
    >>> router.logits(raw_prefill_blocks=[8.0, 1.0], overlap_blocks=[4.0, 4.0], decode_blocks=[10.0, 12.0]).tolist()
    [22.0, 12.0]
    """

    prefill_load_scale: float = 1.0
    overlap_score_credit: float = 1.0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        require_no_less_than_zero(self, "prefill_load_scale", "overlap_score_credit", "temperature")

    def logits(
        self,
        raw_prefill_blocks: ArrayLike,
        overlap_blocks: ArrayLike,
        decode_blocks: ArrayLike,
        leg: Leg = "aggregated",
    ) -> FloatArray:
        """Cost of each candidate [..., W] in blocks, lower is better.

        Parameters
        ----------
        raw_prefill_blocks : [..., W]
            Prompt tokens that wait at each worker and all of this request's, over the block's size; real numbers.
        overlap_blocks : [..., W]
            Blocks of the prompt in each worker's cache.
        decode_blocks : [..., W]
            Active blocks that each would hold.
        leg : str
            A disaggregated deployment's "prefill" leg has no decode term, its "decode" leg no prefill term.

        Raises
        ------
        InvalidInput
            If the leg is unknown, or blocks are negative, not finite, or of shapes that do not go together.
        """
        require_leg(leg)
        raw, overlap, decode = block_counts(
            raw_prefill_blocks=raw_prefill_blocks, overlap_blocks=overlap_blocks, decode_blocks=decode_blocks
        )
        scale = 0.0 if leg == "decode" else self.prefill_load_scale
        to_prefill = np.maximum(raw - self.overlap_score_credit * overlap, 0.0)
        return scale * to_prefill + (0.0 if leg == "prefill" else 1.0) * decode

    def probabilities(self, logits: ArrayLike) -> FloatArray:
        """[..., W]: how likely each candidate is taken; at temperature 0 the cheapest share it.

        Raises
        ------
        InvalidInput
            If logits are not finite or there are none.
        """
        return choice.probabilities(logits, self.temperature)

    def choose(self, logits: ArrayLike, rng: np.random.Generator) -> int:
        """Take a candidate by its logits [W]; any of those that tie.

        Raises
        ------
        InvalidInput
            If logits are not finite numbers [W].
        """
        return choice.choose(logits, self.temperature, rng)
