"""Placements of a caching game drawn on its topology: who holds a copy, in which tier, and whom the others read."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.games.checks import whole
from poagame.games.topologies import Topology
from poagame.plotting.style import COLOURS, GREY, MARKERS, house_style

if TYPE_CHECKING:
    from poagame.games.caching import CachingGame

_LETTERS = 12.0
"""Letters of a panel's title on an inch."""

_ENTRY = 1.6
"""Inches that an entry of the legend takes."""

_LINE = 0.2
"""Inches that a line of the titles or of the legend takes."""

_ENLARGED = 1.35
"""Side of a panel for few nodes, in inches for each unit of √nodes, between limits."""


def plot_placements(
    topology: Topology,
    game: CachingGame,
    placements: Mapping[str, ArrayLike],
    *,
    object_number: int = 0,
    title: str = "",
) -> Figure:
    """Draw placements of one object beside each other, such as an equilibrium and the optimum, each with its social cost.

    Filled marks hold a copy (a colour and a mark a tier), open ones do not; grey lines are links, arrows lead from a node that asks for the
    object to the copy that it reads. Nodes without an arrow go without a copy, or ask for nothing.

    Parameters
    ----------
    topology : Topology
        Positions and links of the game's nodes.
    game : CachingGame
        Its costs decide who reads whom.
    placements : str → profile
        Title of each panel and the placement in it.
    object_number : int
        Which object, where the game has several; the cost in the title is that of all.

    Raises
    ------
    InvalidInput
        If there is no placement, it is no profile of the game, or the topology has another number of nodes.
    """
    require(
        isinstance(placements, Mapping),  # pyright: ignore[reportUnnecessaryIsInstance]
        f"placements is a dict of titles and profiles; got {placements!r:.60}",
    )
    require(isinstance(topology, Topology), f"topology is one of poagame.topologies; got {topology!r:.60}")  # pyright: ignore[reportUnnecessaryIsInstance]
    require(len(placements) > 0, "plot_placements needs at least one placement")
    require(
        topology.num_nodes == game.num_players,
        f"the topology has {topology.num_nodes} nodes and the game {game.num_players}; give the topology of the game",
    )
    shown = whole(object_number, "object_number", 0, game.num_objects - 1)
    side = float(np.clip(_ENLARGED * np.sqrt(game.num_players), 2.6, 6.0))
    span = np.ptp(topology.position, axis=0)
    tall = float(np.clip(span[1] / span[0] if span[0] > 0 else 1.0, 0.25, 1.0)) * side
    profiles = {name: game.as_profile(profile) for name, profile in placements.items()}
    for held in profiles.values():
        require(held.shape == game.demand.shape, f"a panel shows one profile {game.demand.shape}; got {held.shape}")
    titles = [
        fill(f"{name}: cost {game.social_cost(held):.5g}", int(_LETTERS * side)) for name, held in profiles.items()
    ]
    columns = max(1, min(game.num_tiers + 1, int(side * len(placements) / _ENTRY)))
    lines = 1 + max(words.count("\n") for words in titles) + -(-(game.num_tiers + 1) // columns) + bool(title)
    with house_style():
        figure = Figure(figsize=(side * len(placements), tall + 0.25 + _LINE * lines), layout="constrained")
        panels = figure.subplots(1, len(placements), squeeze=False)[0]
        for ax, words, held in zip(panels, titles, profiles.values(), strict=True):
            ax.set_title(words, loc="left")
            _draw(ax, topology, game, held[:, shown] if game.has_objects else held, shown)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=columns, fontsize=7.5)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _draw(ax: Axes, topology: Topology, game: CachingGame, held: IntArray, object_number: int) -> None:
    at: FloatArray = topology.position
    ax.add_collection(LineCollection([at[pair] for pair in topology.edges], colors="#DDDDDD", linewidths=0.8, zorder=1))
    size = float(np.clip(900.0 / game.num_players, 14.0, 90.0))
    for i, j in enumerate(_read_from(game, held, object_number)):
        if j >= 0 and j != i and not np.array_equal(at[i], at[j]):
            arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": COLOURS[0], "lw": 0.7, "alpha": 0.55, "shrinkB": 4.0}
            ax.annotate("", tuple(at[j]), tuple(at[i]), arrowprops=arrow, zorder=2)
    ax.scatter(
        *at[held == 0].T, s=size * 0.6, facecolors="white", edgecolors=GREY, linewidths=0.8, zorder=3, label="no copy"
    )
    for tier, name in enumerate(game.tiers.names, start=1):
        colour, mark = COLOURS[tier % len(COLOURS)], MARKERS[tier % len(MARKERS)]
        label = "holds a copy" if game.num_tiers == 1 else f"copy in {name}"
        ax.scatter(*at[held == tier].T, s=size, color=colour, marker=mark, zorder=4, label=label)
    # the panel keeps its width, which its title needs, also where the drawing is narrow
    ax.set_aspect("equal", adjustable="datalim")
    # marks are whole also where all nodes lie on a line
    low, high = at.min(axis=0), at.max(axis=0)
    room = 0.08 * float((high - low).max() or 1.0)
    ax.margins(0.0)
    ax.update_datalim([tuple(low - room), tuple(high + room)])
    ax.autoscale_view()
    ax.grid(visible=False)
    ax.set_axis_off()


def _read_from(game: CachingGame, held: IntArray, object_number: int) -> IntArray:
    """[n]: the node whose copy each reads, the nearest and of several the first; −1 without one, or where nothing is asked for."""
    holders = np.flatnonzero(held)
    if not holders.size:
        return np.full(len(held), -1)
    read = game.read_cost[:, holders, held[holders] - 1]
    asked = np.asarray(game.demand)[:, object_number] if game.has_objects else np.asarray(game.demand)
    used = (read.min(axis=1) <= game.miss_cost) & np.isfinite(read.min(axis=1)) & (asked > 0)
    return np.where(used, holders[read.argmin(axis=1)], -1)
