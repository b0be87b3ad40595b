"""The paper's numbers as data, each with how it reached us.

arXiv 2606.17081, "The Price of Anarchy in Disaggregated Inference", A. Georgiou, June 2026. Its full text was not at hand: a
number's tag says whether the paper states it (P), a reader of the full text told it (S), the author says it elsewhere (A), or it is
inferred here (I, never the paper's).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.paper.record import TAGS, Tag


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """One number.

    Attributes
    ----------
    id : str
    what : str
        What it is of.
    value : float or None
        None where only a range is known.
    low, high : float or None
        The range, or value ∓ what follows its "±" (the paper does not say whether that is a standard deviation).
    unit : str
        "1" for ratios.
    tag : "P", "S", "A" or "I"
        See `poagame.paper.TAGS`.
    where : str
        Which part of the work it belongs to.
    """

    id: str
    what: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    tag: Tag
    where: str

    def __post_init__(self) -> None:
        require(self.tag in TAGS, f"a tag is one of {', '.join(TAGS)}; got {self.tag!r}")
        ends = [x for x in (self.low, self.value, self.high) if x is not None]
        require(bool(ends) and ends == sorted(ends), f"{self.id}: low ≤ value ≤ high, and one of them known")

    def at(self, end: Literal["low", "value", "high"]) -> float:
        """Value or an end of the range.

        Raises
        ------
        InvalidInput
            If it is not known.
        """
        found: float | None = {"low": self.low, "value": self.value, "high": self.high}[end]
        if found is None:
            raise InvalidInput(f"the {end} of {self.id!r} is not known: {self}")
        return found

    def __str__(self) -> str:
        """Value or range, with its unit."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.low is None and self.high is None:
            return f"{self.value:g}{unit}"
        if self.low is None or self.high is None:
            return f"{'below' if self.low is None else 'above'} {self.high if self.low is None else self.low:g}{unit}"
        between = f"{self.low:g} to {self.high:g}{unit}"
        return between if self.value is None else f"{self.value:g} ({between})"


class Numbers(Sequence[PaperNumber]):
    """Numbers in order; `str` gives a table that lines up."""

    def __init__(self, numbers: Sequence[PaperNumber]) -> None:
        self._numbers = tuple(numbers)

    @overload
    def __getitem__(self, index: int) -> PaperNumber: ...
    @overload
    def __getitem__(self, index: slice) -> Numbers: ...
    def __getitem__(self, index: int | slice) -> PaperNumber | Numbers:
        """One by position, or several."""
        return Numbers(self._numbers[index]) if isinstance(index, slice) else self._numbers[index]

    def __len__(self) -> int:
        """How many."""
        return len(self._numbers)

    def __iter__(self) -> Iterator[PaperNumber]:
        """In order."""
        return iter(self._numbers)

    def __str__(self) -> str:
        """A table, and what its tags mean."""
        rows = [("id", "number", "tag", "what"), *((n.id, str(n), n.tag, f"{n.what} [{n.where}]") for n in self)]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = ["  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=True)), row[3]]) for row in rows]
        return "\n".join([*lines, "", *(f"{tag}: {meaning}" for tag, meaning in TAGS.items())])


_C64, _C128, _SURGE = "Exp 4a, C = 64", "Exp 4b, C = 128", "Exp 3, load spike"
_UNKNOWN = "experiment not known"

NUMBERS = Numbers(
    [
        PaperNumber("knee", "concurrency of the saturation knee, both models", None, 96, 128, "requests", "P", _UNKNOWN),
        PaperNumber("post-knee", "first grid point past the knee", 128, None, None, "requests", "P", _UNKNOWN),
        PaperNumber("plateau", "PoA-hat below saturation, over models and topologies", None, 7, 19, "1", "A", _UNKNOWN),
        PaperNumber("plateau-variation", "coefficient of variation on the plateau", None, None, 0.005, "1", "A", _UNKNOWN),
        PaperNumber("grid-64", "PoA-hat of 340B over 16 configurations", 18.7, 18.6, 18.8, "1", "P", _C64),
        PaperNumber("grid-128", "PoA-hat of 340B over 16 configurations", 34.3, 30.6, 38.0, "1", "P", _C128),
        PaperNumber("grid-128-spread", "spread of the 16 (that it is largest over smallest: I)", 1.6, None, None, "1", "P", _C128),
        PaperNumber("spread-70b", "spread (±) of 70B over 16 configurations", 0.08, None, None, "1", "S", "below saturation"),
        PaperNumber("variation-growth", "growth of the variation over configurations at C = 128", None, 37, 58, "1", "S", _UNKNOWN),
        PaperNumber("heat-map", "range of the heat maps", None, 14.6, 42.5, "1", "P", _UNKNOWN),
        PaperNumber("deep-saturation", "PoA-hat, laid to prefill exhaustion", None, 200, 309, "1", "P", _UNKNOWN),
        PaperNumber("surge-static", "70B 1P/5D saturated, static router", 66.4, None, None, "1", "P", _SURGE),
        PaperNumber("surge-adaptive", "70B 1P/5D saturated, adaptive router", 21.5, None, None, "1", "P", _SURGE),
        PaperNumber("surge-gain", "static over adaptive, 70B 1P/5D", 3.1, None, None, "1", "P", _SURGE),
        PaperNumber("surge-throughput", "change of throughput, 70B 1P/5D", -13, None, None, "%", "P", _SURGE),
        PaperNumber("surge-static-variation", "coefficient of variation, static", 18, None, None, "%", "P", _SURGE),
        PaperNumber("surge-ttft", "improvement of TTFT after the switch, 70B 1P/5D", 29, None, None, "1", "S", _SURGE),
        PaperNumber("surge-gain-2d", "static over adaptive, 70B 1P/2D", 2.2, None, None, "1", "P", _SURGE),
        PaperNumber("surge-ttft-2d", "improvement of TTFT P99, 70B 1P/2D", 7.6, None, None, "1", "P", _SURGE),
        PaperNumber("below-one", "PoA-hat of the KV-aware greedy router, m = 5, C = 64", 0.968, None, None, "1", "S", "estimator"),
        PaperNumber("drift", "drift of single runs at saturation", 29, None, None, "%", "S", "experiments"),
        PaperNumber("theta-1", "TTFT P99 that ends the state below saturation, 340B", 1.0, None, None, "s", "P", "controller"),
        PaperNumber("theta-2", "TTFT P99 that begins the saturated state, 340B", 10.0, None, None, "s", "P", "controller"),
        PaperNumber("poll", "time between two looks at TTFT P99", 5, None, None, "s", "A", "controller"),
        PaperNumber("hysteresis", "looks in a row before a switch", 3, None, None, "polls", "A", "controller"),
        PaperNumber("temperature-below", "τ below saturation", 0.0, None, None, "1", "P", "controller"),
        PaperNumber("overlap-weight-below", "ω below saturation", 1.0, None, None, "1", "P", "controller"),
        PaperNumber("temperature-transition", "τ in transition", 0.7, None, None, "1", "P", "controller"),
        PaperNumber("overlap-weight-transition", "ω in transition", 1.0, None, None, "1", "P", "controller"),
        PaperNumber("temperature-saturated", "τ at saturation (a setting that never fired)", 0.8, None, None, "1", "P", "controller"),
        PaperNumber("overlap-weight-saturated", "ω at saturation (never fired)", 0.1, None, None, "1", "P", "controller"),
        PaperNumber("hbm", "HBM of a B200, tier G1 of the cache", 192, None, None, "GB", "P", "Game 2"),
        PaperNumber("planner-step", "time between two ±1 steps of the Planner", 30, None, None, "s", "S", "Game 1"),
        PaperNumber("input-tokens", "tokens of a prompt", 128, None, None, "tokens", "S", "experiments"),
        PaperNumber("templates", "prompt templates", 5, None, None, "1", "S", "experiments"),
    ]
)  # fmt: skip
"""All numbers known of the paper."""


def number(id: str) -> PaperNumber:
    """Look a number up.

    Raises
    ------
    InvalidInput
        If none has that id; the message names near ones.

    Examples
    --------
    >>> print(number("grid-64"), number("grid-64").tag)
    18.7 (18.6 to 18.8) P
    """
    known = {n.id: n for n in NUMBERS}
    if id not in known:
        raise InvalidInput(unknown("number of the paper", id, list(known)))
    return known[id]


def unknown(what: str, id: object, known: Sequence[str]) -> str:
    """Say that an id is unknown, with the near ones."""
    near = difflib.get_close_matches(str(id), known, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"no {what} has the id {id!r}{hint} There are: {', '.join(known)}"
