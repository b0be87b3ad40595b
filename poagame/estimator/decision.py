r"""The router's regret on its own cost matrix: what each decision lost against its cheapest candidate, in blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import polars as pl

from poagame._arrays import require
from poagame.errors import EmptyTable
from poagame.estimator.result import Draw, PoaHat, summary

if TYPE_CHECKING:
    from poagame.measured.tables import DecisionTable

GROUPS: Final = ("run", "phase", "overlap_weight", "temperature")
_TIE: Final = 1e-9
"""Costs that differ by less, relatively, are tied: less than any log prints."""


def regrets(table: DecisionTable, group_by: Iterable[str] | None = None) -> tuple[pl.DataFrame, list[str], list[str]]:
    """List the decisions: the chosen candidate's cost, the cheapest one's, and the difference.

    Returns
    -------
    decisions
        Group columns, decision, candidates, chosen, minimum, regret (blocks), suboptimal (no tie with the minimum).
    groups
        The group columns used.
    notes
        What was left out, and how many.

    Raises
    ------
    MissingColumn
        If a column that names the groups is not in the table.
    EmptyTable
        If no decision has exactly one selected candidate and a finite cost for each.
    """
    present = table.columns
    table.require("decision", "worker", "logit", "selected", why="the router's regret")
    groups = [name for name in GROUPS if name in present] if group_by is None else list(group_by)
    require(len(set(groups)) == len(groups), f"group_by names a column twice: {groups}")
    require(not set(groups) - set(GROUPS), f"decisions can be grouped by {', '.join(GROUPS)}; got {', '.join(groups)}")
    table.require(*groups, why="the groups")
    identity = [name for name in ("run", "phase", "decision") if name in present]
    chosen = pl.col("selected").fill_null(value=False)
    cost = pl.col("logit").cast(pl.Float64)
    decisions = (
        table.frame.group_by(identity)
        .agg(
            *(pl.col(name).first() for name in groups if name not in identity),
            pl.len().cast(pl.Int64).alias("candidates"),
            chosen.sum().alias("_chosen"),
            (cost.is_finite().fill_null(value=False)).all().alias("_finite"),
            cost.filter(chosen).first().alias("chosen"),
            cost.min().alias("minimum"),
        )
        .sort(identity, nulls_last=True)
        .collect(engine="streaming")
    )
    whole = decisions.filter((pl.col("_chosen") == 1) & pl.col("_finite"))
    notes: list[str] = []
    broken = decisions.height - whole.height
    if broken:
        notes.append(
            f"{broken} of {decisions.height} decisions left out: not exactly one selected candidate, "
            "or a cost that is not finite"
        )
    if not whole.height:
        raise EmptyTable(
            f"none of the {decisions.height} decisions has one selected candidate and finite costs; check `selected`"
        )
    regret = pl.col("chosen") - pl.col("minimum")
    whole = whole.select(
        *dict.fromkeys([*groups, *identity]),
        "candidates",
        "chosen",
        "minimum",
        regret.alias("regret"),
        (regret > _TIE * pl.max_horizontal(pl.col("minimum").abs(), 1.0)).alias("suboptimal"),
    )
    return whole, groups, notes


def decision_estimate(table: DecisionTable, group_by: Iterable[str] | None, draw: Draw) -> PoaHat:
    """Estimate from the router's own costs: ratio, mean regret, share of choices that were not the least."""
    decisions, columns, left_out = regrets(table, group_by)
    if columns:
        groups = decisions.select(columns).unique().sort(columns, nulls_last=True).with_row_index("group")
        rows = decisions.join(groups, on=columns, how="left", nulls_equal=True, maintain_order="left")
    else:
        groups = pl.DataFrame({"group": [0]})
        rows = decisions.with_columns(group=pl.lit(0))
    # decisions of different runs or phases are no neighbours, whatever the groups
    strata = [name for name in ("group", "run", "phase") if name in rows.columns]
    rows = rows.with_columns(
        pl.col("group").cast(pl.Int64),
        pl.struct(strata).rank("dense").cast(pl.Int64).alias("_stratum"),
        pl.col("suboptimal").cast(pl.Float64).alias("_suboptimal"),
        pl.lit(1.0).alias("_one"),
        pl.when(pl.col("minimum") > 0).then(pl.col("chosen") / pl.col("minimum")).alias("ratio"),
    ).sort("group", "_stratum", maintain_order=True)
    notes = [
        "definition: decision. Σ chosen cost / Σ least cost over the router's decisions, on its own logits in blocks; "
        "mean_regret = mean of chosen − least (blocks); suboptimal = share of decisions whose choice costs more than "
        "the least (ties are least)",
        "reading: how far the router departs from its own argmin; it says nothing about latency",
        "undefined (–): value, where the least costs do not sum to more than 0, as on legs that the router prices at 0",
        "decisions that the router took before any request came are included",
        *left_out,
    ]
    ratios = {"value": ("chosen", "minimum"), "mean_regret": ("regret", "_one"), "suboptimal": ("_suboptimal", "_one")}
    facts = [pl.len().cast(pl.Int64).alias("num_decisions"), pl.col("candidates").max().alias("num_workers")]
    return summary("decision", groups, rows, ratios, facts, draw, notes)
