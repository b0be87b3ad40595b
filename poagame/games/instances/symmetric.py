"""Symmetric congestion games: all players have the same actions.

.. [christodoulou2005] Christodoulou, Koutsoupias: The price of anarchy of finite congestion games, STOC 2005.
"""

from __future__ import annotations

from fractions import Fraction

from poagame.games.checks import whole
from poagame.games.congestion import CongestionGame
from poagame.games.instances._size import check_size, fits
from poagame.latency import Polynomial


def symmetric_affine(players: int = 2) -> CongestionGame:
    r"""Price of anarchy (5n − 2)/(2n + 1), the most for n players with the same actions and affine latencies [christodoulou2005]_.

    For n ≥ 3, actions :math:`A_1, …, A_n` (0 … n − 1) and :math:`B_1, …, B_n` (n … 2n − 1), free to all. For all different i, j, k with
    i < j there are resources

    - of latency 3(n − 2) x in :math:`A_i` and :math:`B_i`,
    - of latency (n − 2) x in :math:`A_i` and :math:`B_j`, and one more in :math:`A_j` and :math:`B_i`,
    - of latency 2x in :math:`A_i`, :math:`A_j` and :math:`B_k`.

    Player i at :math:`A_i` is an equilibrium: each pays as much as it would at any B, and less than at another's A. Everyone at
    a B of its own is the optimum, as the bound shows. For n = 2 four actions of five resources do the same, with 12 and 7.5. The
    construction for n ≥ 3 is derived here.

    Parameters
    ----------
    players : int
        n ≥ 2; the game has n² + n(n − 1)(n − 2)/2 resources for n ≥ 3.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 2.
    TooLarge
        If the players are more than 119.

    Examples
    --------
    >>> [symmetric_affine(n).certified["poa"] for n in (2, 4, 11)]
    [1.6, 2.0, 2.3043478260869565]
    """
    n = whole(players, "players", 2)
    check_size(*_shape(n))
    if n == 2:
        slopes, actions = [2.0, 2.0, 1.0, 1.0, 1.5], [[0, 2, 4], [1, 3, 4], [0, 1], [2, 3, 4]]
        worst, least = Fraction(12), Fraction(15, 2)
    else:
        slopes, actions = _all_equal(n)
        worst, least = (Fraction(n * (n - 2) * side) for side in (5 * n - 2, 2 * n + 1))
    game = CongestionGame(Polynomial([[0.0, slope] for slope in slopes]), [actions], multiplicity=[n])
    return game.named(
        "christodoulou2005, symmetric games" + ("" if n == 2 else " (the bound); construction derived here"),
        poa=float(worst / least),
        poa_limit=2.5,
        equilibrium_cost=float(worst),
        optimum_cost=float(least),
    )


def symmetric_affine_fits(players: int) -> bool:
    """Whether `symmetric_affine` of so many players can be held."""
    return fits(*_shape(players))


def _shape(n: int) -> tuple[int, int, int]:
    """Rows, actions and resources for n ≥ 3."""
    return 1, 2 * n, n * n + n * (n - 1) * (n - 2) // 2


def _all_equal(n: int) -> tuple[list[float], list[list[int]]]:
    """Slopes, and the resources of A_1 … A_n, B_1 … B_n."""
    slopes: list[float] = []
    actions: list[list[int]] = [[] for _ in range(2 * n)]

    def add(slope: float, *members: int) -> None:
        for member in members:
            actions[member].append(len(slopes))
        slopes.append(slope)

    for i in range(n):
        for j in range(n):
            add(3.0 * (n - 2) if i == j else n - 2.0, i, n + j)
            for k in range(n):
                if i < j and k not in (i, j):
                    add(2.0, i, j, n + k)
    return slopes, actions
