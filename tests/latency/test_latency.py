"""Latency laws: the integral, the marginal cost and monotonicity are what they say; capacities are infinite, never NaN."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad

from poagame.errors import InvalidInput
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.testing import latencies

GAUSS = np.polynomial.legendre.leggauss(20)


def composed() -> st.SearchStrategy[Latency]:
    """Library latencies of two resources, and sums, multiples, tolls and preloads of them."""
    plain = latencies(2, min_capacity=6.0)
    few = st.sampled_from([0.0, 0.5, 2.0])
    return st.one_of(
        plain,
        st.builds(lambda a, b: a + b, plain, plain),
        st.builds(lambda a, f: f * a, plain, few),
        st.builds(lambda a, t: a + [t, 1.0], plain, few),
        st.builds(lambda a, b: a.preloaded([b, 0.5]), plain, few),
    )


def kinks(latency: object) -> list[float]:
    if isinstance(latency, Tabulated):
        return sorted({float(x) for x in np.ravel(latency.load)})
    points: list[float] = []
    for name in ("first", "second", "latency"):
        part = getattr(latency, name, None)
        if isinstance(part, Latency):
            shift = np.ravel(getattr(latency, "background", [0.0]))
            points += [k - float(s) for k in kinks(part) for s in shift]
    return points


@given(composed(), st.floats(0.0, 3.5))
@example(Saturating(1.0, 0.5, 2.0, 6.0) + BPR(1.0, 2.0, 0.15, 4.0), 3.5)
def test_integral_is_the_integral(latency: Latency, load: float) -> None:
    # Gauss quadrature of 20 nodes between kinks, exact for polynomials; power laws near 0 get pieces that shrink towards it
    inner = [k for k in kinks(latency) if 0 < k < load]
    edges = np.unique([0.0, *(load * 0.5 ** np.arange(40)), *inner])
    nodes, weights = GAUSS
    total = np.zeros(2)
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        x = 0.5 * (b - a) * nodes + 0.5 * (a + b)
        total += 0.5 * (b - a) * weights @ (latency(x[:, None]) * np.ones(2))
    np.testing.assert_allclose(latency.integral(load) * np.ones(2), total, rtol=1e-7, atol=1e-7)


@given(composed(), st.floats(0.01, 3.4))
def test_marginal_cost_is_the_derivative_of_total_cost(latency: Latency, load: float) -> None:
    h = 1e-5
    if any(abs(k - load) < 2 * h for k in kinks(latency)):
        load += 4 * h  # beside the kink, where the derivative is two-sided
    if any(abs(k - load) < 2 * h for k in kinks(latency)):
        return
    slope = ((load + h) * latency(load + h) - (load - h) * latency(load - h)) / (2 * h)
    np.testing.assert_allclose(latency.marginal_cost(load) * np.ones(2), slope * np.ones(2), rtol=2e-4, atol=2e-5)


@given(composed(), st.floats(0.0, 4.0), st.floats(0.0, 4.0))
def test_latency_never_decreases(latency: Latency, a: float, b: float) -> None:
    low, high = latency(min(a, b)), latency(max(a, b))
    assert (high >= low - 1e-9 * np.abs(low)).all()


@given(latencies(2), st.floats(0.0, 500.0))
def test_never_nan_at_any_load(latency: Latency, load: float) -> None:
    for part in (latency(load), latency.integral(load), latency.marginal_cost(load)):
        assert not np.isnan(part).any()


@pytest.mark.parametrize(
    "latency",
    [MM1([2.0]), Saturating(1.0, 0.1, 0.0, 2.0), 0.0 * MM1([2.0]), MM1([3.0]).preloaded(1.0), MM1([2.0]) + 1.0],
)
def test_infinite_from_capacity_on(latency: Latency) -> None:
    assert np.isfinite(latency(1.999)).all()
    for load in (2.0, 2.5, 1e9):
        assert np.isposinf(latency(load)).all()
        assert np.isposinf(latency.integral(load)).all()
        assert np.isposinf(latency.marginal_cost(load)).all()


@given(composed(), st.floats(0.0, 3.5))
def test_repr_rebuilds_the_latency(latency: Latency, load: float) -> None:
    from poagame.latency import Preloaded, Scaled, Shifted, Sum

    names = {c.__name__: c for c in (BPR, MM1, Polynomial, Saturating, Tabulated, Sum, Scaled, Shifted, Preloaded)}
    again = eval(repr(latency), names)  # noqa: S307
    np.testing.assert_array_equal(again(load), latency(load))


def test_numpy_in_float64_out_and_jax_in_jax_out() -> None:
    latency = Saturating([1.0, 2.0], [0.1, 0.1], [1.0, 1.0], [8.0, 9.0])
    assert latency([1, 2]).dtype == np.float64
    assert isinstance(latency([1, 2]), np.ndarray)
    assert isinstance(latency(jnp.ones(2)), jax.Array)


CASES = [
    Polynomial([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]]),
    BPR([1.0, 2.0], [2.0, 3.0], [0.15, 0.15], [4.0, 0.0]),
    MM1([3.0, 4.0]),
    Saturating([1.0, 2.0], [0.1, 0.2], [1.0, 2.0], [5.0, 6.0]),
    Tabulated([1.0, 2.0, 4.0], [[1.0, 2.0, 2.5], [2.0, 2.0, 3.0]]),
]


@pytest.mark.parametrize("latency", CASES, ids=lambda c: type(c).__name__)
def test_passes_through_jit_vmap_and_grad(latency: Latency) -> None:
    loads = np.array([[0.0, 0.5], [1.5, 2.5]])
    with jax.enable_x64(True):
        mapped = jax.jit(jax.vmap(lambda lat, x: lat(x), in_axes=(None, 0)))(latency, loads)
        np.testing.assert_allclose(mapped, latency(loads), rtol=1e-14)
        slope = jax.vmap(jax.grad(lambda x: latency.integral(x).sum()))(jnp.asarray(loads))
        np.testing.assert_allclose(slope, latency(loads), rtol=1e-12)
        total = jax.vmap(jax.grad(lambda x: (x * latency(x)).sum()))(jnp.asarray(loads) + 0.01)
        np.testing.assert_allclose(total, latency.marginal_cost(loads + 0.01), rtol=1e-12)
        beyond = jax.grad(lambda x: latency(x).sum())(jnp.full(2, 50.0))
        assert not np.isnan(beyond).any()


def test_quadrature_of_scipy_agrees_on_the_singular_curve() -> None:
    latency = Saturating(1.0, 0.5, 2.0, 6.0)
    value, _ = quad(lambda x: float(latency(x)[0]), 0.0, 5.99, limit=400)
    assert latency.integral(5.99)[0] == pytest.approx(value, rel=1e-9)


BAD = [
    (lambda: Polynomial([[1.0, -0.5]]), "nonnegative"),
    (lambda: Polynomial([[1.0, np.nan]]), "finite"),
    (lambda: Polynomial([["a"]]), "numbers"),
    (lambda: BPR([1.0], [0.0], [1.0], [1.0]), "capacity must be positive"),
    (lambda: BPR([1.0], [1.0, 2.0], [1.0], [1.0]), "lengths"),
    (lambda: MM1([0.0]), "positive"),
    (lambda: Saturating(1.0, 1.0, -1.0, 2.0), "strain must be nonnegative"),
    (lambda: Tabulated([0.0, 1.0, 2.0], [1.0, 3.0, 2.0]), "must not decrease.*tabulated"),
    (lambda: Tabulated([0.0, 0.0], [1.0, 3.0]), "strictly increasing"),
    (lambda: Tabulated([0.0], [1.0]), "two points"),
    (lambda: Tabulated([0.0, 1.0], [1.0]), "must agree"),
    (lambda: MM1([2.0])(-0.1), "nonnegative"),
    (lambda: MM1([2.0])(np.nan), "NaN"),
    (lambda: MM1([2.0, 3.0])(np.ones(3)), "2 resources"),
    (lambda: MM1([2.0, 3.0]) + MM1([2.0, 3.0, 4.0]), "cannot be added"),
    (lambda: -1.0 * MM1([2.0]), "nonnegative"),
    (lambda: MM1([2.0, 3.0]) + [1.0, 2.0, 3.0], "2 resources"),
    (lambda: MM1([2.0, 3.0]).replicated(4), "one resource"),
    (lambda: MM1([2.0]).preloaded(-1.0), "nonnegative"),
]


@pytest.mark.parametrize(("build", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_input_is_refused_with_its_reason(build: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"(?s){message}"):
        build()  # type: ignore[operator]
