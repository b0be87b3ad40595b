"""Runs of polls against all outcomes, a Markov chain and the detector itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.serving.detector import RegimeDetector
from poagame.serving.settling import switches
from poagame.serving.streaks import mean_wait, smallest_streak, switch_probabilities, switch_rate


def enumerated(p: Fraction, streak: int, polls: int) -> Fraction:
    """Over all outcomes of the polls."""
    total = Fraction(0)
    for outcome in product((0, 1), repeat=polls):
        if "1" * streak in "".join(map(str, outcome)):
            total += p ** sum(outcome) * (1 - p) ** (polls - sum(outcome))
    return total


def chain(p: float, streak: int) -> np.ndarray:
    """Transitions between streaks 0 … k, the last of which stays."""
    step = np.zeros((streak + 1, streak + 1))
    for i in range(streak):
        step[i, i + 1] += p
        step[i, 0] += 1 - p
    step[streak, streak] = 1.0
    return step


@pytest.mark.parametrize("p", [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10)])
@pytest.mark.parametrize("streak", [1, 2, 3, 5])
def test_probabilities_are_those_of_all_outcomes(p: Fraction, streak: int) -> None:
    law = switch_probabilities(float(p), streak, 10)
    assert law == pytest.approx([float(enumerated(p, streak, n)) for n in range(11)], rel=1e-13)


@pytest.mark.parametrize(
    ("p", "streak", "polls"), [(0.03, 3, 17_280), (0.5, 20, 1000), (1e-4, 4, 10_000), (0.99, 50, 200)]
)
def test_probabilities_are_those_of_the_chain(p: float, streak: int, polls: int) -> None:
    exact = np.linalg.matrix_power(chain(p, streak), polls)[0, -1]
    found = switch_probabilities(p, streak, polls)[-1]
    assert found == pytest.approx(exact, rel=1e-9)
    tight = p**streak * (1 + (polls - streak) * (1 - p))
    assert 0 < found <= tight <= polls * p**streak


@pytest.mark.parametrize("p", [0.05, 0.4, 0.97])
@pytest.mark.parametrize("streak", [1, 3, 6])
def test_mean_wait_solves_the_chain(p: float, streak: int) -> None:
    inner = chain(p, streak)[:-1, :-1]
    solved = np.linalg.solve(np.eye(streak) - inner, np.ones(streak))[0]
    assert mean_wait(p, streak) == pytest.approx(solved, rel=1e-7)  # the system's condition number is the answer's size


def test_mean_wait_at_its_ends() -> None:
    assert mean_wait(1.0, 7) == 7.0
    assert mean_wait(1.0 - 1e-12, 7) == pytest.approx(7.0)
    assert mean_wait(0.0, 1) == np.inf
    assert mean_wait(1e-200, 5) == np.inf


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("flapping", [0.5, 0.01, 1e-6])
def test_smallest_streak_is_the_first_that_holds(p: float, flapping: float) -> None:
    polls = 500
    exact = [np.linalg.matrix_power(chain(p, k), polls)[0, -1] for k in range(1, 200)]
    assert smallest_streak(p, polls, flapping) == 1 + next(i for i, f in enumerate(exact) if f <= flapping)


def test_smallest_streak_at_its_ends() -> None:
    assert smallest_streak(1.0, 12, 0.1) == 13
    assert smallest_streak(0.0, 12, 0.1) == 1
    assert smallest_streak(0.999, 12, 1e-9) == 13


@pytest.mark.parametrize("streak", [1, 2, 3])
def test_detector_flaps_at_the_rate(streak: int) -> None:
    p, rng = 0.4, np.random.default_rng(11)
    detector = RegimeDetector(1.0, 2.0, 1e9, smoothing=1.0, polls=streak)
    count = switches(detector.regimes(np.where(rng.random((400, 5000)) < p, 3.0, 1.0)))
    error = count.std() / np.sqrt(400)
    assert count.mean() == pytest.approx(5000 * switch_rate(p, streak), abs=4 * error + 1.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "0.5", True])
def test_bad_probabilities(p: Any) -> None:
    for call in (lambda: mean_wait(p, 3), lambda: switch_probabilities(p, 3, 9), lambda: smallest_streak(p, 9, 0.1)):
        with pytest.raises(InvalidInput):
            call()


def test_bad_numbers() -> None:
    for streak, polls in ((0, 9), (2.5, 9), (3, -1), (3, 10**9)):
        given: Any = streak
        with pytest.raises(InvalidInput):
            switch_probabilities(0.5, given, polls)
    for polls, flapping in ((-1, 0.1), (9, 0.0), (9, 1.0)):
        with pytest.raises(InvalidInput):
            smallest_streak(0.5, polls, flapping)
