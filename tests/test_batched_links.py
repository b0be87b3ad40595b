"""Wardrop equilibria of batches on parallel links."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame import batched
from poagame.certificates.links import certify_links
from poagame.errors import Infeasible, InvalidInput
from poagame.latency import BPR, MM1, Latency, LogPeriodic, MarginalCost, Polynomial, Stacked, Tabulated
from poagame.testing import latencies


def affine_by_sorting(coefficients: np.ndarray, demand: float) -> np.ndarray:
    """Loads of one affine game by its definition: the cheapest k links at the level at which they carry the demand."""
    a, b = coefficients.T
    order = np.argsort(a)
    for k in range(1, len(a) + 1):
        used = order[:k]
        level = (demand + (a[used] / b[used]).sum()) / (1.0 / b[used]).sum()
        if k == len(a) or level <= a[order[k]]:
            break
    return np.maximum(0.0, (level - a) / b)


def test_affine_games_meet_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    batch, links = 300, 10
    coefficients, demand = rng.uniform(0.05, 1.0, (batch, links, 2)), rng.uniform(0.01, 30.0, batch)
    found = batched.wardrop(Polynomial(coefficients.reshape(-1, 2)), demand, 1e-14)
    wanted = np.stack([affine_by_sorting(c, d) for c, d in zip(coefficients, demand, strict=True)])
    np.testing.assert_allclose(found.load, wanted, rtol=0, atol=1e-11 * demand.max())
    np.testing.assert_allclose(found.load.sum(axis=1), demand, rtol=1e-14)


def links_of_one_shape(min_capacity: float) -> st.SearchStrategy[Latency]:
    """Three links of any family, of few shapes, as each compiles anew."""
    tenths = st.lists(st.integers(0, 20).map(lambda n: n / 10), min_size=3, max_size=3)
    tables = st.lists(tenths, min_size=3, max_size=3).map(
        lambda rise: Tabulated([0.0, 1.0, 2.5], np.cumsum(rise, axis=1))
    )
    return tables | latencies(3, ("affine", "bpr", "mm1", "saturating"), min_capacity)


@settings(max_examples=60)
@given(st.data())
def test_no_used_link_costs_more_than_another(data: st.DataObject) -> None:
    """Wardrop's first principle, evaluated here; any family, also flat and kinked links."""
    demand = data.draw(st.integers(1, 80).map(lambda n: n / 10))
    latency = data.draw(links_of_one_shape(demand + 1.0))
    found = batched.wardrop(latency, [demand, 0.5 * demand], shared=True)
    assert found.converged.all()
    for load, total in zip(found.load, (demand, 0.5 * demand), strict=True):
        cost = latency(load)
        assert load.min() >= 0
        assert load.sum() == pytest.approx(total, rel=1e-13)
        assert (load * (cost - cost.min())).sum() <= 2e-10 * (load * cost).sum()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_no_unit_is_preferred(scale: float) -> None:
    rates, demand = np.array([4.0, 1.0]), np.array([3.0, 4.0, 4.5])
    at_equilibrium = batched.wardrop(MM1(scale * rates), scale * demand, shared=True)
    at_optimum = batched.wardrop(MarginalCost(MM1(scale * rates)), scale * demand, shared=True)
    proof = certify_links(MM1(scale * np.tile(rates, 3)), at_optimum.load, scale * demand)
    ratio = at_equilibrium.social_cost / proof.social_cost
    np.testing.assert_allclose(ratio, [1.2, 8 / 7, 1.125], rtol=1e-9)  # Bell and Stidham 1983


def test_flat_links_take_what_the_others_leave() -> None:
    pigou = Polynomial([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        batched.wardrop(pigou, [0.5, 3.0], shared=True).load, [[0.5, 0.0], [1.0, 2.0]], atol=1e-9
    )
    flat = Polynomial([[2.0], [2.0], [3.0]])
    assert batched.wardrop(flat, [5.0], shared=True).social_cost == pytest.approx(10.0)
    steps = Tabulated([0.0, 1.0, 2.0, 3.0], [[1.0, 1.0, 4.0, 5.0], [1.0, 2.0, 2.0, 2.0]])
    assert batched.wardrop(steps, [2.5], shared=True).converged.all()


def test_games_that_resist_are_solved_by_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poagame.batched.links_compiled.HALLEY_STEPS", 0)
    import jax

    jax.clear_caches()
    rng = np.random.default_rng(3)
    size = 200
    latency = BPR(rng.uniform(0.5, 2, size), rng.uniform(0.5, 2, size), np.full(size, 0.15), np.full(size, 4.0))
    found = batched.wardrop(latency, rng.uniform(1, 10, size // 5))
    jax.clear_caches()
    assert found.num_steps > 5
    assert found.converged.all()


def test_bad_input() -> None:
    with pytest.raises(Infeasible, match=r"game 1: a demand of 3 does not fit .* 3 together"):
        batched.wardrop(MM1([1.0, 2.0]), [1.0, 3.0], shared=True)
    with pytest.raises(InvalidInput, match="do not divide"):
        batched.wardrop(MM1([1.0, 2.0, 3.0]), [1.0, 1.0])
    for demand in ([0.0], [-1.0], [np.nan], [[1.0]], []):
        with pytest.raises(InvalidInput):
            batched.wardrop(MM1([1.0, 2.0]), demand, shared=True)
    with pytest.raises(InvalidInput, match="latency"):
        batched.wardrop("MM1", [1.0])  # type: ignore[arg-type]


def test_a_game_that_is_not_solved_says_so() -> None:
    steep: Latency = BPR([1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [40.0, 0.5])
    found = batched.wardrop(steep, [1.5], 1e-15, shared=True, max_steps=1)
    assert found.converged[0] == (found.relative_gap[0] <= 1e-15)
    assert "of 1 games on 2 links" in str(found)


def test_links_of_very_different_powers() -> None:
    """Loads many orders apart still carry the level."""
    latency = LogPeriodic([0.504, 1.3, 1.9], 0.0, 0.0)
    found = batched.wardrop(latency, [1e-9], shared=True)
    assert found.converged.all()
    level = latency(found.load[0])
    np.testing.assert_allclose(level, level.mean(), rtol=1e-7)


def test_latencies_that_no_batch_takes() -> None:
    with pytest.raises(InvalidInput, match="one family"):
        batched.wardrop(Stacked.of([MM1(2.0), Polynomial([1.0, 0.0])]), [0.5, 1.0], shared=True)
