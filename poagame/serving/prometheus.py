r"""Latency histograms of Dynamo's frontend from two scrapes of its Prometheus endpoint.

A scrape holds, for each set of labels, how many requests so far took at most `le`. The difference of two scrapes is the histogram of the
window between them, whose quantiles are read as Prometheus' histogram_quantile does: linear within a bucket. Times are in ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from poagame._arrays import require
from poagame.errors import InvalidInput, MissingColumn, UnknownFormat
from poagame.games.checks import finite, shown

TTFT = "dynamo_frontend_time_to_first_token_seconds"
ITL = "dynamo_frontend_inter_token_latency_seconds"
LATENCY = "dynamo_frontend_request_duration_seconds"

Labels: TypeAlias = frozenset[tuple[str, str]]
Scrape: TypeAlias = Mapping[str, Mapping[Labels, float]]
"""Values by name and labels."""

_PAIR = r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*'
_LINE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{{((?:{_PAIR},)*(?:{_PAIR})?\s*)\}})?\s*(\S+)(?:\s+(-?\d+))?\s*")
_LABEL = re.compile(_PAIR)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_UNITS = {"_seconds": 1000.0, "_milliseconds": 1.0, "_ms": 1.0, "_microseconds": 1e-3}


@dataclass(frozen=True, slots=True)
class Histogram:
    """Requests by latency.

    Parameters
    ----------
    upper_ms : [B]
        Upper ends of the buckets, rising, the last one infinite; an end belongs to its bucket.
    counts : [B]
        Requests in each bucket alone, ≥ 0.
    sum_ms : float
        Of all latencies.

    Raises
    ------
    InvalidInput
        If the ends do not rise to infinity, or there are not as many counts, or one is negative.
    """

    upper_ms: tuple[float, ...]
    counts: tuple[float, ...]
    sum_ms: float

    def __post_init__(self) -> None:
        upper, counts = np.array(self.upper_ms, dtype=np.float64), np.array(self.counts, dtype=np.float64)
        require(upper.ndim == 1 and upper.size >= 2, f"upper_ms lists at least two buckets; got {shown(self.upper_ms)}")
        require(
            bool((np.diff(upper) > 0).all()) and upper[-1] == np.inf and upper[0] > -np.inf,
            f"upper_ms must rise, the last end to infinity; got {shown(self.upper_ms)}",
        )
        require(
            counts.shape == upper.shape and bool((counts >= 0).all()) and bool(np.isfinite(counts).all()),
            f"counts are nonnegative, one for each of {upper.size} buckets; got {shown(self.counts)}",
        )
        object.__setattr__(self, "upper_ms", tuple(upper.tolist()))
        object.__setattr__(self, "counts", tuple(counts.tolist()))
        object.__setattr__(self, "sum_ms", finite(self.sum_ms, "sum_ms"))

    @property
    def count(self) -> float:
        """Requests."""
        return float(np.sum(self.counts))

    @property
    def mean_ms(self) -> float:
        """Mean latency; NaN without requests."""
        return self.sum_ms / self.count if self.count > 0 else float("nan")

    def bounds_ms(self, q: float) -> tuple[float, float]:
        """Return the ends of the bucket that surely holds the q-quantile, whatever the latencies in it; NaN without requests.

        Raises
        ------
        InvalidInput
            If q is not in (0, 1].
        """
        i, _ = self._bucket(q)
        if i < 0:
            return float("nan"), float("nan")
        return (self.upper_ms[i - 1] if i else min(0.0, self.upper_ms[0])), self.upper_ms[i]

    def quantile_ms(self, q: float) -> float:
        """q-quantile, linear within its bucket, as histogram_quantile gives it; NaN without requests.

        In the last bucket it is the lower end, and so only a lower bound: `bounds_ms` then has an infinite upper end.

        Raises
        ------
        InvalidInput
            If q is not in (0, 1].
        """
        i, share = self._bucket(q)
        low, high = self.bounds_ms(q)
        return low if i == len(self.counts) - 1 else low + (high - low) * share

    def _bucket(self, q: float) -> tuple[int, float]:
        """Bucket of the quantile and the share of it that lies below; −1 without requests."""
        require(0.0 < finite(q, "q") <= 1.0, f"q lies in (0, 1]; got {q:g}")
        cumulative = np.cumsum(self.counts)
        if cumulative[-1] == 0:
            return -1, float("nan")
        rank = q * cumulative[-1]
        i = int(np.searchsorted(cumulative, rank, side="left"))
        return i, float((rank - (cumulative[i - 1] if i else 0.0)) / self.counts[i])


def parse(text: str) -> Scrape:
    r"""Values of a scrape in Prometheus' text format, by name and labels.

    Raises
    ------
    UnknownFormat
        If a line is in no such format, or gives a value a second time.

    Examples
    --------
    >>> parse('# a comment\nup{job="router"} 1\n')
    {'up': {frozenset({('job', 'router')}): 1.0}}
    """
    require(isinstance(text, str), f"a scrape is text; got {shown(text)}")
    found: dict[str, dict[Labels, float]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or not _NUMBER.fullmatch(match[7]):
            raise UnknownFormat(f'line {number} of the scrape is not of the form name{{label="…"}} value: {line!r:.80}')
        pairs = [(name, _unescaped(value)) for name, value in _LABEL.findall(match[2] or "")]
        labels = frozenset(pairs)
        samples = found.setdefault(match[1], {})
        if labels in samples or len(dict(pairs)) < len(pairs):
            raise UnknownFormat(f"line {number} of the scrape gives a label or a value a second time: {line!r:.80}")
        samples[labels] = float(match[7])
    return found


def histogram(scrape: Scrape, metric: str = TTFT, labels: Mapping[str, str] | None = None) -> Histogram:
    """Latencies since the server started, over all sets of labels that hold the given ones.

    Raises
    ------
    MissingColumn
        If the scrape has no such histogram, or none with these labels.
    UnknownFormat
        If its buckets are not cumulative up to +Inf, or differ between sets of labels.
    InvalidInput
        If the name does not tell the unit.
    """
    return _summed(list(_histograms(scrape, metric, labels or {}).values()), metric)


def window(before: Scrape, after: Scrape, metric: str = TTFT, labels: Mapping[str, str] | None = None) -> Histogram:
    r"""Latencies between two scrapes.

    A set of labels whose count fell in any bucket, or whose buckets changed, was started anew: then all its counts are new, as rate() has
    it. One that is not in the first scrape is new as well; one that is not in the second adds nothing.

    Raises
    ------
    MissingColumn, UnknownFormat, InvalidInput
        As `histogram`, of the second scrape; the first may lack the metric, as before the first request.

    Examples
    --------
    >>> text = '''{m}_bucket{{le="0.1"}} {a}
    ... {m}_bucket{{le="0.5"}} {b}
    ... {m}_bucket{{le="+Inf"}} {b}
    ... {m}_sum {s}
    ... {m}_count {b}
    ... '''
    >>> before, after = (parse(text.format(m=TTFT, a=a, b=b, s=s)) for a, b, s in ((10, 10, 0.5), (10, 60, 20.5)))
    >>> latencies = window(before, after)
    >>> latencies.count, latencies.mean_ms, latencies.quantile_ms(0.5)
    (50.0, 400.0, 300.0)
    """
    wanted = labels or {}
    now = _histograms(after, metric, wanted)
    then = _histograms(before, metric, wanted) if f"{metric}_bucket" in before else {}
    return _summed([_since(then.get(key), one) for key, one in now.items()], metric)


def _since(old: Histogram | None, new: Histogram) -> Histogram:
    """What came after `old`."""
    if old is None or old.upper_ms != new.upper_ms or any(np.subtract(new.counts, old.counts) < 0):
        return new
    return Histogram(new.upper_ms, tuple(np.subtract(new.counts, old.counts)), new.sum_ms - old.sum_ms)


def _histograms(scrape: Scrape, metric: str, labels: Mapping[str, str]) -> dict[Labels, Histogram]:
    """Histograms by labels other than `le`; none if no set of labels of an existing metric has the wanted ones."""
    scale = next((scale for end, scale in _UNITS.items() if str(metric).endswith(end)), None)
    if scale is None:
        raise InvalidInput(f"the name of a metric ends in its unit, one of {', '.join(_UNITS)}; got {shown(metric)}")
    rows = scrape.get(f"{metric}_bucket")
    if rows is None:
        names = sorted(name.removesuffix("_bucket") for name in scrape if name.endswith("_bucket"))
        raise MissingColumn(
            f"the scrape has no histogram {metric}; it has {', '.join(names) or 'none at all'}. "
            "Name one of these, or scrape the frontend's /metrics"
        )
    found: dict[Labels, dict[float, float]] = {}
    for pairs, value in rows.items():
        ends = [v for name, v in pairs if name == "le"]
        if len(ends) != 1 or not _NUMBER.fullmatch(ends[0]):
            raise UnknownFormat(f"a bucket of {metric} has no number in its label le")
        if labels.items() <= pairs:
            found.setdefault(frozenset(p for p in pairs if p[0] != "le"), {})[float(ends[0]) * scale] = value
    sums = scrape.get(f"{metric}_sum", {})
    return {key: _histogram(buckets, sums.get(key, float("nan")) * scale, metric) for key, buckets in found.items()}


def _histogram(buckets: Mapping[float, float], total: float, metric: str) -> Histogram:
    upper = sorted(buckets)
    cumulative = np.array([buckets[end] for end in upper])
    counts = np.diff(cumulative, prepend=0.0)
    if (
        len(upper) < 2
        or upper[-1] != np.inf
        or not np.isfinite(total)
        or not np.isfinite(cumulative).all()
        or (counts < 0).any()
    ):
        raise UnknownFormat(
            f'{metric} is not a whole histogram: it wants cumulative buckets up to le="+Inf" and a _sum; got counts '
            f"{cumulative.tolist()!r:.60} up to {upper!r:.60} and a sum of {total:g}"
        )
    return Histogram(tuple(upper), tuple(counts), total)


def _summed(parts: list[Histogram], metric: str) -> Histogram:
    if not parts:
        raise MissingColumn(f"the scrape has {metric}, but not with these labels; leave labels out to see all")
    upper = parts[0].upper_ms
    if any(part.upper_ms != upper for part in parts):
        raise UnknownFormat(f"{metric} has other buckets under other labels, so they do not add up; choose by labels")
    counts = np.sum([part.counts for part in parts], axis=0)
    return Histogram(upper, tuple(counts), float(sum(part.sum_ms for part in parts)))


def _unescaped(value: str) -> str:
    r"""A label's value with \\, \" and \n read."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "\\": "\\", '"': '"'}.get(m[1], m[0]), value)
