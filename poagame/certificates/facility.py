r"""A lower bound on what any choice of places costs, from prices that readers would pay; no solver need be trusted.

The facility location problem: hold slots s at a cost :math:`h_s` each, and let each reader i read the cheapest held slot, or miss,

.. math:: C(H) = \sum_{s \in H} h_s + \sum_i \min\Big( m_i,\ \min_{s \in H} r_{is} \Big).

It is the social optimum of a caching game of one object without limits on storage. For every price vector v with
:math:`v_i \le m_i` and every choice H,

.. math:: C(H) \;\ge\; L(v) = \sum_i v_i + \sum_s \min\Big( 0,\ h_s - \sum_i (v_i - r_{is})^+ \Big).

*Proof.* A reader that misses pays :math:`m_i \ge v_i`. One that reads slot s in H pays :math:`r_{is} \ge v_i - (v_i - r_{is})^+`, and
no other term of the sum over s in H is negative, so that in either case it pays at least :math:`v_i - \sum_{s \in H} (v_i - r_{is})^+`.
Sum over i and add :math:`h_s` for the slots in H: :math:`C(H) \ge \sum_i v_i + \sum_{s \in H} [h_s - \sum_i (v_i - r_{is})^+]`, and
each bracket is at least its minimum with 0, as are those left out. ∎ The largest L(v) is the value of the linear
relaxation, by duality [erlenkotter1978]_.

.. [erlenkotter1978] Erlenkotter: A dual-based procedure for uncapacitated facility location, Operations Research 26 (6), 1978.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import InvalidInput

CHUNK = 2**20
"""Entries of a table [n, slots] that are in hand at once."""


def facility_lower_bound(
    read: ArrayLike, hold: ArrayLike, miss: ArrayLike, prices: ArrayLike, must: ArrayLike | None = None
) -> float:
    r"""Lower bound on the cost of every choice of slots, for any `prices` [n]; the module's docstring has the proof.

    Slots that must be held cost what they cost, and a reader never pays more than the cheapest of them: with :math:`m'_i` the least of
    :math:`m_i` and these, the bound is that of the other slots, plus :math:`\sum_{s \text{ must}} h_s`. Prices beyond
    :math:`[0, m'_i]` are moved to its ends, which costs no validity: the bound holds for every price there.

    Parameters
    ----------
    read : [n, S]
        r ≥ 0, what reader i pays for reading slot s; infinite where it cannot.
    hold : [S]
        h ≥ 0.
    miss : [n]
        m ≥ 0, what reader i pays without reading; infinite where it cannot do without.
    prices : [n]
        v, finite.
    must : bool [S], optional
        Slots that are held in any case.

    Returns
    -------
    float
        Up to rounding of the sums, at most the cost of any choice; infinite if a reader can neither read any slot nor miss.

    Raises
    ------
    InvalidInput
        If shapes differ, costs are negative or NaN, a hold is infinite, or a price is no finite number.

    Examples
    --------
    Two readers that pay 2 for each other's slot, and 3 for holding one: the second price pays for nothing that the first has not.

    >>> facility_lower_bound([[0, 2], [2, 0]], [3, 3], [9, 9], prices=[2.5, 2.5])
    5.0
    >>> facility_lower_bound([[0, 2], [2, 0]], [3, 3], [9, 9], prices=[0, 0], must=[True, True])
    6.0
    """
    reads, holds, misses, fixed = facility_tables(read, hold, miss, must)
    v = as_floats(prices, "prices")
    require(v.shape == misses.shape, f"prices must be one for each of {len(misses)} readers; got shape {v.shape}")
    if not (np.isfinite(misses) | np.isfinite(reads).any(axis=1)).all():
        return float("inf")
    v = np.clip(v, 0.0, np.minimum(misses, reads[:, fixed].min(axis=1, initial=np.inf)))
    total = float(v.sum()) + float(holds[fixed].sum())
    slots = max(1, CHUNK // max(1, len(v)))
    for at in range(0, len(holds), slots):
        paid = np.maximum(0.0, v[:, None] - reads[:, at : at + slots]).sum(axis=0)
        spare = np.minimum(0.0, holds[at : at + slots] - paid)
        total += float(spare[~fixed[at : at + slots]].sum())
    return total


def facility_tables(
    read: ArrayLike, hold: ArrayLike, miss: ArrayLike, must: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, np.ndarray]:
    """The arguments as arrays [n, S], [S], [n] and bool [S], checked and, where they are arrays already, not copied.

    Raises
    ------
    InvalidInput
        If shapes differ, costs are negative or NaN, or a hold is infinite.
    """
    reads, holds, misses = (_costs(v, name) for v, name in ((read, "read"), (hold, "hold"), (miss, "miss")))
    require(
        reads.ndim == 2 and reads.shape == (misses.size, holds.size) and holds.ndim == misses.ndim == 1,
        f"read must be [n, S], hold [S] and miss [n]; got shapes {reads.shape}, {holds.shape} and {misses.shape}",
    )
    require(len(misses) > 0, "there is no reader: read must have a row")
    require(bool(np.isfinite(holds).all()), "hold must be finite: leave out slots that cannot be held")
    fixed = np.zeros(holds.size, dtype=bool) if must is None else np.asarray(must)
    require(
        fixed.dtype == bool and fixed.shape == holds.shape,
        f"must is a bool for each of {holds.size} slots; got {fixed.dtype} of shape {fixed.shape}",
    )
    return reads, holds, misses, fixed


def _costs(value: ArrayLike, name: str) -> FloatArray:
    try:
        array = np.asarray(value)
        require(array.dtype.kind in "iuf" or array.size == 0, f"{name} must be numbers; got {array.dtype}")
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers; got {value!r:.80}") from error
    # NaN is not >= 0 either
    require(bool((array >= 0).all()), f"{name} must be >= 0, without NaN")
    return array
