r"""What selfish placement costs with several storage tiers, or with a way to do without any copy.

Without limits on storage, with one placement cost and no subsidies, no more than with one tier in the worst case: n. *Proof.* Let
:math:`h_i` be the least that node i can pay by itself, :math:`\min_t (\alpha p_t + w_i a_t)` or its miss. At an equilibrium it pays at most
that. Let the optimum serve it by a copy in tier t, its own or another's: then the optimum pays :math:`\alpha p_t` for that place and
:math:`w_i a_t` or more for i's reading, together at least :math:`h_i`; or i misses. So the optimum costs :math:`\max_i h_i` or more, and an
equilibrium :math:`\sum_i h_i` or less. Several objects are a sum of such games.

But n is now reached where one tier does no harm at all. A slow tier is one that nodes settle for while one fast copy would serve them all,
and as nobody buys that copy, even the best equilibrium may cost n times the optimum. A miss acts likewise: it is a slow copy that everybody
has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from poagame.bounds.caching import NOT_BUILT, _buildable
from poagame.bounds.record import Measure, PoaBound
from poagame.games.caching import CachingGame
from poagame.games.checks import whole
from poagame.games.instances.caching_stores import caching_two_tiers


def caching_tiers(nodes: int) -> PoaBound:
    """Any tiers and misses, distances and demands, no limits on storage: price of anarchy n, attained by unit demands at one place.

    Parameters
    ----------
    nodes : int
        n ≥ 2.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.

    Examples
    --------
    >>> caching_tiers(8).value
    8.0
    """
    n = whole(nodes, "nodes", 2)
    shown = _buildable(n)
    return PoaBound(
        float(n),
        "pure",
        _described(n),
        shown,
        "own proof",
        "caching_tiers",
        build=partial(caching_two_tiers, n) if shown else None,
        remark="" if shown else NOT_BUILT,
    )


def caching_tiers_best(nodes: int) -> PoaBound:
    """As `caching_tiers`, for the *best* equilibrium: n as well, where one tier has a price of stability of 1 (nodes at one place).

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    return _approached(nodes, "caching_tiers_best", "price of stability", _described)


def caching_added_tier(nodes: int) -> PoaBound:
    r"""By how much a further tier can raise the cost of equilibria: n times.

    The new equilibrium costs at most n times the new optimum, which is no dearer than the old one, nor that than the old equilibrium.
    Approached by colocated nodes: without a slow tier they hold one fast copy among them; with one that is just good enough, all read
    slowly at every equilibrium.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.

    Examples
    --------
    >>> round(caching_added_tier(8).approach(999).certified["harm"], 9)
    7.999
    """
    return _approached(
        nodes,
        "caching_added_tier",
        "harm",
        lambda n: f"selfish caching, {n} nodes, a tier added, any distances and demands, one placement cost",
    )


def _approached(nodes: int, name: str, measure: Measure, described: Callable[[int], str]) -> PoaBound:
    n = whole(nodes, "nodes", 2)
    shown = _buildable(n)
    return PoaBound(
        float(n),
        "pure",
        described(n),
        shown,
        "own proof",
        name,
        measure,
        approach=partial(_just_cheaper, n) if shown else None,
        remark="approached as reading slowly costs as much as a fast copy" if shown else NOT_BUILT,
    )


def _described(nodes: int) -> str:
    return f"selfish caching, {nodes} nodes, any tiers, misses, distances and demands, no limits on storage, one placement cost"


def _just_cheaper(nodes: int, size: int) -> CachingGame:
    return caching_two_tiers(nodes, 1.0 - 1.0 / nodes / (whole(size, "size", 1) + 1.0))
