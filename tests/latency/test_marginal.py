"""Curvature is the slope of the derivative, a marginal cost the slope of the total cost; stacking is evaluation one by one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame._arrays import Array
from poagame.errors import InvalidInput
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.latency.convexity import total_cost_is_convex
from poagame.latency.marginal import MarginalCost
from poagame.latency.stacked import Stacked
from poagame.testing import latencies
from tests.latency.test_latency import composed, kinks


def flat(latency: Latency, load: float) -> bool:
    """Whether no kink is near."""
    return all(abs(k - load) > 1e-4 for k in kinks(latency))


@given(composed(), st.floats(0.1, 3.4))
def test_curvature_is_the_slope_of_the_derivative(latency: Latency, load: float) -> None:
    if not flat(latency, load):
        return
    h = 1e-6
    slope = (latency.derivative(np.array([load + h])) - latency.derivative(np.array([load - h]))) / (2 * h)
    np.testing.assert_allclose(latency.curvature(np.array([load])), slope, rtol=1e-5, atol=1e-5)


@given(composed(), st.floats(0.1, 3.4))
@settings(max_examples=20)
def test_closed_curvature_is_the_automatic_one(latency: Latency, load: float) -> None:
    x = np.full(2, load)
    np.testing.assert_allclose(latency.curvature(x) * np.ones(2), Latency.curvature(latency, x), rtol=1e-9, atol=1e-12)


@given(composed(), st.floats(0.1, 3.4))
def test_marginal_cost_is_a_latency_of_the_total_cost(latency: Latency, load: float) -> None:
    marginal = MarginalCost(latency)
    np.testing.assert_array_equal(marginal(load), latency.marginal_cost(load))
    np.testing.assert_allclose(marginal.integral(load), load * latency(load), rtol=1e-15)
    if flat(latency, load):
        h = 1e-6
        slope = (marginal(load + h) - marginal(load - h)) / (2 * h)
        np.testing.assert_allclose(marginal.derivative(np.full(2, load)), slope, rtol=1e-5, atol=1e-5)


@given(latencies(2), st.floats(0.0, 500.0))
def test_never_nan_at_any_load(latency: Latency, load: float) -> None:
    x, marginal = np.full(2, load), MarginalCost(latency)
    for part in (marginal(x), marginal.integral(x), marginal.derivative(x), latency.curvature(x)):
        assert not np.isnan(part).any()


def test_infinite_from_capacity_on() -> None:
    for latency in (MM1([2.0]), Saturating(1.0, 0.1, 1.0, 2.0), MM1([3.0]).preloaded(1.0)):
        marginal = MarginalCost(latency)
        for load in (2.0, 3.0):
            assert np.isposinf(marginal(load)).all()
            assert np.isposinf(marginal.integral(load)).all()
            assert np.isposinf(marginal.derivative(np.array([load]))).all()


def test_zero_and_tiny_loads_of_fractional_powers() -> None:
    latency = BPR(np.ones(4), np.ones(4), np.ones(4), [0.0, 0.1, 1.5, 2.0])
    for load in (0.0, 1e-200):
        marginal = MarginalCost(latency)
        assert not np.isnan(marginal.derivative(np.full(4, load))).any()
    np.testing.assert_array_equal(latency.curvature(np.zeros(4)), [0.0, 0.0, 0.0, 2.0])


class Root(Latency):
    """x^(3/2) as a user may write it."""

    scale: Array

    @property
    def num_resources(self) -> int:
        return 1

    def value(self, load: Array) -> Array:
        return self.scale * load**1.5

    def derivative(self, load: Array) -> Array:
        return 1.5 * self.scale * load**0.5

    def primitive(self, load: Array) -> Array:
        return 0.4 * self.scale * load**2.5


class NumpyOnly(Root):
    def derivative(self, load: Array) -> Array:
        return 1.5 * self.scale * np.sqrt(np.asarray(load))


def test_a_users_latency_has_a_curvature() -> None:
    before = jnp.ones(1).dtype
    x = np.array([4.0])
    bend = Root(np.ones(1)).curvature(x)
    assert isinstance(bend, np.ndarray)
    np.testing.assert_allclose(bend, [0.375], rtol=1e-14)
    np.testing.assert_allclose(MarginalCost(Root(np.ones(1))).derivative(x), 2 * 3.0 + 4 * 0.375, rtol=1e-14)
    assert jnp.ones(1).dtype == before
    with pytest.raises(InvalidInput, match="give NumpyOnly a"):
        NumpyOnly(np.ones(1)).curvature(x)


PARTS = [
    MM1(9.0),
    Polynomial([0.0, 1.0]),
    MM1(8.0),
    Polynomial([1.0, 2.0, 3.0]),
    2.0 * BPR(1.0, 2.0, 0.15, 4.0),
    3.0 * BPR(1.0, 3.0, 0.15, 4.0),
    Tabulated([0.0, 1.0], [1.0, 2.0]),
    Root(np.array(2.0)),
    Saturating(1.0, 0.0, 1.0, 9.0),
]


def test_stacked_is_each_latency_at_its_own_load() -> None:
    stacked = Stacked.of(PARTS)
    assert isinstance(stacked, Stacked)
    assert stacked.num_resources == len(PARTS)
    assert len(stacked.parts) == 7  # the M/M/1 and the scaled BPR merge
    load = np.linspace(0.5, 4.5, 2 * len(PARTS)).reshape(2, -1)
    for name in ("value", "derivative", "primitive", "curvature"):
        apart = [getattr(part, name)(load[:, [r]])[:, 0] for r, part in enumerate(PARTS)]
        np.testing.assert_allclose(getattr(stacked, name)(load), np.stack(apart, axis=1), rtol=1e-13)
    with jax.enable_x64(True):
        mapped = jax.jit(lambda lat, x: lat(x))(stacked, load[0])
        np.testing.assert_allclose(mapped, stacked(load[0]), rtol=1e-13)
    assert isinstance(Stacked.of([MM1(1.0), MM1(2.0)]), MM1)


def test_stacked_refuses() -> None:
    with pytest.raises(InvalidInput, match="entry 1 must be a latency of one resource"):
        Stacked.of([MM1(1.0), MM1([1.0, 2.0])])
    with pytest.raises(InvalidInput, match="at least one"):
        Stacked.of([])
    with pytest.raises(InvalidInput, match="once"):
        Stacked([MM1(1.0), MM1(2.0)], [[0], [0]])


@given(composed())
def test_convexity_is_not_claimed_in_vain(latency: Latency) -> None:
    x = np.linspace(0.0, 3.5, 200)[:, None]
    steps = np.diff(x * latency(x) * np.ones(2), n=2, axis=0)
    claimed = np.broadcast_to(total_cost_is_convex(latency), (2,))
    assert (steps[:, claimed] >= -1e-9 * (1.0 + np.abs(steps).max())).all()


def test_convexity_where_it_is_known() -> None:
    falling = Tabulated([0.0, 1.0, 2.0], [0.0, 2.0, 3.0])
    rising = Tabulated([0.0, 1.0, 2.0], [0.0, 1.0, 3.0])
    assert not total_cost_is_convex(falling).any()
    assert total_cost_is_convex(rising + 1.0).all()
    assert total_cost_is_convex(Stacked.of([MM1(2.0), falling, BPR(1.0, 1.0, 1.0, 0.3)])).tolist() == [
        True,
        False,
        True,
    ]
    assert not total_cost_is_convex(Root(np.ones(1))).any()
