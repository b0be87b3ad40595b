"""Figures of curves, fits and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.plotting.style import COLOURS, GREY, MARKERS, axes_of, house_style

if TYPE_CHECKING:
    from poagame.estimator.knee import Knee
    from poagame.measured.fit import LatencyFit

_MAP: Final = LinearSegmentedColormap.from_list("poagame", ["#E3F2FB", "#56B4E9", "#0072B2", "#002A45"])


def plot_latency_fit(fit: LatencyFit, ax: Axes | None = None, *, title: str = "") -> Figure:
    """Draw points and fitted curve of one latency fit, its capacity if one is shown, and its R²."""
    with house_style():
        figure, ax = axes_of(ax)
        _draw_fit(ax, fit)
        ax.set_xlabel("load [requests]")
        ax.set_ylabel(_label(fit.metric, fit.unit))
        ax.set_title(title, loc="left")
        ax.legend(loc="upper left")
    return figure


def plot_small_multiples(fits: Mapping[str, LatencyFit], *, columns: int = 4, title: str = "") -> Figure:
    """Draw a panel for each fit, titled by its name; loads share one axis, latencies keep their own."""
    require(len(fits) > 0, "plot_small_multiples needs at least one fit")
    columns = min(columns, len(fits))
    rows = math.ceil(len(fits) / columns)
    with house_style():
        width, height = 2.2 * columns + 0.7, 1.6 * rows + 0.9
        # margins in inches: the automatic layout takes longer than the drawing where panels are many
        figure = Figure(figsize=(width, height))
        figure.subplots_adjust(0.75 / width, 0.55 / height, 1 - 0.1 / width, 1 - 0.5 / height, wspace=0.28, hspace=0.42)
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for ax, (name, fit) in zip(panels, fits.items(), strict=False):
            _draw_fit(ax, fit, brief=True)
            ax.set_title(name, fontsize=7.5, loc="left")
            ax.tick_params(labelsize=7)
            ax.yaxis.set_major_locator(MaxNLocator(4))
        for ax in panels[len(fits) :]:
            ax.set_axis_off()
        for ax in panels[max(len(fits) - columns, 0) : len(fits)]:
            ax.tick_params(labelbottom=True)
        first = next(iter(fits.values()))
        figure.supxlabel("load [requests]", fontsize=9, y=0.1 / height)
        figure.supylabel(_label(first.metric, first.unit), fontsize=9, x=0.1 / width)
        figure.suptitle(title, fontsize=10, y=1 - 0.1 / height)
    return figure


def plot_curves(
    load: ArrayLike,
    curves: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]],
    ax: Axes | None = None,
    *,
    ylabel: str,
    xlabel: str = "concurrency [requests]",
    references: Mapping[str, float] | None = None,
    log_load: bool = True,
    log_value: bool = False,
    title: str = "",
) -> Figure:
    """Draw curves such as PoA, PoS, an index or a bound against load, with intervals.

    Parameters
    ----------
    load : [n]
    curves
        Name → values [n], or (values, low, high) for a band; entries that are not finite leave a gap.
    ylabel, xlabel
        With their units.
    references
        Name → level of a horizontal line, such as a bound, or 1.
    """
    x = np.asarray(load, dtype=np.float64)
    with house_style():
        figure, ax = axes_of(ax)
        for k, (name, given) in enumerate(curves.items()):
            value, low, high = (np.asarray(v, dtype=np.float64) for v in _with_band(given))
            require(value.shape == x.shape, f"curve {name!r} has shape {value.shape}; load has {x.shape}")
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            if low is not value:
                ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            # later curves are drawn smaller, so that equal ones show as rings
            size = max(2.5, 7.5 - 1.5 * k)
            every = None if len(x) <= 20 else (k, 1 + len(x) // 20)
            ax.plot(
                x,
                value,
                color=colour,
                marker=marker,
                markevery=every,
                markersize=size,
                linewidth=0.4 + 0.3 * size,
                label=name,
            )
        for k, (name, level) in enumerate((references or {}).items()):
            ax.axhline(level, color=GREY, linestyle=("--", ":", "-.")[k % 3], linewidth=1.1, label=name)
        _load_axis(ax, x, log=log_load)
        if log_value:
            ax.set_yscale("log")
            plain = FuncFormatter(lambda value, _: f"{value:g}")
            ax.yaxis.set_major_formatter(plain)
            low, high = ax.get_ylim()
            # within a decade or so the powers of ten alone say too little
            ax.yaxis.set_minor_formatter(plain if high < 30 * low else NullFormatter())
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.set_title(title, loc="left")
        longest = max(map(len, [*curves, *(references or {})]), default=0)
        columns = 3 if longest <= 20 else 2 if longest <= 32 else 1
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns)
    return figure


def plot_knee(knee: Knee, *, title: str = "") -> Figure:
    """Draw latency against load with the bracket of the knee, above the second derivative that it rests on."""
    with house_style():
        figure = Figure(figsize=(5.0, 4.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        above.plot(knee.loads, knee.latency, color=COLOURS[0], marker="o", label=knee.metric)
        below.plot(knee.loads[1:-1], knee.curvature, color=COLOURS[1], marker="s")
        if knee.low is not None and knee.high is not None:
            for k, ax in enumerate((above, below)):
                ax.axvspan(
                    knee.low, knee.high, color=COLOURS[2], alpha=0.2, linewidth=0,
                    label=f"knee in ({knee.low:g}, {knee.high:g}]" if k == 0 else None,
                )  # fmt: skip
        left_out = np.isin(knee.loads, knee.ignored)
        if left_out.any():
            above.plot(
                knee.loads[left_out], knee.latency[left_out], color="white", markeredgecolor=COLOURS[0], marker="o",
                linestyle="none", label="left out: latency falls",
            )  # fmt: skip
        above.set_ylabel(_label(knee.metric, knee.unit))
        above.set_ylim(bottom=0)
        below.set_ylim(min(0.0, 1.1 * float(knee.curvature.min())), 1.1 * float(max(knee.curvature.max(), 1e-9)))
        below.set_ylabel(f"d²(load × latency)\n/ d load² [{knee.unit or '1'}/request]")
        below.set_xlabel("load [requests]")
        below.set_xlim(left=0)  # linear: the rule judges straightness in load, and log load bends every line
        above.legend(loc="lower right")
        above.set_title(title or (str(knee.outcome).split(":")[0] if knee.low is None else ""), loc="left")
    return figure


def plot_heat_map(
    values: ArrayLike,
    rows: Sequence[object],
    columns: Sequence[object],
    ax: Axes | None = None,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    row_label: str = "temperature τ",
    column_label: str = "overlap weight ω",
    value_label: str,
    limits: tuple[float, float] | None = None,
    digits: int = 3,
    title: str = "",
) -> Figure:
    """Draw a table of values as colours; a cell shows its value and, where `low` and `high` are given, its interval.

    Parameters
    ----------
    values, low, high : [R, C]
        Cells that are not finite stay white.
    rows, columns
        Names of the R rows (drawn from the bottom up) and C columns.
    digits
        Significant ones of each number, unless all values are whole ones without intervals.
    limits
        Ends of the colour scale, so that two maps can share one; of the values by default.
    """
    table = np.asarray(values, dtype=np.float64)
    shape = (len(rows), len(columns))
    require(table.shape == shape, f"values have shape {table.shape}; rows and columns name {shape}")
    require((low is None) == (high is None), "give both low= and high=, or neither")
    finite = table[np.isfinite(table)]
    ends = limits or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    counts = low is None and bool((finite == np.round(finite)).all())
    with house_style():
        figure, ax = axes_of(ax, (1.15 * shape[1] + 1.6, 0.72 * shape[0] + 1.0))
        shown = ax.imshow(
            np.ma.masked_invalid(table), cmap=_MAP, vmin=ends[0], vmax=ends[1], origin="lower", aspect="auto"
        )
        for r, c in np.ndindex(*shape):
            if not np.isfinite(table[r, c]):
                ax.text(c, r, "–", ha="center", va="center", color=GREY)
                continue
            text = f"{table[r, c]:,.0f}" if counts else _figures(float(table[r, c]), digits)
            if low is not None and high is not None:
                text += f"\n[{_figures(float(np.asarray(low)[r, c]), digits)}, {_figures(float(np.asarray(high)[r, c]), digits)}]"
            depth = (table[r, c] - ends[0]) / ((ends[1] - ends[0]) or 1.0)
            ax.text(c, r, text, ha="center", va="center", fontsize=7.5, color="white" if depth > 0.5 else "black")
        ax.set_xticks(range(shape[1]), [str(name) for name in columns])
        ax.set_yticks(range(shape[0]), [str(name) for name in rows])
        ax.grid(visible=False)
        ax.set(xlabel=column_label, ylabel=row_label)
        ax.set_title(title, loc="left")
        figure.colorbar(shown, ax=ax, label=value_label)
    return figure


def _figures(value: float, digits: int) -> str:
    """`digits` significant ones, or the whole number if it has as many."""
    return f"{value:,.0f}" if 10.0 ** (digits - 1) <= abs(value) < 1e7 else f"{value:#.{digits}g}"


def _draw_fit(ax: Axes, fit: LatencyFit, *, brief: bool = False) -> None:
    top = float(fit.load.max())
    capacity = fit.parameters.get("capacity", math.inf)
    x = np.linspace(0.0, top, 400)
    ax.plot(x, fit.latency(x[:, None])[:, 0], color=COLOURS[1], label=_curve_label(fit))
    ax.plot(fit.load, fit.observed, color=COLOURS[0], marker="o", linestyle="none", label="observed")
    ax.set_ylim(0, 1.08 * float(max(fit.observed.max(), fit.fitted.max())) or 1.0)
    if math.isfinite(capacity) and capacity < 2 * top:
        ax.axvline(capacity, color=GREY, linestyle=":", label=f"capacity {capacity:.4g}")
    if brief:
        quality = "" if fit.r_squared is None else f"R² {fit.r_squared:.3f}"
        ax.text(0.97, 0.06, quality, transform=ax.transAxes, ha="right", fontsize=7, color=GREY)


def _curve_label(fit: LatencyFit) -> str:
    shape = fit.family
    if fit.family == "saturating" and math.isinf(fit.parameters["capacity"]):
        shape = "line (no capacity identified)"
    return shape + ("" if fit.r_squared is None else f", R² = {fit.r_squared:.3f}")


def _with_band(given: Any) -> tuple[Any, Any, Any]:
    if isinstance(given, tuple):
        require(len(given) == 3, f"a curve is its values, or (values, low, high); got {len(given)} entries")
        return given
    values = np.asarray(given, dtype=np.float64)
    return values, values, values


def _load_axis(ax: Axes, load: FloatArray, *, log: bool) -> None:
    if not log:
        return
    base = 2.0 if load.max() < 1000.0 * load.min() else 10.0  # labels of doublings over many decades would overlap
    ax.set_xscale("log", base=base)
    ax.xaxis.set_major_locator(LogLocator(base=base, numticks=20))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(float(load.min()) / 1.15, float(load.max()) * 1.15)


def _label(metric: str, unit: str) -> str:
    names = {"ttft_ms": "time to first token", "itl_ms": "inter-token latency", "latency_ms": "end-to-end latency"}
    return f"{names.get(metric, metric)} [{unit}]" if unit else names.get(metric, metric)
