"""A strategy that draws games of pools that share a budget; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from poagame._arrays import require
from poagame.games.attainment import Attainment, Exponential, PrefillQueue, Quadratic
from poagame.games.resource import ResourceGame, Welfare
from poagame.testing.draws import tenths

CurveKind = Literal["exponential", "quadratic", "queue"]


@st.composite
def resource_games(
    draw: DrawFn,
    max_workers: int = 8,
    curves: Sequence[CurveKind] = ("exponential", "quadratic"),
    welfares: Sequence[Welfare] = ("sum", "goodput", "min"),
    prices: bool = True,
) -> ResourceGame:
    """Prefill and decode pools with a budget for 2 to `max_workers` of the larger workers.

    Parameters
    ----------
    max_workers : int
        At least 2.
    curves : sequence
        "exponential" and "quadratic" are concave; "queue" (waiting behind others for a fixed service) is S-shaped.
    welfares : sequence
        Social costs to draw from.
    prices : bool
        Whether a GPU may have a price, one for both pools, in tenths from 0 to 0.3.

    Examples
    --------
    >>> import poagame as pg
    >>> from hypothesis import given, settings
    >>> @settings(deadline=None, max_examples=20)
    ... @given(resource_games())
    ... def test_the_budget_holds(game):
    ...     assert pg.variational_equilibrium(game).x.sum() <= game.budget * (1 + 1e-9)
    >>> test_the_budget_holds()
    """
    require(max_workers >= 2, f"the budget holds a worker of each pool: max_workers is at least 2; got {max_workers}")
    known = get_args(CurveKind)
    require(len(curves) > 0 and set(curves) <= set(known), f"curves are of {', '.join(known)}; got {curves!r}")
    require(
        len(welfares) > 0 and set(welfares) <= set(get_args(Welfare)),
        f"welfares are of {', '.join(get_args(Welfare))}; got {welfares!r}",
    )
    size = (draw(st.sampled_from((1, 2, 4))), draw(st.sampled_from((1, 2, 4))))
    budget = max(size) * draw(st.integers(2, max_workers))
    prefill, decode = draw(_curve(curves)), draw(_curve(curves))
    price = draw(tenths(0, 3)) if prices else 0.0
    return ResourceGame(
        budget, prefill, decode, draw(st.sampled_from(list(welfares))), gpus_per_worker=size, price=price
    )


def _curve(curves: Sequence[CurveKind]) -> SearchStrategy[Attainment]:
    kinds: dict[CurveKind, SearchStrategy[Attainment]] = {
        "exponential": tenths(1, 60).map(Exponential),
        "quadratic": st.builds(Quadratic, tenths(1, 80), st.integers(1, 10).map(lambda n: n / 100)),
        "queue": st.builds(
            lambda rate, service, patience: PrefillQueue(rate, service, service * (1.0 + patience)),
            tenths(1, 100),
            st.integers(1, 10).map(lambda n: 100.0 * n),
            tenths(1, 30),
        ),
    }
    return st.one_of([kinds[kind] for kind in curves])
