"""Numbers beyond the range of floats, as logarithms of many digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import NamedTuple

from poagame.games.instances._golden import digits_for, golden

MOST_EXPONENT = 309


class Big(NamedTuple):
    """A positive number: rounded to a float (infinite beyond), and its decimal logarithm."""

    value: float
    log10: float


def big(logarithm: Decimal) -> Big:
    """The number of a decimal logarithm with digits to spare."""
    if logarithm > MOST_EXPONENT:
        return Big(float("inf"), float(logarithm))
    with localcontext(digits_for(1)):
        return Big(float(10**logarithm), float(logarithm))


def big_power(base: int, degree: int) -> Big:
    """Return base^degree of whole numbers of at least 1."""
    with localcontext(digits_for(degree)):
        logarithm = degree * Decimal(base).log10()
        # a whole number may lie halfway between floats, where the last digit of a logarithm would decide
        return Big(float(base**degree), float(logarithm)) if logarithm < MOST_EXPONENT - 1 else big(logarithm)


def weighted_power(degree: int) -> Big:
    """Φ_d^(d+1)."""
    with localcontext(digits_for(degree)):
        return big((degree + 1) * golden(degree).log10())


def splittable_power(degree: int) -> Big:
    """((1 + √(d + 1))/2)^(d+1)."""
    with localcontext(digits_for(degree)):
        return big((degree + 1) * ((1 + Decimal(degree + 1).sqrt()) / 2).log10())


def gamma(degree: int) -> Big:
    r"""γ(d) of `atomic_polynomial`, its powers taken out: with K = k + 1,

    .. math:: \gamma = K^d\,\frac{K - k\,(1 - K^{-2})^d}{[K - (1 + 1/K)^d] + [1 - k\,(1 - 1/K)^d]},

    where both brackets are nonnegative. γ is continuous where Φ_d passes a whole number, so that no digit hangs on the floor there.
    """
    with localcontext(digits_for(degree)):
        k = int(golden(degree))
        top = Decimal(k + 1)
        above = top - k * (1 - 1 / top**2) ** degree
        below = (top - (1 + 1 / top) ** degree) + (1 - k * (1 - 1 / top) ** degree)
        return big(degree * top.log10() + above.log10() - below.log10())
