"""Default storage tiers against their figures, and bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.games import topologies
from poagame.games.hierarchy import NAMES, kv_tiers
from poagame.games.topologies import Link


def test_access_is_latency_and_bytes_over_bandwidth() -> None:
    tiers = kv_tiers(block_bytes=14e6)
    wanted = [0.5 + 14e6 / 8e6, 1.0 + 14e6 / 64e3, 100.0 + 1000.0, 1000.0 + 14e6 / 12.5e3]
    assert np.asarray(tiers.access).tolist() == pytest.approx(wanted, rel=1e-12)
    assert tiers.names == NAMES
    assert tiers.price[0] == 1.0


@pytest.mark.parametrize("tokens", [1, 16, 512, 4096])
def test_no_default_tier_is_dominated(tokens: int) -> None:
    tiers = kv_tiers(topologies.kv_block_bytes(tokens=tokens))
    assert (np.diff(tiers.access) > 0).all()
    assert (np.diff(tiers.price) < 0).all()


def test_every_figure_is_an_argument() -> None:
    tiers = kv_tiers(1e3, hbm=Link(1.0), dram=Link(1.0, 1.0), ssd=Link(1.0, 2.0), network=Link(0.5), price=[4, 3, 2, 0])
    assert np.asarray(tiers.access).tolist() == [1.0, 2.0, 3.0, 2.0]
    assert np.asarray(tiers.price).tolist() == [4.0, 3.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"block_bytes": 0.0}, "block_bytes must be positive"),
        ({"block_bytes": math.inf}, "block_bytes must be positive"),
        ({"hbm": 1.0}, "all links or all numbers"),
        ({"hbm": "fast"}, "all links or all numbers"),
        ({"hbm": 1.0, "dram": 1.0, "ssd": 1.0, "network": True}, "network is a Link or a positive number"),
        ({"hbm": 1.0, "dram": 1.0, "ssd": -1.0, "network": 1.0}, "ssd must be positive"),
        ({"hbm": 1.0, "dram": 1.0, "ssd": 1.0, "network": 1.0, "block_bytes": 5.0}, "leave block_bytes out"),
        ({"price": [1.0, 1.0]}, "four numbers"),
        ({"price": [1.0, -1.0, 0.0, 0.0]}, "four numbers"),
        ({"price": [1.0, math.nan, 0.0, 0.0]}, "price must be finite"),
        ({"price": "cheap"}, "price must be an array of numbers"),
    ],
)
def test_bad_input(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        kv_tiers(**arguments)
