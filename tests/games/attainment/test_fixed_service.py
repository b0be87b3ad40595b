"""M/D/c against dense chains, closed forms, Little's law and the geometric decay of long waits."""

from __future__ import annotations

from math import exp, expm1, factorial

import numpy as np
import pytest

import poagame as pg
from poagame._arrays import FloatArray
from poagame.games.attainment import deterministic_wait


def number_in_system(workers: int, load: float, size: int) -> FloatArray:
    """X' = (X − c)⁺ + Poisson(a), a service time apart, solved densely."""
    poisson = [exp(-load)]
    for k in range(1, size):
        poisson.append(poisson[-1] * load / k)
    step = np.zeros((size, size))
    for x in range(size):
        left = max(x - workers, 0)
        step[x, left:] = poisson[: size - left]
    step[:, -1] += 1.0 - step.sum(axis=1)
    system = np.vstack([step.T - np.eye(size), np.ones(size)])
    law: FloatArray = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0].astype(np.float64)
    return law


@pytest.mark.parametrize(("workers", "load"), [(1, 0.02), (2, 1.2), (3, 2.5), (6, 5.4), (12, 3.0)])
def test_nobody_waits_in_a_dense_chain(workers: int, load: float) -> None:
    """P(W ≤ 0) = P(X < c) as arrivals see averages."""
    law = number_in_system(workers, load, 160)
    assert deterministic_wait(workers, load, 0.0) == pytest.approx(law[:workers].sum(), abs=1e-9)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (2, 1.2), (3, 2.4)])
def test_mean_wait_by_little(workers: int, load: float) -> None:
    """∫ P(W > t) dt is the mean line over the arrival rate; the line is from the dense chain. Simpson's rule between the kinks."""
    law = number_in_system(workers, load, 160)
    line = float(law @ np.maximum(np.arange(160) - workers, 0)) / load
    total, nodes = 0.0, np.linspace(0.0, 1.0, 17)
    rule = np.array([1.0, *([4.0, 2.0] * 7), 4.0, 1.0]) / 48.0
    for k in range(25):
        # just short of the next kink
        late = [1.0 - deterministic_wait(workers, load, k + min(float(x), 1.0 - 1e-12)) for x in nodes]
        total += float(rule @ late)
    assert total == pytest.approx(line, rel=1e-6)


@pytest.mark.parametrize(
    ("share", "wait"),
    [
        (1e-18, 0.0),
        (1e-9, 0.0),
        (0.5, 0.0),
        (0.5, 1.5),
        (0.8, 2.3),
        (0.9, 3.0),
        (0.99, 0.4),
        (1 - 1e-9, 0.0),
        (1 - 1e-9, 0.9),
    ],
)
def test_one_server(share: float, wait: float) -> None:
    """Erlang's sum, whose terms alternate."""
    terms = [(share * (k - wait)) ** k / factorial(k) * exp(-share * (k - wait)) for k in range(int(wait) + 1)]
    assert deterministic_wait(1, share, wait) == pytest.approx((1 - share) * sum(terms), rel=1e-11)


@pytest.mark.parametrize(("share", "wait"), [(0.5, 30.0), (0.9, 100.5), (1 - 5e-5, 1e4), (1 - 1e-6, 1e6)])
def test_long_waits_of_one_server(share: float, wait: float) -> None:
    """P(W > t) ~ (1 − a) / (a e^θ − 1) · e^{−θt}, a (e^θ − 1) = θ: the asymptotic of Cramér, exact this far out."""
    decay = root(1.0, share)
    late = (1 - share) / (share * exp(decay) - 1) * exp(-decay * wait)
    assert deterministic_wait(1, share, wait) == pytest.approx(-expm1(np.log(late)), abs=1e-13, rel=1e-6)


@pytest.mark.parametrize(
    ("workers", "load", "wait"), [(2, 1.8, 20.0), (7, 7 * (1 - 1e-5), 2e3), (2000, 1999.9, 3.0), (2000, 1999.9, 30.0)]
)
def test_waits_decay_geometrically(workers: int, load: float, wait: float) -> None:
    """P(W > t + 1) / P(W > t) = z₀^{−c}, once t is long."""
    late = [1.0 - deterministic_wait(workers, load, wait + k) for k in (0, 1)]
    assert late[1] / late[0] == pytest.approx(exp(-root(workers, load) * workers), rel=1e-7)


def root(workers: float, load: float) -> float:
    """Log z₀ by bisection of c y = a (e^y − 1)."""
    low, high = 1e-3 * (workers / load - 1), 60.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if workers * middle > load * expm1(middle) else (low, middle)
    return low


def test_many_workers_wait_less_at_the_same_share() -> None:
    """Pooling: more workers at the same load each, and longer patience, can only help."""
    share = [deterministic_wait(c, 0.95 * c, 0.5) for c in (1, 2, 5, 10, 100, 1000, 10_000)]
    assert (np.diff(share) > -1e-12).all()
    patience = [deterministic_wait(50, 49.5, t) for t in np.linspace(0.0, 12.0, 100)]
    assert (np.diff(patience) > 0).all()


def test_ends() -> None:
    assert deterministic_wait(2, 2.0, 5.0) == 0.0
    assert deterministic_wait(0, 0.0, 5.0) == 0.0
    assert deterministic_wait(3, 0.0, 0.0) == 1.0
    assert deterministic_wait(1, 0.9, 1e300) == 1.0
    assert deterministic_wait(10**12, 1e6, 0.0) == 1.0
    with pytest.raises(pg.TooLarge, match="exponential"):
        deterministic_wait(100_001, 1e5, 0.0)


@pytest.mark.parametrize(
    ("workers", "load", "wait", "match"),
    [(1.5, 1.0, 0.0, "workers"), (-1, 1.0, 0.0, "workers"), (2, np.nan, 0.0, "load"), (2, -1.0, 0.0, "load"), (2, 1.0, -1.0, "wait"),
     (2, 1.0, np.inf, "wait"), (True, 0.5, 0.0, "workers"), (2, "1", 0.0, "load"), (2, [1.0], 0.0, "load")],
)  # fmt: skip
def test_what_is_refused(workers: int, load: float, wait: float, match: str) -> None:
    with pytest.raises(pg.InvalidInput, match=match):
        deterministic_wait(workers, load, wait)
