r"""Jobs that choose machines, with the largest load over speed as social cost: the model of Koutsoupias and Papadimitriou.

.. [koutsoupias1999] Koutsoupias, Papadimitriou: Worst-case equilibria, STACS 1999.
.. [finn1979] Finn, Horowitz: A linear time approximation algorithm for multiprocessor scheduling, BIT 19 (1979).
.. [czumaj2007] Czumaj, Vöcking: Tight bounds for worst-case equilibria, ACM Transactions on Algorithms 3 (2007).
.. [feldmann2003] Feldmann, Gairing, Lücking, Monien, Rode: Nashification and the coordination ratio for a selfish routing game,
   ICALP 2003.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import numpy as np

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.games.checks import whole
from poagame.games.congestion import CongestionGame
from poagame.games.instances import atomic

EXACT_MACHINES = 32
"""Most machines whose expected makespan is computed in exact fractions."""

MOST_MACHINES = 10**8
"""Most machines whose expected makespan is computed at all; it is below 12."""


def makespan_identical(machines: int) -> PoaBound:
    """2 − 2/(m + 1) for pure equilibria of jobs on m equal machines [finn1979]_.

    The fullest machine, of load M, has two jobs or is as good as the optimum; its smallest is at most M/2, so that the others have M/2
    or more, and the optimum is at least the mean, M (m + 1)/(2m).

    Parameters
    ----------
    machines : int
        m ≥ 2. Of more than 3,000 the game is not built.

    Raises
    ------
    InvalidInput
        If machines is no whole number of at least 2.

    Examples
    --------
    >>> [round(makespan_identical(m).value, 6) for m in (2, 3, 4, 10)]
    [1.333333, 1.5, 1.6, 1.818182]
    """
    m = whole(machines, "machines", 2)
    return PoaBound(
        value=float(2 - Fraction(2, m + 1)),
        kind="pure",
        valid_for=f"jobs on {m} equal machines, largest load",
        tight=m <= atomic.MOST_MACHINES,
        source="Finn and Horowitz 1979 [finn1979]",
        name="makespan_identical",
        build=partial(atomic.makespan_identical, m) if m <= atomic.MOST_MACHINES else None,
        remark=""
        if m <= atomic.MOST_MACHINES
        else "attained by `instances.makespan_identical`, of too many jobs to build here",
    )


def makespan_mixed(machines: int) -> PoaBound:
    """Expected largest load of m unit jobs that choose among m equal machines uniformly, over the optimum 1.

    That is a mixed equilibrium, so its value is a lower bound on the price of anarchy of mixed equilibria, which is of the same
    order, log m / log log m [czumaj2007]_. For m = 2 it is 3/2, the price of anarchy [koutsoupias1999]_. In exact fractions up to 32
    machines, and to a relative 1e-15 m + 1e-13 beyond.

    Parameters
    ----------
    machines : int
        2 ≤ m ≤ 10⁸.

    Raises
    ------
    InvalidInput
        If machines is no whole number in this range.

    Examples
    --------
    >>> [round(makespan_mixed(m).value, 6) for m in (2, 3, 4, 1000)]
    [1.5, 1.888889, 2.125, 5.514159]
    """
    m = whole(machines, "machines", 2)
    require(m <= MOST_MACHINES, f"the expected makespan is computed up to {MOST_MACHINES} machines; got {m}")
    game = atomic.makespan_mixed(m) if m <= EXACT_MACHINES else None
    value = float(game.certified["mixed_equilibrium_cost"]) if game is not None else expected_largest_load(m)
    two = m == 2
    return PoaBound(
        value=value,
        kind="mixed",
        valid_for=f"jobs on {m} equal machines, expected largest load",
        tight=two,
        source="Koutsoupias and Papadimitriou 1999 [koutsoupias1999]",
        name="makespan_mixed",
        side="upper" if two else "lower",
        build=None if game is None else partial(_built, game),
        remark="" if two else "of the uniform equilibrium; the largest is known up to a constant factor [czumaj2007]",
    )


def expected_largest_load(machines: int) -> float:
    r"""Mean largest load of m balls in m bins, :math:`\sum_t P(\max > t)`.

    Loads are Poisson variables of mean 1 given that their sum is m, so that

    .. math:: P(\max \le t) = \frac{m!\,e^m}{m^m} \cdot \frac{1}{2\pi} \int_{-\pi}^{\pi}
              \Big[\sum_{i \le t} \frac{e^{\mathrm i\theta i}}{e\,i!}\Big]^m e^{-\mathrm i m \theta}\,d\theta .

    The mean over K angles adds the coefficients at m ± K, m ± 2K, …, which are nothing for K far above √m; the factor is
    Stirling's series, to 14 digits from m = 32 on.
    """
    m = machines
    angles = int(40.0 * math.sqrt(m)) + 1
    turn = np.exp(2j * np.pi * np.arange(angles) / angles)
    scale = math.sqrt(2.0 * math.pi * m) * math.exp(1.0 / (12.0 * m) - 1.0 / (360.0 * m**3) + 1.0 / (1260.0 * m**5))
    term = np.full(turn.shape, math.exp(-1.0), dtype=np.complex128)  # of an empty bin
    total = term.copy()
    mean = 1.0
    for t in range(1, 40):  # loads of 40 and more have no chance at any number of machines here
        term = term * turn / t
        total = total + term
        at_most = scale * float(np.mean((total / turn) ** m).real)
        mean += 1.0 - at_most
        if t > 4 and 1.0 - at_most < 1e-14 * m:
            break
    return mean


def _built(game: CongestionGame) -> CongestionGame:
    """The game whose exact fractions were added up already."""
    return game


def makespan_related(machines: int) -> PoaBound:
    """(1 + √(4m − 3))/2 for pure equilibria on m machines of any speeds [feldmann2003]_; two and three machines attain it.

    Parameters
    ----------
    machines : int
        m ≥ 2.

    Raises
    ------
    InvalidInput
        If machines is no whole number of at least 2.

    Examples
    --------
    >>> [round(makespan_related(m).value, 6) for m in (2, 3, 4, 5)]
    [1.618034, 2.0, 2.302776, 2.561553]
    """
    m = whole(machines, "machines", 2)
    few = m <= 3
    return PoaBound(
        value=0.5 * (1.0 + math.sqrt(4.0 * m - 3.0)),
        kind="pure",
        valid_for=f"jobs on {m} machines of any speeds, largest load over speed",
        tight=few,
        source="Feldmann et al. 2003 [feldmann2003]; Koutsoupias and Papadimitriou 1999 [koutsoupias1999]",
        name="makespan_related",
        build=partial(atomic.makespan_related, m) if few else None,
        remark=""
        if few
        else "said to be tight for 4 and 5 machines, without a game here; for many the truth is of order log m / log log m [czumaj2007]",
    )
