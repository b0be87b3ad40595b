"""The number Φ_d that rules polynomials of degree d: the positive root of (x + 1)^d = x^(d+1), the golden ratio for d = 1."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

from poagame.games.checks import whole

MOST_DEGREE = 10**18
"""Of the results that rest on Φ_d; decimals of so many digits take milliseconds."""


def degree_of_powers(degree: object) -> int:
    """`degree` as a whole number of at least 1.

    Raises
    ------
    InvalidInput
        If it is none, or beyond `MOST_DEGREE`.
    """
    return whole(degree, "degree", 1, MOST_DEGREE)


def digits_for(degree: int) -> Context:
    """Decimals with some 60 digits left after powers of this degree, and exponents beyond those of floats."""
    return Context(prec=60 + 2 * len(str(degree)), Emax=MAX_EMAX, Emin=MIN_EMIN)


def golden(degree: int) -> Decimal:
    """Φ_d to some 60 digits, by Newton's method on (d + 1) ln x − d ln(x + 1), which rises to it from the left.

    Raises
    ------
    InvalidInput
        As `degree_of_powers`.
    """
    d = degree_of_powers(degree)
    with localcontext(digits_for(d)) as context:
        x, last = Decimal(1), Decimal(0)
        while x - last > x.scaleb(12 - context.prec):
            short = d * (x + 1).ln() - (d + 1) * x.ln()
            x, last = x + short * x * (x + 1) / (x + 1 + d), x
        return x


def floor_golden(degree: int) -> int:
    """⌊Φ_d⌋: the largest k with (k + 1)^d ≥ k^(d+1)."""
    return int(golden(degree))
