r"""Congestion games from the literature with answers in closed form, computed here from the formulas and not copied.

.. [christodoulou2005] Christodoulou, Koutsoupias: The price of anarchy of finite congestion games, STOC 2005.
.. [aland2011] Aland, Dumrauf, Gairing, Monien, Schoppmann: Exact price of anarchy for polynomial congestion games, SICOMP 40 (2011).
.. [paccagnan2021] Paccagnan, Chandan, Ferguson, Marden: Optimal taxes in atomic congestion games, ACM TEAC 9 (2021).
.. [christodoulou2005stability] Christodoulou, Koutsoupias: Price of anarchy and stability of correlated equilibria, ESA 2005.
.. [caragiannis2011] Caragiannis, Flammini, Kaklamanis et al.: Selfish and greedy load balancing, Algorithmica 61 (2011).
.. [milchtaich1996] Milchtaich: Congestion games with player-specific payoff functions, Games and Economic Behavior 13 (1996).
.. [finn1979] Finn, Horowitz: A linear time approximation algorithm for multiprocessor scheduling, BIT 19 (1979).
.. [koutsoupias1999] Koutsoupias, Papadimitriou: Worst-case equilibria, STACS 1999.
.. [feldmann2003] Feldmann, Gairing, Lücking, Monien, Rode: Nashification and the coordination ratio for a selfish routing game,
   ICALP 2003.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, log10, sqrt

import numpy as np

from poagame._arrays import require
from poagame.errors import TooLarge
from poagame.games.checks import whole
from poagame.games.congestion import CongestionGame
from poagame.games.instances._golden import degree_of_powers, floor_golden, golden
from poagame.games.instances._size import check_size
from poagame.latency import Polynomial, Tabulated

DOMINANCE = 2.0**-20
"""By how much the dominant action of `price_of_stability` is cheaper than the other."""

MOST_DEGREE = 103
"""Of `polynomial_worst_case`: beyond, its costs are beyond the range of floats."""

MOST_MACHINES = 3000
"""Of `makespan_identical`: its m (m − 1) + 2 jobs are listed one by one, up to ten million."""


def affine_atomic_worst_case() -> CongestionGame:
    """Three players, linear latencies, price of anarchy 5/2: the worst of all affine congestion games.

    In equilibrium each player uses three resources at loads 1, 2 and 2, in the optimum two of its own [christodoulou2005]_.

    Examples
    --------
    >>> affine_atomic_worst_case().certified["poa"]
    2.5
    """
    return polynomial_worst_case(1)


def polynomial_worst_case(degree: int, players: int | None = None) -> CongestionGame:
    r"""Cyclic game whose price of anarchy is that of all unweighted games with polynomials of degree d [aland2011]_.

    With :math:`k = \lfloor\Phi_d\rfloor`, :math:`(\Phi_d + 1)^d = \Phi_d^{d+1}`, resources :math:`g_j` of latency a x^d and
    :math:`h_j` of b x^d with :math:`a = (k+1)^{d+1} - (k+2)^d`, :math:`b = (k+1)^d - k^{d+1}`, player i has the actions
    :math:`\{g_i, h_i\}` (the optimum, action 0) and :math:`\{g_{i+1}, …, g_{i+k}, h_{i+1}, …, h_{i+k+1}\}` (the equilibrium,
    action 1), modulo the number of players. The ratio is

    .. math:: \gamma(d) = \frac{(k+1)^{2d+1} - k^{d+1}(k+2)^d}{(k+1)^{d+1} - (k+2)^d + (k+1)^d - k^{d+1}}.

    Parameters
    ----------
    degree : int
        d ≥ 1.
    players : int, optional
        At least k + 2, which is what is taken where not given.

    Raises
    ------
    InvalidInput
        If the degree is below 1 or above 103, or the players are fewer than k + 2 (`small_players_worst_case` has those).
    """
    d = degree_of_powers(degree)
    require(d <= MOST_DEGREE, f"costs of degree {d} are beyond the range of floats; take at most {MOST_DEGREE}")
    k = floor_golden(d)
    n = k + 2 if players is None else whole(players, "players")
    require(
        n >= k + 2, f"degree {d} needs at least {k + 2} players; small_players_worst_case has the worst game of fewer"
    )
    check_size(n, 2, 2 * n)
    a, b = (k + 1) ** (d + 1) - (k + 2) ** d, (k + 1) ** d - k ** (d + 1)
    gamma = Fraction((k + 1) ** (2 * d + 1) - k ** (d + 1) * (k + 2) ** d, a + b)
    paid = a * k ** (d + 1) + b * (k + 1) ** (d + 1)
    assert Fraction(paid, a + b) == gamma
    actions = [
        [[i, n + i], [(i + s) % n for s in range(1, k + 1)] + [n + (i + s) % n for s in range(1, k + 2)]]
        for i in range(n)
    ]
    game = CongestionGame(_monomials([a] * n + [b] * n, d), actions)
    return game.named(
        "christodoulou2005; aland2011, exact price of anarchy of unweighted polynomial games",
        poa=float(gamma),
        poa_limit=float(gamma),
        equilibrium_cost=float(n * paid),
        optimum_cost=float(n * (a + b)),
    )


def small_players_worst_case(degree: int, players: int) -> CongestionGame:
    r"""Cyclic game of n ≤ k + 1 players with price of anarchy :math:`n^d`, the worst of that many players.

    Player i has the actions :math:`\{g_i, h_i\}` (the optimum, action 0) and all :math:`g_j, j \ne i` with all :math:`h_j` (the
    equilibrium, action 1). With latencies :math:`a x^d` on g and :math:`b x^d` on h, :math:`a = n^d (n-1)` and
    :math:`b = n^d - (n-1)^{d+1} \ge 0`, both cost an equilibrium's player :math:`n^d (a + b)`, where the optimum costs it a + b. No
    game of n players is worse: by its action in the optimum, nobody pays more than :math:`n^d` times what it pays there. Found by
    the linear programme of [paccagnan2021]_.

    Raises
    ------
    InvalidInput
        If players are fewer than 2 or more than k + 1, k as in `polynomial_worst_case`, or costs are beyond the range of floats.
    """
    d, n, k = degree_of_powers(degree), whole(players, "players"), floor_golden(degree)
    require(2 <= n <= k + 1, f"degree {d} is for 2 … {k + 1} players; got {n}. polynomial_worst_case has more players")
    require(few_players_fit(d, n), f"the costs of {n} players of degree {d} are beyond the range of floats; take fewer")
    check_size(n, 2, 2 * n)
    a, b = n**d * (n - 1), n**d - (n - 1) ** (d + 1)
    actions = [[[i, n + i], [j for j in range(n) if j != i] + list(range(n, 2 * n))] for i in range(n)]
    game = CongestionGame(_monomials([a] * n + [b] * n, d), actions)
    return game.named(
        "paccagnan2021, linear programme of the exact price of anarchy for n players",
        poa=float(n**d),
        poa_limit=float(n**d),
        equilibrium_cost=float(n * n**d * (a + b)),
        optimum_cost=float(n * (a + b)),
    )


def few_players_fit(degree: int, players: int) -> bool:
    """Whether the costs of `small_players_worst_case` are within the range of floats."""
    # the dearest resource, n^(d+1), at n + 1 users; a player uses some 2n
    return degree * (log10(players) + log10(players + 1)) + 3.0 * log10(players) < 307.0


def weighted_worst_case(degree: int, players: int) -> CongestionGame:
    r"""Chain of players of growing weights, with a price of anarchy that tends to :math:`\Phi_d^{d+1}` [aland2011]_.

    Player i = 1 … n of weight :math:`\Phi^{i-c}` uses resource i (the equilibrium, action 0) or i + 1 (the optimum, action 1);
    resource i costs :math:`a_i x^d` with :math:`a_i = (1+\Phi)^{-d(i-c)}` and :math:`a_{n+1} = a_n`; the units,
    c = n/3, keep long chains within the range of floats. The ratio is :math:`n / ((n-1)/\Phi^{d+1} + 1)`.

    Raises
    ------
    InvalidInput
        If the degree or the players are below 1, or the chain is so long that its costs are beyond the range of floats.
    """
    phi = float(golden(degree))
    d, n = degree_of_powers(degree), whole(players, "players", 1, 10**6)
    index = np.arange(1, n + 1) - float((n + 2) // 3)
    require(
        max(2.0 * (d + 1.0), 3.0 * d + 1.0) / 3.0 * n * np.log10(phi)
        < 300.0,  # least rate; dearest resource at the largest weight
        f"the costs of a chain of {n} players of degree {d} are beyond the range of floats; take fewer",
    )
    rate = (1.0 + phi) ** (-d * index)
    game = CongestionGame(_monomials([*rate, rate[-1]], d), [[[i], [i + 1]] for i in range(n)], weights=phi**index)
    limit = phi ** (d + 1)
    # w_i a_i w_i^d = 1 for all players, as Φ^(d+1) = (1 + Φ)^d
    return game.named(
        "aland2011, exact price of anarchy of weighted polynomial games",
        poa=n / ((n - 1) / limit + 1.0),
        poa_limit=limit,
        equilibrium_cost=float(n),
        optimum_cost=(n - 1) / limit + 1.0,
    )


def price_of_stability(fixed: int = 10, active: int = 27) -> CongestionGame:
    r"""Affine game whose only equilibrium costs nearly 1 + 1/√3 times the optimum [christodoulou2005stability]_.

    k fixed players use a shared resource of latency 2x. Of n active players, i has the actions :math:`O_i` (the optimum, action 0) =
    :math:`\{p_{ij}: j \ne i\}` and a private resource of constant cost 2k + n + 1 + ε, and :math:`N_i` (action 1) = the shared resource
    and :math:`\{p_{ji}: j \ne i\}`, each :math:`p_{ij}` of latency x. :math:`N_i` is cheaper by ε whatever the others do.
    The price of stability (and of anarchy) of the game is
    :math:`[2(n+k)^2 + n(n-1)] / [2k^2 + n(2k+n+1+ε) + n(n-1)]`, and 1 + 1/√3 in the limit
    n/k → 1 + √3. That all :math:`O_i` together are optimal is proved for affine games by the upper bound in the limit
    alone; for the sizes in the tests it is recomputed.

    Parameters
    ----------
    fixed, active : int
        k ≥ 0 and n ≥ 2.

    Raises
    ------
    InvalidInput
        If they are no whole numbers in these ranges.
    TooLarge
        If the active players are more than 463.
    """
    k, n = whole(fixed, "fixed"), whole(active, "active", 2)
    check_size(n + 1, 2, n * n + 1)
    pair = {(i, j): 1 + at for at, (i, j) in enumerate((i, j) for i in range(n) for j in range(n) if i != j)}
    own = 1 + len(pair)
    private = 2 * k + n + 1 + DOMINANCE
    coefficients = [[0.0, 2.0], *([0.0, 1.0] for _ in pair), *([private, 0.0] for _ in range(n))]
    others = [[j for j in range(n) if j != i] for i in range(n)]
    actions = [[[*(pair[i, j] for j in others[i]), own + i], [0, *(pair[j, i] for j in others[i])]] for i in range(n)]
    multiplicity = [1] * n
    if k:
        actions, multiplicity = [*actions, [[0]]], [*multiplicity, k]
    game = CongestionGame(Polynomial(coefficients), actions, multiplicity=multiplicity)
    equilibrium = 2.0 * (n + k) ** 2 + n * (n - 1)
    optimum = 2.0 * k**2 + n * private + n * (n - 1)
    return game.named(
        "christodoulou2005stability; caragiannis2011, price of stability of affine games",
        poa=equilibrium / optimum,
        pos=equilibrium / optimum,
        pos_limit=1.0 + 1.0 / sqrt(3.0),
        equilibrium_cost=equilibrium,
        optimum_cost=optimum,
    )


def best_reply_cycle() -> CongestionGame:
    """Three players on three resources with player-specific costs whose best replies cycle, with two pure equilibria.

    Games of this kind always have a pure equilibrium, but no potential [milchtaich1996]_. From (2, 0, 0) strict best replies lead
    to (2, 2, 0), (2, 2, 1), (1, 2, 1), (1, 0, 1), (1, 0, 0) and back. The equilibria are (1, 2, 0) of cost 2 + 5 + 4 and
    (2, 0, 1) of cost 1 + 3 + 3, the least that each player can pay.
    """
    tables = [
        [[15, 18, 19], [2, 3, 5], [1, 7, 8]],
        [[3, 10, 19], [17, 18, 19], [5, 6, 10]],
        [[4, 6, 15], [3, 7, 15], [12, 18, 19]],
    ]
    worst = float(tables[0][1][0] + tables[1][2][0] + tables[2][0][0])
    best = float(tables[0][2][0] + tables[1][0][0] + tables[2][1][0])
    game = CongestionGame([Tabulated([1.0, 2.0, 3.0], table) for table in tables], [[[0], [1], [2]]] * 3)
    return game.named(
        "milchtaich1996, best replies may cycle", poa=worst / best, pos=1.0, equilibrium_cost=worst, optimum_cost=best
    )


def symmetric_singletons(players: int = 2) -> CongestionGame:
    """Links of latency x and n for n equal players: all on the first link is an equilibrium, 4/3 of the optimum for even n.

    4/3 is the most for equal players that choose one affine resource each [caragiannis2011]_. With m players on the first
    link all pay m² + (n − m) n, least at m = n/2; n − 1 of them is the cheapest equilibrium.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 1.
    """
    n = whole(players, "players", 1)
    game = CongestionGame(Polynomial([[0.0, 1.0], [float(n), 0.0]]), [[[0], [1]]], multiplicity=[n])
    optimum = (n // 2) ** 2 + (n - n // 2) * n
    return game.named(
        "caragiannis2011, equal players on single affine resources",
        poa=float(Fraction(n * n, optimum)),
        pos=float(Fraction((n - 1) ** 2 + n, optimum)),
        poa_limit=4.0 / 3.0,
        equilibrium_cost=float(n * n),
        optimum_cost=float(optimum),
    )


def makespan_identical(machines: int = 2) -> CongestionGame:
    """Jobs on m equal machines, the makespan as social cost: price of anarchy 2 − 2/(m + 1) [finn1979]_.

    Two jobs of size 1 share a machine while m (m − 1) jobs of size 1/m fill the others to 1: makespan 2, where (m + 1)/m is the mean.

    Raises
    ------
    InvalidInput
        If machines is no whole number of at least 2.
    TooLarge
        If the machines are more than `MOST_MACHINES`.
    """
    m = whole(machines, "machines", 2)
    if m > MOST_MACHINES:
        raise TooLarge(f"{m:,} machines, whose jobs are too many to list; the limit is {MOST_MACHINES:,}")
    anywhere = [[j] for j in range(m)]
    game = CongestionGame(
        _monomials([1.0] * m, 1),
        [anywhere, anywhere],
        weights=[1.0, 1.0 / m],
        multiplicity=[2, m * (m - 1)],
        objective="makespan",
    )
    return game.named(
        "finn1979, makespan of pure equilibria on identical machines",
        poa=float(2 - Fraction(2, m + 1)),
        pos=1.0,
        equilibrium_cost=2.0,
        optimum_cost=(m + 1) / m,
    )


def makespan_related(machines: int = 2) -> CongestionGame:
    """Jobs of sizes φ and m − 1 times 1 on machines of speeds φ and m − 1 times 1: price of anarchy φ [koutsoupias1999]_.

    Here φ (φ − 1) = m − 1: the golden ratio for m = 2, and 2 for m = 3. The large job on a slow machine pays φ, and as much
    beside the small ones on the fast machine, where those pay φ − 1 ≤ 1; the optimum is 1.

    Raises
    ------
    InvalidInput
        If machines is not 2 or 3: with more, small jobs would move to the empty machines.
    """
    m = whole(machines, "machines", 2)
    require(m <= 3, f"this game is for 2 or 3 machines; with {m} its profile is no equilibrium")
    phi = float(golden(1)) if m == 2 else 2.0
    anywhere = [[j] for j in range(m)]
    game = CongestionGame(
        _monomials([1.0 / phi, *[1.0] * (m - 1)], 1),
        [anywhere, anywhere],
        weights=[phi, 1.0],
        multiplicity=[1, m - 1],
        objective="makespan",
    )
    return game.named(
        "koutsoupias1999; feldmann2003, makespan on related machines",
        poa=phi,
        pos=1.0,
        equilibrium_cost=phi,
        optimum_cost=1.0,
    )


def makespan_mixed(machines: int = 2) -> CongestionGame:
    r"""m unit jobs on m equal machines: every job on each machine with probability 1/m is a mixed equilibrium.

    Its expected makespan over the optimum 1 is `mixed_equilibrium_cost`, of order log m / log log m [koutsoupias1999]_:
    :math:`\sum_t P(\max > t)` with :math:`P(\max \le t) = m!/m^m\,[x^m] (\sum_{i \le t} x^i/i!)^m`, here in exact
    fractions. Pure equilibria have one job a machine.

    Raises
    ------
    InvalidInput
        If machines is no whole number of at least 1.
    """
    m = whole(machines, "machines", 1)
    game = CongestionGame(_monomials([1.0] * m, 1), [[[j] for j in range(m)]], multiplicity=[m], objective="makespan")
    expected = sum((1 - _all_at_most(m, t) for t in range(m)), Fraction(0))
    return game.named(
        "koutsoupias1999, expected makespan of the uniform mixed equilibrium",
        poa=1.0,
        pos=1.0,
        equilibrium_cost=1.0,
        optimum_cost=1.0,
        mixed_equilibrium_cost=float(expected),
    )


def _all_at_most(m: int, t: int) -> Fraction:
    """Probability that of m balls in m bins no bin has more than t."""
    bin_law = [Fraction(1, factorial(i)) for i in range(t + 1)]
    power = [Fraction(1)]
    for _ in range(m):
        raised = [Fraction(0)] * min(m + 1, len(power) + t)
        for i, left in enumerate(power):
            for j in range(min(t, m - i) + 1):
                raised[i + j] += left * bin_law[j]
        power = raised
    return (power[m] if len(power) > m else Fraction(0)) * Fraction(factorial(m), m**m)


def _monomials(coefficients: list[float], degree: int) -> Polynomial:
    """Latencies c x^d."""
    table = np.zeros((len(coefficients), degree + 1))
    table[:, degree] = coefficients
    return Polynomial(table)
