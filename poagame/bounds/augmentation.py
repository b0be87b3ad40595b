r"""Resource augmentation: how much more traffic the optimum must carry to cost as much as selfish routing (nonatomic).

.. [roughgarden2002] Roughgarden, Tardos: How bad is selfish routing?, Journal of the ACM 49 (2002).
.. [correa2008] Correa, Schulz, Stier-Moses: A geometric approach to the price of anarchy in nonatomic congestion games, Games and
   Economic Behavior 64 (2008).
"""

from __future__ import annotations

from functools import partial

from numpy.typing import ArrayLike

from poagame.bounds.latency_classes import anarchy_value
from poagame.bounds.nonatomic import degree_of
from poagame.bounds.record import PoaBound
from poagame.games.checks import positive, whole
from poagame.games.instances.nonatomic import mm1_pigou, pigou, pigou_optimum
from poagame.games.network import NetworkRouting
from poagame.latency import Latency


def demand_augmentation(gamma: float = 1.0) -> PoaBound:
    r"""The equilibrium costs at most 1/γ times the optimum of 1 + γ times the demand, :math:`\gamma\,C(f_r) \le C(f^*_{(1+\gamma) r})`.

    For any nondecreasing latencies [roughgarden2002]_; the value is the factor 1 + γ of the demand, 2 for γ = 1. On Pigou's links of
    degree d the equilibrium costs 1. The optimum puts :math:`x^* = (d+1)^{-1/d}` on the steep link, and so costs R − β(d) at demands
    R ≥ x*, and :math:`R^{d+1}` at smaller ones: γ + β(d) is needed if γ ≥ x*/(d + 1) (its cost at x*), else :math:`\gamma^{1/(d+1)}`.
    The former is so of all large d, and tends to 1 + γ.

    Parameters
    ----------
    gamma : float
        γ > 0.

    Raises
    ------
    InvalidInput
        If gamma is not positive and finite.

    Examples
    --------
    >>> demand_augmentation().value
    2.0
    """
    g = positive(gamma, "gamma")
    return PoaBound(
        value=1.0 + g,
        kind="wardrop",
        valid_for=f"networks of any nondecreasing latencies: {g:g} times the equilibrium's cost is at most the cost of the "
        f"optimum of {1.0 + g:g} times the demand",
        tight=True,
        source="Roughgarden and Tardos 2002 [roughgarden2002]",
        name="demand_augmentation",
        measure="augmentation",
        approach=partial(_pigou_needing, g),
    )


def sharp_augmentation(degree: float) -> PoaBound:
    r"""Polynomials of degree d: the equilibrium costs at most the optimum of 1 + β(d) times the demand [correa2008]_.

    :math:`\beta(d) = d\,(d+1)^{-(d+1)/d}`. Pigou's links of degree d need exactly that much.

    Parameters
    ----------
    degree : float
        d ≥ 1.

    Raises
    ------
    InvalidInput
        If the degree is no finite number of at least 1.

    Examples
    --------
    >>> sharp_augmentation(1).value
    1.25
    """
    d = degree_of(degree)
    return PoaBound(
        value=2.0 - pigou_optimum(d),
        kind="wardrop",
        valid_for=f"networks of polynomials of degree at most {d:g}: the cost of the optimum of so many times the demand",
        tight=True,
        source="Correa, Schulz, Stier-Moses 2008 [correa2008]",
        name="sharp_augmentation",
        measure="augmentation",
        build=partial(pigou, d),
    )


def sharp_augmentation_of(latency: Latency, max_load: ArrayLike) -> PoaBound:
    r"""Any class of latencies: the equilibrium costs at most the optimum of :math:`1 + \beta = 2 - 1/\alpha` times the demand.

    α is the `anarchy_value` of the class, computed with its tolerance; the pair of links that attains it needs exactly that
    much, as beyond the optimal load of the first link the optimum sends all further demand over the constant one.

    Parameters
    ----------
    latency : Latency
        A class of as many members as it has resources.
    max_load : float or [R]
        Largest load of an edge at the equilibrium; the optimum may exceed it.

    Raises
    ------
    InvalidInput
        As `anarchy_value`.

    Examples
    --------
    >>> from poagame.latency import MM1
    >>> round(sharp_augmentation_of(MM1(1.0), 0.75).value, 9)
    1.333333333
    """
    worst = anarchy_value(latency, max_load)
    return PoaBound(
        value=2.0 - 1.0 / worst.value,
        kind="wardrop",
        valid_for=f"{worst.valid_for}: the cost of the optimum of so many times the demand",
        tight=True,
        source="Correa, Schulz, Stier-Moses 2008 [correa2008]; value computed",
        name="sharp_augmentation_of",
        measure="augmentation",
        build=worst.build,
        approach=worst.approach,
        remark=worst.remark,
    )


def mm1_capacity_augmentation() -> PoaBound:
    r"""M/M/1 queues: selfish routing with twice the capacities costs at most the optimum with the given ones.

    Capacities scaled by κ turn :math:`1/(\mu - x)` into :math:`1/(\kappa\mu - x)`, which is :math:`\ell(x/\kappa)/\kappa`: the same as
    demand scaled by 1/κ, so that this is `demand_augmentation` in other words. The pair of `mm1_pigou` at utilisation ρ needs
    :math:`\kappa = 2/(1 + \sqrt{1 - \rho})`, which tends to 2; its constant link, of delay D, is scaled to D/κ as the limit of many fast
    queues one after the other would be.

    Examples
    --------
    >>> mm1_capacity_augmentation().value
    2.0
    """
    return PoaBound(
        value=2.0,
        kind="wardrop",
        valid_for="networks of M/M/1 queues: the factor of all capacities (and of the speeds of constant delays)",
        tight=True,
        source="Roughgarden and Tardos 2002 [roughgarden2002]; tightness derived here",
        name="mm1_capacity_augmentation",
        measure="augmentation",
        approach=_queue_near_capacity,
    )


def _pigou_needing(gamma: float, size: int) -> NetworkRouting:
    """Pigou's links of a degree, and the demand whose optimum costs γ times the equilibrium."""
    game = pigou(whole(size, "size", 1))
    turn, saved = game.certified["optimum_load"], 1.0 - game.certified["optimum_cost"]
    needed = gamma + saved if gamma >= turn / (size + 1.0) else gamma ** (1.0 / (size + 1.0))
    return game.named(game.source, **{**game.certified, "augmentation": needed})


def _queue_near_capacity(size: int) -> NetworkRouting:
    # beyond ten million the free capacity 1/(size² + 1) would be lost beside 1
    return mm1_pigou(1.0 - 1.0 / (whole(size, "size", 1, 10**7) ** 2 + 1.0))
