"""A minute of what `make soak` does for long."""

from __future__ import annotations

import numpy as np

from tests.soak.differential import soak_differential
from tests.soak.games import soak_games
from tests.soak.mutations import HARMS, mutate
from tests.soak.readers import soak_readers


def test_damaged_files_are_refused_or_read() -> None:
    outcomes, crashes = soak_readers(400, seed=11)
    assert crashes == []
    assert outcomes["read"] > 20
    assert outcomes["InvalidInput"] > 20


def test_awkward_games_have_the_equilibria_of_brute_force() -> None:
    outcomes, wrong = soak_games(160, seed=11)
    assert wrong == []
    assert sum(outcomes.values()) == 160


def test_batches_agree_with_arithmetic() -> None:
    _, wrong = soak_differential(1, seed=11)
    assert wrong == []


def test_every_harm_changes_something() -> None:
    rng = np.random.default_rng(0)
    text = b"a,b\n1,2\n3,4\n"
    for harm in HARMS:
        assert any(harm(text, rng) != text for _ in range(50)), harm.__name__
    assert all(isinstance(mutate(b"", rng), bytes) for _ in range(200))
