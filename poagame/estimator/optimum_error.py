r"""How an error of the optimum goes into the ratio: bounds, each proved in its docstring. Ours; the paper has no account of it.

Let ρ = cost / OPT be the true ratio. What is divided by is a solver's bracket [lower, upper] of the optimum of a *model*, whose latencies
are off.
"""

from __future__ import annotations

from typing import NamedTuple

from poagame._arrays import require
from poagame.games.checks import finite, positive


class Interval(NamedTuple):
    """From low to high, both possible."""

    low: float
    high: float


def optimum_interval(lower: float, upper: float, *, relative: float = 0.0, absolute: float = 0.0) -> Interval:
    r"""Where the true optimum lies, given the model's, if the model's cost of every assignment is near the true one.

    Suppose :math:`(1 - \varepsilon) C(x) - \delta \le \hat C(x) \le (1 + \varepsilon) C(x) + \delta` for all assignments x. That is
    so if each latency is off by at most the share ε at all loads (sums keep it), with δ = n · (the largest absolute error of a request).
    Take x optimal for C: :math:`\widehat{OPT} \le \hat C(x) \le (1 + \varepsilon) OPT + \delta`. Take it optimal for Ĉ:
    :math:`\widehat{OPT} = \hat C(x) \ge (1 - \varepsilon) OPT - \delta`. With lower ≤ OPT-hat ≤ upper,

    .. math:: \frac{lower - \delta}{1 + \varepsilon} \le OPT \le \frac{upper + \delta}{1 - \varepsilon} .

    Both ends are attained: by latencies that are all too long, or all too short, by the same share.

    Parameters
    ----------
    lower, upper : float
        Solver's bounds of the model's optimum, 0 ≤ lower ≤ upper; equal if it was solved exactly.
    relative : float
        ε in [0, 1).
    absolute : float
        δ ≥ 0, of the whole sum, in its unit.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    >>> optimum_interval(95.0, 100.0, relative=0.25)
    Interval(low=76.0, high=133.33333333333334)
    """
    low, high = finite(lower, "lower"), finite(upper, "upper")
    epsilon, delta = finite(relative, "relative"), finite(absolute, "absolute")
    require(
        0.0 <= low <= high, f"lower and upper are bounds of an optimum, 0 ≤ lower ≤ upper; got {low:g} and {high:g}"
    )
    require(0.0 <= epsilon < 1.0, f"relative lies in [0, 1); got {epsilon:g}")
    require(delta >= 0.0, f"absolute must be at least 0; got {delta:g}")
    return Interval(max(low - delta, 0.0) / (1.0 + epsilon), (high + delta) / (1.0 - epsilon))


def ratio_interval(
    cost: float, lower: float, upper: float, *, relative: float = 0.0, absolute: float = 0.0
) -> Interval:
    """Where cost / OPT lies, from `optimum_interval`: high is ∞ if the optimum may be 0.

    Raises
    ------
    InvalidInput
        As `optimum_interval`; if the cost is not positive, or surely below the optimum.

    Examples
    --------
    >>> ratio_interval(200.0, 95.0, 100.0)
    Interval(low=2.0, high=2.1052631578947367)
    """
    paid = positive(cost, "cost")
    optimum = optimum_interval(lower, upper, relative=relative, absolute=absolute)
    require(optimum.low <= paid, f"no cost is below the optimum, which is at least {optimum.low:g}; got {paid:g}")
    return Interval(max(paid / optimum.high, 1.0), paid / optimum.low if optimum.low > 0 else float("inf"))


def assignment_loss(relative: float) -> float:
    r"""How much the assignment that is optimal for the model costs at most, over the true optimum: (1 + ε) / (1 − ε).

    With :math:`\hat x` optimal for Ĉ and x for C:
    :math:`(1 - \varepsilon) C(\hat x) \le \hat C(\hat x) \le \hat C(x) \le (1 + \varepsilon) C(x)`.
    It is attained: one request, workers that take 1 and (1 + ε) / (1 − ε), both believed to take 1 + ε.

    Raises
    ------
    InvalidInput
        If ε is not in [0, 1).

    Examples
    --------
    >>> assignment_loss(0.5)
    3.0
    """
    epsilon = finite(relative, "relative")
    require(0.0 <= epsilon < 1.0, f"relative lies in [0, 1); got {epsilon:g}")
    return (1.0 + epsilon) / (1.0 - epsilon)
