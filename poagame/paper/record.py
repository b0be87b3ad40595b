"""What a claim is, what a check of it found, and the verdict that both make."""

from __future__ import annotations

import enum
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from poagame._arrays import require
from poagame.errors import InvalidInput

Tag: TypeAlias = Literal["P", "S", "A", "I"]

TAGS: Mapping[Tag, str] = {
    "P": "stated in the paper (abstract, captions, fragments)",
    "S": "told by a reader of the full text",
    "A": "the author elsewhere (blog, demo, later code)",
    "I": "inferred here: not the paper's",
}
"""How a statement or number reached us. Only P is the paper's own word."""

Grounds: TypeAlias = Literal[
    "theorem",
    "instances",
    "drawn games",
    "simulations",
    "recorded data",
    "measured data",
    "published numbers",
    "no data",
]
"""What a verdict rests on.

- "theorem": a proof named in the evidence, and computations that agree with it;
- "instances": games named in the evidence, solved;
- "drawn games": games drawn from a seed, as many as the evidence says;
- "simulations": clusters run by poagame's serving simulator, which recorded runs bear out, as many as the evidence says;
- "recorded data": the shipped recordings of Dynamo's router, whose engine is simulated;
- "measured data": the shipped rows measured on B200;
- "published numbers": arithmetic on what was published, whose data are not public;
- "no data": nothing here can decide it.
"""


class Standing(enum.Enum):
    """Where a claim stands; the value is the sentence that a ledger prints."""

    HOLDS = "holds as far as the check reaches"
    FAILS = "fails: there is a counterexample"
    HOLDS_UNDER = "holds under the stated extra assumption"
    UNDECIDED = "undecided by what is here"

    def __str__(self) -> str:
        """Give the sentence."""
        return self.value


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """What a check computed.

    Attributes
    ----------
    standing : Standing
    grounds : str
        What it rests on; see `Grounds`.
    evidence : str
        What was computed, on how many games or rows, and how far that reaches.
    assumption : str
        The assumption under which the claim holds (HOLDS_UNDER), else empty.
    counterexample : object or None
        A game or numbers that refute the claim as stated; `repr` is code that rebuilds them.
    decided_by : str
        What would decide it (UNDECIDED), else empty.
    figures : name → number
        The numbers behind the evidence, in full.

    Raises
    ------
    InvalidInput
        If the standing lacks what it needs: an assumption, a counterexample, or what would decide.
    """

    standing: Standing
    grounds: Grounds
    evidence: str
    assumption: str = ""
    counterexample: object = None
    decided_by: str = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        require(self.grounds in get_args(Grounds), f"grounds is one of {get_args(Grounds)}; got {self.grounds!r}")
        require(bool(self.evidence.strip()), "a finding says what was computed")
        for standing, given, what in (
            (Standing.HOLDS_UNDER, bool(self.assumption), "the assumption"),
            (Standing.UNDECIDED, bool(self.decided_by), "what would decide it, decided_by"),
        ):
            require((self.standing is standing) == given, f"{standing.name} and no other standing goes with {what}")
        require(
            self.standing is not Standing.FAILS or self.counterexample is not None, "FAILS goes with a counterexample"
        )


@dataclass(frozen=True, eq=False, slots=True)
class Claim:
    """A statement that a computation can test.

    Attributes
    ----------
    id : str
    statement : str
        In our own words.
    source : str
        Where it comes from, with the tag of how it reached us, as in "Prop 3 (S)".
    test : callable
        Does the work. Its keyword arguments replace the games, data or sizes of the check.
    """

    id: str
    statement: str
    source: str
    test: Callable[..., Finding]

    def __post_init__(self) -> None:
        require(
            any(f"({tag}" in self.source or f", {tag})" in self.source for tag in get_args(Tag)),
            f"the source of {self.id!r} carries a tag, one of {', '.join(get_args(Tag))}; got {self.source!r}",
        )

    def check(self, **options: Any) -> Verdict:
        """Run the check; options are those of `test`.

        Raises
        ------
        InvalidInput
            If the check takes no option of that name.
        """
        known = inspect.signature(self.test).parameters
        for name in options:
            if name not in known:
                raise InvalidInput(f"the check of {self.id!r} takes {', '.join(known) or 'no options'}; got {name!r}")
        return Verdict(self, self.test(**options))


@dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """A claim and what its check found; the fields of the finding are here too."""

    claim: Claim
    finding: Finding

    @property
    def verdict(self) -> Standing:
        """Where the claim stands."""
        return self.finding.standing

    @property
    def evidence(self) -> str:
        """What was computed."""
        return self.finding.evidence

    @property
    def assumption(self) -> str:
        """Under what it holds, or empty."""
        return self.finding.assumption

    @property
    def counterexample(self) -> object:
        """What refutes it, or None."""
        return self.finding.counterexample

    @property
    def figures(self) -> Mapping[str, float]:
        """The numbers behind the evidence."""
        return self.finding.figures

    def paragraphs(self) -> list[tuple[str, str]]:
        """Label and text of all that the verdict says."""
        rows = [
            ("claim", f"{self.claim.statement} [{self.claim.source}]"),
            ("verdict", str(self.verdict)),
            ("assumption", self.assumption),
            ("rests on", self.finding.grounds),
            ("evidence", self.evidence),
            ("counterexample", "" if self.counterexample is None else repr(self.counterexample)),
            ("would decide", self.finding.decided_by),
        ]
        return [(label, text) for label, text in rows if text]

    def to_dict(self) -> dict[str, Any]:
        """Everything as text and numbers, for JSON."""
        return {
            "id": self.claim.id,
            "statement": self.claim.statement,
            "source": self.claim.source,
            "verdict": self.verdict.name.lower(),
            "sentence": str(self.verdict),
            "grounds": self.finding.grounds,
            "evidence": self.evidence,
            "assumption": self.assumption or None,
            "counterexample": None if self.counterexample is None else repr(self.counterexample),
            "decided_by": self.finding.decided_by or None,
            "figures": {name: float(value) for name, value in self.figures.items()},
        }

    def __str__(self) -> str:
        """The claim, the verdict and all behind it, wrapped."""
        lines = [self.claim.id]
        for label, text in self.paragraphs():
            filled = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
            lines += [f"  {label if k == 0 else '':<14}  {line}" for k, line in enumerate(filled)]
        return "\n".join(lines)
