r"""What hysteresis does, exactly: runs of k polls in a row, each beyond a threshold with probability p, independent of the others.

These are the laws of a `RegimeDetector` without smoothing. With smoothing polls depend on each other, runs are likelier than here, and
`poagame.serving.operating` simulates. Success runs: Feller, An Introduction to Probability Theory and Its Applications, vol. 1, XIII.7.
"""

from __future__ import annotations

import math

from poagame._arrays import FloatArray, require
from poagame.games.checks import finite, whole
from poagame.serving.streaks_compiled import run_law

LONGEST = 10**7
"""Of horizons: an array of that many numbers is kept."""


def mean_wait(p: float, streak: int) -> float:
    """Mean number of polls until k in a row lie beyond, (1 − p^k) / ((1 − p) p^k) = Σ_{i=1}^k p^{−i}.

    Of p above the threshold in truth it is the mean delay; of p below it in truth, the mean number of polls between false alarms.
    Infinite where p is 0 or the wait is beyond the range of floats.

    Raises
    ------
    InvalidInput
        If p is not in [0, 1] or the streak no whole number of at least 1.

    Examples
    --------
    >>> round(mean_wait(0.5, 3), 9)
    14.0
    """
    p, streak = _share(p, "p"), whole(streak, "streak", 1, LONGEST)
    if p == 1.0:
        return float(streak)
    logs = streak * math.log(p) if p > 0.0 else -math.inf
    return math.expm1(-logs) / (1.0 - p) if logs > -700.0 else math.inf


def switch_probabilities(p: float, streak: int, polls: int) -> FloatArray:
    """[polls + 1]: probability of k polls in a row beyond the threshold within 0 … polls polls, exact up to rounding.

    f(n) = f(n − 1) + (1 − f(n − k − 1)) (1 − p) p^k, f(k) = p^k. At most p^k (1 + (n − k)(1 − p)) ≤ n p^k, the union bound.

    Raises
    ------
    InvalidInput
        As `mean_wait`; also if polls is negative or above ten million.
    """
    polls = whole(polls, "polls", 0, LONGEST)
    return run_law(_share(p, "p"), whole(streak, "streak", 1, LONGEST), polls)


def smallest_streak(p: float, polls: int, flapping: float) -> int:
    """Return the least k with which a switch within so many polls has at most probability `flapping`.

    At most `polls` + 1, with which no switch can come.

    Raises
    ------
    InvalidInput
        As `switch_probabilities`; also if flapping is not in (0, 1).

    Examples
    --------
    A poll in ten lies beyond by chance, and polls come every 5 s: at most one false switch in a hundred days.

    >>> smallest_streak(0.1, polls=17_280, flapping=0.01)
    7
    """
    p, polls = _share(p, "p"), whole(polls, "polls", 1, LONGEST)
    flapping = finite(flapping, "flapping")
    require(0.0 < flapping < 1.0, f"flapping is a probability between 0 and 1; got {flapping:g}")
    low, high = 0, polls + 1
    if 0.0 < p < 1.0:
        high = min(high, max(1, math.ceil(math.log(flapping / polls) / math.log(p)) + 1))
    while high - low > 1:
        middle = (low + high) // 2
        if switch_probabilities(p, middle, polls)[-1] <= flapping:
            high = middle
        else:
            low = middle
    return high


def switch_rate(p: float, streak: int) -> float:
    """Switches a poll, in the long run, of a detector of two regimes when p of the polls lie above and the rest below.

    It switches up after a run above and down after a run below, so two switches take `mean_wait` (p) + `mean_wait` (1 − p) polls.

    Raises
    ------
    InvalidInput
        As `mean_wait`.
    """
    p = _share(p, "p")
    return 2.0 / (mean_wait(p, streak) + mean_wait(1.0 - p, streak))


def _share(value: object, name: str) -> float:
    number = finite(value, name)
    require(0.0 <= number <= 1.0, f"{name} is a probability in [0, 1]; got {number:g}")
    return number
