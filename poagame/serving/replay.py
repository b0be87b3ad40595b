r"""Does a router's rule explain what a router did? Its recorded decisions, priced again from the blocks that it saw.

Three questions to each leg: are the costs those that were logged, was the cheapest candidate taken, and how likely does the rule make the
choices, beside a softmax that does not divide costs by their range, :math:`p_w \propto e^{-c_w / T}`?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from poagame._arrays import FloatArray, require
from poagame.errors import InvalidInput
from poagame.games.checks import require_instance
from poagame.measured.tables import DecisionTable
from poagame.serving.choice import log_softmax, over_range
from poagame.serving.router import DynamoRouter, Leg
from poagame.serving.router_1x import DynamoRouter1

_UNTOLD: Final = "untold"
_RULES: Final[dict[str, Leg]] = {
    "prefill": "prefill",
    "decode": "decode",
    "aggregated": "aggregated",
    "prefill_or_agg": "aggregated",  # a prefill leg's decode blocks are 0, but for workers whose load 0.9.0 does not know yet
    _UNTOLD: "aggregated",
}
_DECIMALS: Final = 6
"""Of a recomputed cost: a log has three, so smaller gaps are rounding of floats and no reason to prefer a worker."""


@dataclass(frozen=True, eq=False, slots=True)
class Replay:
    """What a rule makes of recorded decisions.

    Attributes
    ----------
    router : DynamoRouter or DynamoRouter1
        The rule.
    by_leg : polars.DataFrame
        A row for each phase of the record ("untold" where it names none), with its numbers of
        decisions;
        untied, decisions whose candidates do not all cost the same;
        cheapest, decisions that took a candidate of least cost, ties included;
        untied_cheapest, those that are both; and
        largest_error, between recorded and recomputed costs of all candidates, in blocks;
        log_likelihood of the choices under the rule, null at temperature 0, where it is no softmax;
        log_likelihood_plain, the same under a softmax of costs that are not divided by their range.
    """

    router: DynamoRouter | DynamoRouter1
    by_leg: pl.DataFrame

    def __str__(self) -> str:
        lines = [str(self.router)]
        for row in self.by_leg.iter_rows(named=True):
            line = (
                f"  {row['leg']}: the cheapest in {row['cheapest']:,} of {row['decisions']:,} decisions, in {row['untied_cheapest']:,} "
                f"of the {row['untied']:,} whose costs differ; costs are within {row['largest_error']:.3g} blocks of the record"
            )
            if row["log_likelihood"] is not None:
                line += f"; log-likelihood {row['log_likelihood']:.1f}, not divided by the range {row['log_likelihood_plain']:.1f}"
            lines.append(line)
        return "\n".join(lines)


def replay(decisions: DecisionTable, router: DynamoRouter | DynamoRouter1) -> Replay:
    """Price the candidates of recorded decisions by a rule, and compare with what was logged and taken.

    The weights and temperatures of the record are not looked at: take the rows of one setting, as by `table.where(run=…)`, and give its
    router. The rule of a leg is that of its phase; decisions of no phase are priced as aggregated ones.

    Parameters
    ----------
    decisions : DecisionTable
        With prefill_blocks and decode_blocks, as 0.9.0 logs them; for `DynamoRouter1` with cached_blocks too, since its raw prefill blocks
        are both together: what it would have cost, had it been there.
    router : DynamoRouter or DynamoRouter1
        The rule and its temperature.

    Raises
    ------
    InvalidInput
        If something is of the wrong kind, a phase is unknown, blocks are missing (`MissingColumn` where all are), or a decision has not
        exactly one selected candidate.

    Examples
    --------
    >>> from poagame import shipped
    >>> from poagame.measured import read_decisions
    >>> from poagame.serving import DynamoRouter
    >>> result = replay(read_decisions(shipped.path("dynamo090_1P5D_w1_t0_decisions")), DynamoRouter(1.0, 0.0))
    >>> result.by_leg.select("leg", "decisions", "cheapest", "largest_error").rows()
    [('decode', 1035, 1035, 0.0), ('prefill_or_agg', 1035, 1035, 0.0)]
    """
    require_instance(decisions, DecisionTable, "decisions")
    require_instance(router, (DynamoRouter, DynamoRouter1), "router")
    alike = _candidates(decisions, router).group_by("leg", "num_candidates", maintain_order=True)
    measures = [_measured(part, router) for _, part in alike]
    total = pl.exclude("leg", "largest_error").sum()
    by_leg = pl.DataFrame(measures).group_by("leg", maintain_order=True).agg(total, pl.col("largest_error").max())
    likelihoods = ["log_likelihood", "log_likelihood_plain"]
    hot = pl.when(router.temperature > 0).then(pl.col(likelihoods))
    return Replay(router, by_leg.select(pl.exclude(likelihoods), hot))


def _candidates(table: DecisionTable, router: DynamoRouter | DynamoRouter1) -> pl.DataFrame:
    """A row a candidate, decisions together, ordered by leg and by their number of candidates."""
    blocks = ["prefill_blocks", "decode_blocks", *(["cached_blocks"] if isinstance(router, DynamoRouter1) else [])]
    table.require(*blocks, why="the costs of candidates")
    identity = [name for name in ("run", "decision") if name in table.columns]
    leg = pl.col("phase").fill_null(_UNTOLD) if "phase" in table.columns else pl.lit(_UNTOLD)
    frame = table.frame.select(*identity, *blocks, "logit", "selected", leg=leg).collect(engine="streaming")
    unknown = sorted(set(frame["leg"].unique()) - set(_RULES))
    require(not unknown, f"{table.source}: a phase is one of {', '.join(_RULES)}; got {', '.join(unknown)}")
    for name in blocks:
        missing = frame[name].null_count()
        require(
            not missing,
            f"{table.source}: {name} is missing in {missing:,} of {frame.height:,} rows; leave those decisions out",
        )
    key = ["leg", *identity]
    frame = frame.with_columns(num_candidates=pl.len().over(key), num_selected=pl.col("selected").sum().over(key))
    odd = frame.filter(pl.col("num_selected") != 1)
    if odd.height:
        where = ", ".join(f"{name} {odd[name][0]}" for name in key)
        raise InvalidInput(
            f"{table.source}: a decision selects one of its candidates; {odd['num_selected'][0]} are selected in {where}"
        )
    return frame.sort("leg", "num_candidates", *identity, maintain_order=True)


def _measured(part: pl.DataFrame, router: DynamoRouter | DynamoRouter1) -> dict[str, Any]:
    """The columns of `Replay.by_leg` for the decisions [D] of one leg among equally many candidates [W]."""
    leg, num_candidates = part["leg"][0], part["num_candidates"][0]

    def table(name: str) -> FloatArray:
        return part[name].to_numpy().reshape(-1, num_candidates)

    prefill, decode = table("prefill_blocks"), table("decode_blocks")
    if isinstance(router, DynamoRouter1):
        cached = table("cached_blocks")
        exact = router.logits(prefill + cached, cached, decode, _RULES[leg])
    else:
        exact = router.logits(prefill, decode, _RULES[leg])
    costs = exact.round(_DECIMALS)
    chosen = table("selected").argmax(axis=1)[:, np.newaxis]
    least = costs.min(axis=1)
    cheapest = np.take_along_axis(costs, chosen, axis=1)[:, 0] == least
    untied = costs.max(axis=1) > least

    def log_likelihood(scaled: FloatArray) -> float:
        if router.temperature == 0.0:
            return np.nan
        return float(np.take_along_axis(log_softmax(scaled, router.temperature), chosen, axis=1).sum())

    return {
        "leg": leg,
        "decisions": len(costs),
        "untied": int(untied.sum()),
        "cheapest": int(cheapest.sum()),
        "untied_cheapest": int((untied & cheapest).sum()),
        "largest_error": float(np.abs(exact - table("logit")).max()),
        "log_likelihood": log_likelihood(over_range(costs)),
        "log_likelihood_plain": log_likelihood(costs),
    }
