"""All claims checked: a ledger as a table, as Markdown, as dictionaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

from poagame.errors import InvalidInput
from poagame.paper.checks import ALL
from poagame.paper.numbers import unknown
from poagame.paper.record import TAGS, Claim, Standing, Verdict

PREFACE = """\
What is said of disaggregated inference as a game, mainly by the paper
[The Price of Anarchy in Disaggregated Inference](https://arxiv.org/abs/2606.17081), as claims that a computation can test. A verdict says
what the check shows and no more: *holds* reaches as far as the evidence beside it (a theorem named there, instances solved, so many drawn
games, recorded or measured rows), *fails* comes with a counterexample, *holds under* names the assumption that was added, and
*undecided* says what would decide. The paper's full text was not at hand, so every source carries a tag. Only P is the paper's own word;
claims and forms tagged S, A or I are not, and must not be quoted as its.

`poagame claims` prints the table, `poagame claims ID` the evidence of one claim, and `poagame claims --markdown` this page, which is
generated; `pg.paper.check_all()` gives the same as records, with every figure in full."""


class Ledger(Sequence[Verdict]):
    """Verdicts in order; `str` gives a table that lines up.

    Parameters
    ----------
    verdicts : sequence of Verdict
    """

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self._verdicts = tuple(verdicts)

    @overload
    def __getitem__(self, index: int | str) -> Verdict: ...
    @overload
    def __getitem__(self, index: slice) -> Ledger: ...
    def __getitem__(self, index: int | str | slice) -> Verdict | Ledger:
        """One by position or id, or several."""
        if isinstance(index, slice):
            return Ledger(self._verdicts[index])
        if isinstance(index, str):
            known = {verdict.claim.id: verdict for verdict in self}
            if index not in known:
                raise InvalidInput(unknown("verdict", index, list(known)))
            return known[index]
        return self._verdicts[index]

    def __len__(self) -> int:
        """How many."""
        return len(self._verdicts)

    def __iter__(self) -> Iterator[Verdict]:
        """In order."""
        return iter(self._verdicts)

    def __str__(self) -> str:
        """A row a claim, and how many stand where."""
        rows = [("id", "verdict", "rests on", "source")]
        rows += [(v.claim.id, _short(v.verdict), v.finding.grounds, v.claim.source) for v in self]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = ["  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=True)), row[3]]) for row in rows]
        return "\n".join([*lines, "", self._count()])

    def _count(self) -> str:
        count = Counter(v.verdict for v in self)
        each = ", ".join(f"{count[standing]} {_short(standing)}" for standing in Standing if count[standing])
        return f"{len(self)} claims: {each}"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Everything as text and numbers, for JSON."""
        return [verdict.to_dict() for verdict in self]

    def to_markdown(self) -> str:
        """A page: what a verdict means, a table of all, and the evidence of each."""
        lines = ["# The paper's claims, checked", "", PREFACE, "", "| tag | meaning |", "|---|---|"]
        lines += [f"| {tag} | {meaning} |" for tag, meaning in TAGS.items()]
        lines += ["", f"{self._count()}.", "", "| claim | verdict | rests on |", "|---|---|---|"]
        lines += [
            f"| [{_cell(v.claim.statement)}](#{v.claim.id}) | {_short(v.verdict)} | {v.finding.grounds} |" for v in self
        ]
        for verdict in self:
            lines += ["", f"## {verdict.claim.id}", ""]
            for label, text in verdict.paragraphs():
                shown = f"`{text}`" if label == "counterexample" else text
                lines.append(f"- **{label}**: {shown}")
        return "\n".join([*lines, ""])


def claims() -> list[Claim]:
    """All claims, in the order of the ledger.

    Examples
    --------
    >>> [claim.id for claim in claims() if claim.id.startswith("potential")]
    ['potential-static', 'potential-one-sided', 'potential-factor', 'potential-symmetric']
    """
    return list(ALL)


def check_all(ids: Iterable[str] | None = None, step: Callable[[str], None] | None = None) -> Ledger:
    """Check claims: all, or those named.

    Parameters
    ----------
    ids : iterable of str, optional
        Ids of `claims()`, in the order wanted.
    step : callable, optional
        Told the id of each claim before it is checked.

    Raises
    ------
    InvalidInput
        If an id is unknown (the message names near ones); nothing is checked then.

    Examples
    --------
    >>> print(check_all(["router-two-workers", "potential-static"]))
    id                  verdict  rests on  source
    router-two-workers  holds    theorem   our own (I)
    potential-static    fails    theorem   Prop 3 (S), for the fixed additive overlap of Eq. 7 (S)
    <BLANKLINE>
    2 claims: 1 holds, 1 fails
    """
    chosen = select(ids)
    verdicts: list[Verdict] = []
    for claim in chosen:
        if step is not None:
            step(claim.id)
        verdicts.append(claim.check())
    return Ledger(verdicts)


def select(ids: Iterable[str] | None) -> list[Claim]:
    """The claims named, or all.

    Raises
    ------
    InvalidInput
        If an id is unknown, or one string is given in the place of several.
    """
    if ids is None:
        return list(ALL)
    known = {claim.id: claim for claim in ALL}
    wanted = [ids] if isinstance(ids, str) else list(ids)
    for name in wanted:
        if name not in known:
            raise InvalidInput(unknown("claim", name, list(known)))
    return [known[name] for name in wanted]


def _short(standing: Standing) -> str:
    return standing.name.lower().replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
