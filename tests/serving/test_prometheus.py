"""The reader against a transcription of histogram_quantile, against the latencies themselves, and on bad scrapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from poagame.errors import InvalidInput, MissingColumn, UnknownFormat
from poagame.serving.prometheus import ITL, LATENCY, TTFT, Histogram, histogram, parse, window

ENDS_S = (0.001, 0.0047, 0.022, 0.1, 0.47, 2.2, 10.0, 48.0)


def exposed(
    times_ms: ArrayLike, metric: str = TTFT, labels: str = 'model="llama"', ends: tuple[float, ...] = ENDS_S
) -> str:
    """What a frontend shows after requests of these latencies."""
    times = np.asarray(times_ms, dtype=np.float64) / 1000.0
    lines = [f"# HELP {metric} Of requests", f"# TYPE {metric} histogram"]
    for end in (*ends, np.inf):
        le = "+Inf" if np.isinf(end) else repr(end)
        lines.append(f'{metric}_bucket{{{labels},le="{le}"}} {(times <= end).sum()}')
    lines += [f"{metric}_sum{{{labels}}} {times.sum()!r}", f"{metric}_count{{{labels}}} {times.size}"]
    return "\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n"


def prometheus_quantile(q: float, upper: tuple[float, ...], cumulative: list[float]) -> float:
    """Prometheus' bucketQuantile, step by step."""
    rank = q * cumulative[-1]
    b = next((i for i in range(len(upper) - 1) if cumulative[i] >= rank), len(upper) - 1)
    if b == len(upper) - 1:
        return upper[-2]
    if b == 0 and upper[0] <= 0:
        return upper[0]
    start, end, count = 0.0, upper[b], cumulative[b]
    if b > 0:
        start, count, rank = upper[b - 1], count - cumulative[b - 1], rank - cumulative[b - 1]
    return start + (end - start) * (rank / count)


def test_quantiles_are_those_of_prometheus() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        upper = (*np.sort(rng.uniform(0.0, 100.0, size=rng.integers(1, 8))).tolist(), np.inf)
        counts = rng.integers(0, 4, size=len(upper)) * rng.integers(0, 2, size=len(upper))
        if not counts.sum():
            continue
        one = Histogram(upper, tuple(counts.tolist()), 1.0)
        for q in (1e-9, 0.25, 0.5, 0.9, 0.99, 1.0):
            assert one.quantile_ms(q) == pytest.approx(
                prometheus_quantile(q, upper, np.cumsum(counts).tolist()), rel=1e-12
            )


@pytest.mark.parametrize("metric", [TTFT, ITL, LATENCY])
def test_a_window_holds_the_requests_between_two_scrapes(metric: str) -> None:
    rng = np.random.default_rng(4)
    old, new = np.exp(rng.normal(5.0, 1.5, 300)), np.exp(rng.normal(7.0, 1.0, 500))
    one = window(parse(exposed(old, metric)), parse(exposed(np.concatenate([old, new]), metric)), metric)
    assert one.count == 500
    assert one.mean_ms == pytest.approx(new.mean())
    assert one.upper_ms[:3] == pytest.approx((1.0, 4.7, 22.0))
    for q in (0.1, 0.5, 0.9, 0.99, 1.0):
        low, high = one.bounds_ms(q)
        assert low < np.quantile(new, q, method="inverted_cdf") <= high
        assert low <= one.quantile_ms(q) <= high


def test_an_end_belongs_to_its_bucket() -> None:
    one = histogram(parse(exposed([1.0, 22.0, 22.0, 60_000.0])))
    assert one.counts == (1, 0, 2, 0, 0, 0, 0, 0, 1)
    assert one.quantile_ms(0.25) == 1.0
    assert one.quantile_ms(1.0) == 48_000.0
    assert one.bounds_ms(1.0) == (48_000.0, np.inf)


def test_nothing_between_two_scrapes() -> None:
    one = window(parse(exposed([5.0, 9.0])), parse(exposed([5.0, 9.0])))
    assert one.count == 0
    assert np.isnan([one.quantile_ms(0.99), one.mean_ms, *one.bounds_ms(0.5)]).all()


@pytest.mark.parametrize("again", [[3.0], [3.0] * 7 + [30.0]])
def test_a_restarted_server_counts_from_zero(again: list[float]) -> None:
    one = window(parse(exposed([5.0, 9.0, 200.0, 210.0])), parse(exposed(again)))
    assert (one.count, one.sum_ms) == (len(again), pytest.approx(sum(again)))


def test_of_two_frontends_only_the_restarted_one_counts_from_zero() -> None:
    def both(a: list[float], b: list[float]) -> str:
        return exposed(a, labels='pod="a"') + exposed(b, labels='pod="b"')

    before, after = parse(both([5.0] * 10, [5.0] * 10)), parse(both([5.0] * 12, [300.0] * 3))
    one = window(before, after)
    assert one.counts == (0, 0, 2, 0, 3, 0, 0, 0, 0)
    assert window(before, after, labels={"pod": "b"}).count == 3
    assert window(before, parse(exposed([5.0] * 11, labels='pod="a"'))).count == 1


def test_other_buckets_after_a_restart() -> None:
    assert window(parse(exposed([5.0] * 9)), parse(exposed([5.0] * 20, ends=(1.0, 2.0)))).count == 20


def test_the_first_scrape_may_lack_the_metric() -> None:
    assert window(parse("up 1\n"), parse(exposed([5.0]))).count == 1


def test_labels_are_read() -> None:
    text = r'm{a="x,y} \"z\"",b="c:\\new\nline", } +1.5e3 1712000000' + '\n m 2\nn {a = ""} NaN\nk -Inf\r\n'
    scrape = parse(text)
    assert scrape["m"] == {frozenset({("a", 'x,y} "z"'), ("b", "c:\\new\nline")}): 1500.0, frozenset(): 2.0}
    assert np.isnan(scrape["n"][frozenset({("a", "")})])
    assert scrape["k"][frozenset()] == -np.inf


def test_a_missing_metric_names_those_there() -> None:
    scrape = parse(exposed([1.0], ITL) + exposed([1.0], "other_seconds"))
    with pytest.raises(MissingColumn, match=f"{ITL}, other_seconds"):
        histogram(scrape)
    with pytest.raises(MissingColumn, match="none at all"):
        window(scrape, parse(""))
    with pytest.raises(MissingColumn, match="labels"):
        histogram(scrape, ITL, {"model": "other"})


@pytest.mark.parametrize(
    "text",
    [
        "m",
        'm{a="x"',
        "m{a=x} 1",
        "m 1 2 3",
        "1m 2",
        "m one",
        'm{a="x"} 1\nm{a="x"} 1',
        'm{a="x",a="y"} 1',
        "m 0x10",
        "m 1_0",
    ],
)
def test_text_of_another_format(text: str) -> None:
    with pytest.raises(UnknownFormat, match="line"):
        parse(text)


def test_a_scrape_is_text() -> None:
    given: Any = b"m 1"
    with pytest.raises(InvalidInput):
        parse(given)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('le="+Inf"} 2', 'le="+Inf"} 1'),
        ('le="+Inf"', 'le="100"'),
        ('le="0.1"', 'le="low"'),
        ('le="0.1"', 'end="0.1"'),
        (f"{TTFT}_sum", f"{TTFT}_total"),
        ('le="0.1"} 2', 'le="0.1"} NaN'),
    ],
)
def test_half_a_histogram(old: str, new: str) -> None:
    text = exposed([5.0, 9.0])
    assert old in text
    with pytest.raises(UnknownFormat):
        histogram(parse(text.replace(old, new)))


def test_buckets_that_do_not_add_up() -> None:
    text = exposed([5.0], labels='pod="a"') + exposed([5.0], labels='pod="b"', ends=(1.0,))
    with pytest.raises(UnknownFormat, match="other buckets"):
        histogram(parse(text))
    assert histogram(parse(text), labels={"pod": "b"}).count == 1


@pytest.mark.parametrize("q", [0.0, -0.1, 1.1, float("nan"), "0.5", True])
def test_bad_quantiles(q: Any) -> None:
    with pytest.raises(InvalidInput):
        histogram(parse(exposed([5.0]))).quantile_ms(q)


@pytest.mark.parametrize(
    "given",
    [
        ((1.0,), (1.0,), 1.0),
        ((2.0, 1.0), (1, 1), 1.0),
        ((1.0, np.inf), (1,), 1.0),
        ((1.0, np.inf), (1, -1), 1.0),
        ((1.0, np.inf), (1, 1), np.nan),
    ],
)
def test_bad_histograms(given: Any) -> None:
    with pytest.raises(InvalidInput):
        Histogram(*given)


def test_the_unit_is_in_the_name() -> None:
    assert histogram(parse(exposed([7000.0], "a_milliseconds")), "a_milliseconds").quantile_ms(1.0) == 10.0
    with pytest.raises(InvalidInput, match="unit"):
        histogram(parse(exposed([1.0], "latency")), "latency")
