r"""Atomic players that split their demand over their actions.

.. [cominetti2009] Cominetti, Correa, Stier-Moses: The impact of oligopolistic competition in networks, Operations Research 57 (2009).
.. [roughgarden2015splittable] Roughgarden, Schoppmann: Local smoothness and the price of anarchy in splittable congestion games,
   Journal of Economic Theory 156 (2015).
"""

from __future__ import annotations

from poagame.bounds._big import splittable_power
from poagame.bounds.record import PoaBound
from poagame.games.instances._golden import degree_of_powers
from poagame.games.instances.splittable import splittable_affine


def splittable(degree: int) -> PoaBound:
    r"""3/2 for affine latencies and :math:`\big((1 + \sqrt{d+1})/2\big)^{d+1}` for polynomials of degree at most d ≥ 2.

    The λ/(1 − μ) of `local_smoothness`. Local smoothness sums what players gain by small moves towards the optimum. Their first-order
    conditions hold at every outcome of a correlated equilibrium on average, given a player's recommendation, but not in a coarse correlated
    one, which knows no recommendation: the bound does not extend to it [roughgarden2015splittable]_.

    At d = 1 the formula is 1.457107, the value of linear latencies a x alone: its λ = 0.854 fails for constants, which need λ ≥ 1 and so
    3/2 [cominetti2009]_. For d ≥ 2 the best λ is above 1, and the formula covers all polynomials.

    Parameters
    ----------
    degree : int
        1 ≤ d ≤ 10¹⁸.

    Raises
    ------
    InvalidInput
        If the degree is no whole number in this range.

    Examples
    --------
    >>> [splittable(d).digits(7) for d in (1, 2, 3, 10**6)]
    ['1.5', '2.549038', '5.0625', '9.957e+2699406']
    """
    d = degree_of_powers(degree)
    value, log10 = (1.5, float("nan")) if d == 1 else splittable_power(d)
    return PoaBound(
        value=value,
        kind="correlated",
        valid_for=f"atomic players that split, with polynomials with nonnegative coefficients of degree at most {d}",
        tight=d == 1,
        source="Cominetti, Correa and Stier-Moses 2009 [cominetti2009]; Roughgarden and Schoppmann 2015 [roughgarden2015splittable]",
        name="splittable",
        approach=splittable_affine if d == 1 else None,
        remark="" if d == 1 else "tight by [roughgarden2015splittable]; its games are not built here",
        log10_value=log10,
    )
