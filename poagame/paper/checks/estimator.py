"""What PoA-hat is beside the price of anarchy, and whether its published numbers agree with one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

from poagame._arrays import FloatArray
from poagame.anarchy import price_of_anarchy
from poagame.estimator import find_knee, poa_hat
from poagame.estimator.frozen_game import frozen_index
from poagame.estimator.levels import level_means
from poagame.games import RoutingGame
from poagame.latency import Latency, Polynomial
from poagame.measured import RequestTable, fit_latency, read_requests
from poagame.paper.checks.saturation import measured_sweep
from poagame.paper.numbers import number
from poagame.paper.record import Claim, Finding, Standing
from poagame.shipped import path

SERIES = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 TP4 agg 1024/1024"
TEMPLATES = 5


def drained_table() -> RequestTable:
    """Two workers, four requests: the last two find one in flight each, which is gone a millisecond later."""
    return RequestTable.from_frame(
        pl.DataFrame(
            {
                "request_id": ["a", "b", "c", "d"],
                "arrival_ms": [0.0, 0.0, 99.0, 99.0],
                "finish_ms": [100.0, 100.0, 199.5, 199.5],
                "latency_ms": [100.0, 100.0, 100.5, 100.5],
                "decode_worker": ["1", "2", "1", "2"],
            }
        )
    )


IDLE_100 = Polynomial([[100.0, 50.0]])
"""What a request is told to expect: 100 ms on an idle worker, 50 ms more for each in flight."""


def b200_latency() -> Latency:
    """End-to-end latency fitted to the measured B200 series of the paper's model and width."""
    return fit_latency(measured_sweep(), "saturating", metric="latency_ms", where={"series": SERIES}).latency


def uneven_pair() -> RoutingGame:
    """Two requests on a fast worker whose latency hardly moves, and a slow one that nobody needs."""
    return RoutingGame(Polynomial([[1.0, 0.001], [100.0, 0.0]]), np.zeros((1, 2)), 0.0, multiplicity=[2])


def free_index(game: RoutingGame, realised: float) -> float:
    """`frozen_index` without slots: every request has the worker that is cheapest for it at the idle cluster."""
    types = game.types()
    frozen = np.asarray(game.latency(1.0)) - float(game.overlap_weight) * types.overlap
    return realised / float(types.counts @ frozen.min(axis=1))


def rows_of(table: RequestTable) -> str:
    """Code of the columns that a frozen value looks at."""
    columns = ["request_id", "arrival_ms", "finish_ms", "latency_ms", "decode_worker"]
    return repr(table.frame.select(columns).collect().to_dict(as_series=False))


def frozen_value(table: RequestTable, expected: Latency) -> float:
    """PoA-hat of a table, with frozen costs from a latency that was told beforehand."""
    value = poa_hat(table, "frozen", latency=expected, num_resamples=2).value
    return float("nan") if value is None else value


def overstates(
    latency: Latency | None = None,
    loads: Sequence[int] = (8, 32, 128),
    workers: Sequence[int] = (2, 5),
    uneven: RoutingGame | None = None,
    table: RequestTable | None = None,
    expected: Latency = IDLE_100,
) -> Finding:
    """Frozen index of worst equilibria, with slots and without, beside their exact price of anarchy; and a table below 1."""
    latency, uneven, table = latency or b200_latency(), uneven or uneven_pair(), table or drained_table()
    games = [
        RoutingGame(
            latency,
            np.zeros((TEMPLATES, count)),
            0.0,
            multiplicity=np.bincount(np.arange(load) % TEMPLATES, minlength=TEMPLATES),
        )
        for count in workers
        for load in loads
    ]
    index, free, exact = np.array([_indices(game) for game in games]).T
    slotted, unslotted, pair = _indices(uneven)
    below = frozen_value(table, expected)
    figures = {
        "index_max": index.max(),
        "poa_max": exact.max(),
        "least_excess": (index / exact).min(),
        "uneven_index": slotted,
        "uneven_free": unslotted,
        "uneven_poa": pair,
        "table": below,
    }
    text = (
        f"On latency fitted to B200 rows, {len(games)} games without overlap of {min(loads)} to {max(loads)} requests on identical "
        f"workers: the worst equilibrium over an assignment frozen at the idle cluster is {index.min():.2f} to {index.max():.2f}, the "
        f"exact price of anarchy at most {exact.max():.4f}. In {uneven!r} the index is {slotted:.4f} with ⌈C/W⌉ slots a worker and "
        f"{unslotted:.4f} without, the price of anarchy {pair:.4f}. Frozen at the load that requests find, which drains while they run: in "
        f"the table {rows_of(table)}, expecting {expected!r}, PoA-hat is {below:.3f}."
    )
    every = [*games, uneven]
    short = np.append(free, unslotted) < np.append(exact, pair) * (1.0 - 1e-9)
    binds = np.append(index, slotted) < np.append(exact, pair) * (1.0 - 1e-9)
    if short.any():
        return Finding(Standing.FAILS, "instances", text, counterexample=every[int(short.argmax())], figures=figures)
    assumptions = ["costs are positive", "what happens costs no less than the worst equilibrium"]
    if below < 1.0:
        assumptions.append("latencies are frozen at a load no larger than the optimum's, as at the idle cluster")
    if binds.any():
        assumptions.append(
            "the slots do not bind: without them the frozen assignment costs as much, as on identical workers without overlap"
        )
    if len(assumptions) == 2:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    text += (
        " Proof under the assumption: latencies never fall with load, so the frozen assignment costs at most what the true optimum would "
        "at frozen latencies, and that is at most its true cost."
    )
    refuting = every[int(binds.argmax())] if binds.any() else table.frame.collect().to_dict(as_series=False)
    return Finding(Standing.HOLDS_UNDER, "theorem", text, "; ".join(assumptions), refuting, figures=figures)


def _indices(game: RoutingGame) -> tuple[float, float, float]:
    """Frozen index of the worst equilibrium with slots and without, and the exact price of anarchy."""
    report = price_of_anarchy(game)
    worst = report.worst.social_cost
    return frozen_index(game, worst), free_index(game, worst), report.poa


def kv_matrix(rng: np.random.Generator, requests: int = 64, workers: int = 5) -> FloatArray:
    """Frozen costs ℓ_j − ω·o_ij [C, m]: workers differ a little, and each template's prefix is cached on one of them."""
    latency = rng.uniform(1.0, 1.3, workers)
    template, home = rng.integers(0, TEMPLATES, requests), rng.integers(0, workers, TEMPLATES)
    hit = home[template][:, None] == np.arange(workers)
    return latency - np.where(hit, rng.uniform(0.2, 0.5), 0.0)


def greedy_ratio(costs: FloatArray, slots: int | None) -> float:
    """Cost of taking the cheapest worker request by request, over the Hungarian assignment to ⌈C/m⌉ slots a worker."""
    requests, workers = costs.shape
    most = -(-requests // workers)
    rows, columns = linear_sum_assignment(np.repeat(costs, most, axis=1))
    best = float(np.repeat(costs, most, axis=1)[rows, columns].sum())
    room = np.full(workers, requests if slots is None else slots)
    paid = 0.0
    for row in costs:
        j = int(np.where(room > 0, row, np.inf).argmin())
        room[j] -= 1
        paid += float(row[j])
    return paid / best


def below_one(
    draws: int = 20, seed: int = 0, table: RequestTable | None = None, expected: Latency = IDLE_100
) -> Finding:
    """PoA-hat of a small table, and greedy choices without slots over an assignment with them."""
    table = table or drained_table()
    value = frozen_value(table, expected)
    rng = np.random.default_rng(seed)
    free = np.array([greedy_ratio(kv_matrix(rng), None) for _ in range(draws)])
    figures = {"table": value, "greedy_min": free.min(), "greedy_max": free.max(), "draws": float(draws)}
    text = (
        f"The table {rows_of(table)}, expecting {expected!r}, has {value:.3f}. And where the router is free while the assignment is held "
        f"to ⌈C/m⌉ slots a worker, greedy on the same matrix is never above 1: {free.min():.2f} to {free.max():.2f} on {draws} drawn "
        f"matrices with m = 5, C = 64. The published {number('below-one')} itself was not reproduced: its matrix is not public."
    )
    if value < 1.0 and free.max() <= 1.0 + 1e-12:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    return Finding(Standing.UNDECIDED, "instances", text, decided_by="a table below 1, or a proof", figures=figures)


def one_matrix(draws: int = 20, seed: int = 0, odd: FloatArray | None = None, limit: float | None = None) -> Finding:
    """Greedy over Hungarian on one frozen matrix with the same slots for both, beside the largest entry over the smallest."""
    rng = np.random.default_rng(seed)
    limit = number("plateau").at("low") if limit is None else limit
    matrix = np.array([[1.0, 2.0], [1.0, 100.0]]) if odd is None else odd
    close = np.array([[1.0, 1.0 + 1e-9], [1.0, 0.99 * limit]])
    drawn = [kv_matrix(rng) for _ in range(draws)]
    matrices = [*drawn, close, matrix]
    ratios = np.array([greedy_ratio(costs, -(-len(costs) // costs.shape[1])) for costs in matrices])
    spreads = np.array([costs.max() / costs.min() for costs in matrices])
    figures = {
        "largest": ratios[:draws].max(),
        "largest_spread": spreads[:draws].max(),
        "close": ratios[-2],
        "adverse": ratios[-1],
    }
    text = (
        f"On {draws} drawn matrices ℓ_j − ω·o_ij with positive entries (m = 5, C = 64) greedy is at most {ratios[:draws].max():.3f} times "
        f"the assignment, where the largest entry is up to {spreads[:draws].max():.2f} times the smallest. {close.tolist()} has "
        f"{ratios[-2]:.2f}, {matrix.tolist()} has {ratios[-1]:.1f}."
    )
    above = ratios > spreads * (1.0 + 1e-9)
    if above.any():
        refuting = matrices[int(above.argmax())].tolist()
        text += " One is above the largest entry over the smallest."
        return Finding(Standing.FAILS, "drawn games", text, counterexample=refuting, figures=figures)
    if ratios.max() < limit:
        return Finding(Standing.HOLDS, "drawn games", text, figures=figures)
    text += (
        " Proof: of positive entries, greedy pays at most the largest for each request and the assignment at least the smallest. Whether "
        "the paper's matrices have such entries (ℓ_j − ω·o_ij may be 0 or less) and where its values of 7 to 300 come from was not checked."
    )
    assumption = f"all entries are positive and none is {limit:g} times another or more"
    refuting = matrices[int(ratios.argmax())].tolist()
    return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, refuting, figures=figures)


def invariance(grid: RequestTable | None = None, sweep: RequestTable | None = None) -> Finding:
    """Variation of the frozen index over the 16 recorded settings, light and heavy, beside the published ones."""
    grid = grid or read_requests(path("agg5_grid.requests"))
    sweep = sweep or read_requests(path("agg5_sweep.requests"))
    idle = Polynomial([[float(level_means(sweep, "latency_ms")["latency_ms"][0])]])
    cells = poa_hat(
        grid,
        "frozen",
        latency=idle,
        group_by=["concurrency", "phase", "overlap_weight", "temperature"],
        num_resamples=2,
    )
    rows = cells.by_group.filter(pl.col("value").is_not_null() & (pl.col("phase") != "warm"))
    levels = rows.group_by("concurrency").agg(
        pl.len(), (pl.col("value").std() / pl.col("value").mean()).alias("variation"), pl.col("value").mean()
    )
    light, heavy = (levels.sort("concurrency").row(k, named=True) for k in (0, -1))
    said, said_heavy = (n.at("high") / n.at("value") - 1.0 for n in (number("grid-64"), number("grid-128")))
    knee = find_knee(sweep)
    past = knee.high is not None and knee.high <= heavy["concurrency"]
    figures = {
        "light": light["variation"],
        "heavy": heavy["variation"],
        "published_light": said,
        "past_knee": float(past),
    }
    text = (
        f"Recorded grid (real router, simulated engine, five aggregated workers), {light['len']} settings of (τ, ω): the index varies "
        f"by {100 * light['variation']:.1f} % at {light['concurrency']} in flight and {100 * heavy['variation']:.1f} % at "
        f"{heavy['concurrency']}; published are ±{100 * said:.1f} % at C = 64 and ±{100 * said_heavy:.0f} % at C = 128."
    )
    if not past:
        text += " Both recorded loads lie below any knee of that cluster's sweep, so the growth at saturation was not seen or refuted."
        return Finding(
            Standing.UNDECIDED,
            "recorded data",
            text,
            decided_by="the grid repeated on both sides of a knee, with repetitions that show the noise of a single run",
            figures=figures,
        )
    if heavy["variation"] > 3.0 * light["variation"]:
        return Finding(Standing.HOLDS, "recorded data", text, figures=figures)
    refuting = [(level["concurrency"], level["variation"]) for level in (light, heavy)]
    return Finding(Standing.FAILS, "recorded data", text, counterexample=refuting, figures=figures)


def numbers_agree(plateau_variation: float | None = None) -> Finding:
    """Published numbers that determine one another: 37× and the two ±, the plateau's variation and 18.7 ± 0.10."""
    light, heavy, growth = number("grid-64"), number("grid-128"), number("variation-growth")
    below, past = (round(n.at("high") - n.at("value"), 6) for n in (light, heavy))
    limit = number("plateau-variation").at("high") if plateau_variation is None else plateau_variation
    middle, least, most = light.at("value"), growth.at("low"), growth.at("high")
    ratio, variation = past / below, below / middle
    figures = {"growth": ratio, "variation": variation, "limit": limit}
    text = (
        f"± grows from {below:.2f} to {past:.1f}, {ratio:.0f}-fold (a reader told {least:g} to {most:g}, S). "
        f"{below:.2f} / {middle:g} = {100 * variation:.2f} %, where the author elsewhere has a coefficient of variation below "
        f"{100 * limit:g} % (A)"
    )
    if not least - 0.5 <= ratio <= most + 0.5:
        return Finding(Standing.FAILS, "published numbers", f"{text}.", counterexample=(below, past), figures=figures)
    if variation >= limit:
        text += "; by its rounding the ± is at least 0.095, and 0.095 / 18.75 is 0.51 % still."
        assumption = "what follows the ± is no standard deviation but wider, such as half of the range, or the two are of different runs"
        return Finding(
            Standing.HOLDS_UNDER, "published numbers", text, assumption, (below, middle, limit), figures=figures
        )
    return Finding(Standing.HOLDS, "published numbers", f"{text}.", figures=figures)


CLAIMS = (
    Claim(
        "poa-hat-overstates",
        "PoA-hat over-states the price of anarchy, because frozen latencies under-state the optimum.",
        "estimator (S)",
        overstates,
    ),
    Claim("poa-hat-below-one", "PoA-hat can fall below 1.", "estimator (S)", below_one),
    Claim(
        "poa-hat-one-matrix",
        "On one frozen matrix, with the same slots for both, greedy over Hungarian stays below 7, where the published plateau begins.",
        "our own (I), on the estimator (S)",
        one_matrix,
    ),
    Claim(
        "poa-hat-invariance",
        "Below saturation PoA-hat hardly depends on (τ, ω), and at saturation it does.",
        "in words of ours (I), from the numbers of Exp 4a and 4b (P)",
        invariance,
    ),
    Claim(
        "numbers-agree",
        "The published numbers on variation agree with one another.",
        "our question (I) to numbers of Exp 4 (P), of the author elsewhere (A) and of a reader (S)",
        numbers_agree,
    ),
)
