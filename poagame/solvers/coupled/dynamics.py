"""Layers that respond to each other, at once or late: steps, orbits, joint equilibria."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.certificates.coupled import CoupledCertificate, certify_coupled
from poagame.errors import InvalidInput
from poagame.games.checks import require_instance, whole
from poagame.games.coupled import LAYERS, CoupledGame, CoupledState, Layer, check_layer
from poagame.outcome import Outcome
from poagame.solvers.best_response import equilibrium

Planner = Literal["fixed", "step", "best"]
"""What the resource layer does in a step: nothing; one worker towards the best of its neighbours; its best split at once."""


@dataclass(frozen=True, slots=True)
class Response:
    """How layers respond in a step.

    Parameters
    ----------
    order : sequence of str
        Layers that respond, one after the other; those left out stay.
    planner : str
        "fixed" as in all of the paper's runs (P); "step" moves one prefill worker at most, as its Planner does (S); "best".
    delay : mapping of str to int
        How many steps old what a layer sees of the *others* is; 0 where not named: what they have just done.

    Raises
    ------
    InvalidInput
        If a layer or planner is unknown, or a delay no whole number of at least 0.
    """

    order: Sequence[Layer] = LAYERS
    planner: Planner = "step"
    delay: Mapping[Layer, int] | None = None

    def __post_init__(self) -> None:
        given: Any = self.order, self.delay
        require(
            isinstance(given[0], Sequence) and isinstance(given[1], Mapping | None),
            f"order lists layers, and delay is a mapping from layers to steps; got {self.order!r:.60} and {self.delay!r:.60}",
        )
        for name in (*self.order, *(self.delay or {})):
            check_layer(name)
        require(len(set(self.order)) == len(self.order), f"a layer responds once a step; got {self.order!r}")
        known = get_args(Planner)
        require(self.planner in known, f"planner is {', '.join(map(repr, known))}; got {self.planner!r:.60}")
        late = {name: whole(steps, "delay", 0, 10_000) for name, steps in (self.delay or {}).items()}
        object.__setattr__(self, "delay", late)

    def late(self, name: Layer) -> int:
        """Delay of a layer."""
        return (self.delay or {}).get(name, 0)

    @property
    def memory(self) -> int:
        """Steps of the past that matter."""
        return max((self.late(name) for name in self.order), default=0)


def step(
    game: CoupledGame, state: CoupledState, response: Response | None = None, past: Sequence[CoupledState] = ()
) -> CoupledState:
    """Let each layer respond once to the others.

    Requests go to an equilibrium of their layer from where they are, workers' stores likewise, each by best responses; the split moves as
    `response.planner` says, towards lower cost of the resource layer's game.

    Parameters
    ----------
    game : CoupledGame
    state : CoupledState
    response : Response, optional
    past : sequence of CoupledState
        Earlier states, the latest last; a layer that sees further back than there are states sees the first.

    Returns
    -------
    CoupledState
    """
    how = Response() if response is None else response
    seen = [*past, state]
    now = state
    for name in how.order:
        late = how.late(name)
        # a late layer acts now on what it saw then, of others and of itself alike, except its own choice
        view = now if late == 0 else _merged(game, name, now, seen[max(0, len(seen) - 1 - late)])
        if name == "resource":
            now = game.at_split(now, _next_split(game, view, how.planner))
        else:
            found = equilibrium(game.layer(name, view), start=game.profile(name, view))
            now = game.with_layer(name, now, found.profile)
    return now


def _merged(game: CoupledGame, name: Layer, now: CoupledState, then: CoupledState) -> CoupledState:
    """What `then` was, with the layer's own choice of now."""
    if name == "resource":
        return game.at_split(then, now.split)
    return game.with_layer(name, game.at_split(then, now.split), game.profile(name, now))


def _next_split(game: CoupledGame, view: CoupledState, planner: Planner) -> tuple[int, int]:
    if planner == "fixed":
        return view.split
    layer = game.resource(view)
    require(
        layer.num_players == 1,
        "planner 'step' and 'best' need a resource layer of one player, the Planner; pools that play against each other stay where "
        "they are once the budget is used up: use planner='fixed'",
    )
    own = layer.profile_of(view.split)
    cost = np.asarray(layer.action_costs(own))[0]
    k = int(own[0])
    reach = range(len(cost)) if planner == "best" else range(max(0, k - 1), min(len(cost), k + 2))
    best = min(reach, key=lambda j: (cost[j], abs(j - k)))
    # a tie keeps the split
    return layer.split_of([best]) if cost[best] < cost[k] - 1e-12 * max(1.0, abs(cost[k])) else view.split


@dataclass(frozen=True, eq=False, slots=True)
class Orbit:
    """States one after the other.

    Attributes
    ----------
    states : tuple of CoupledState
        From the start on.
    cost : [T + 1]
        Social cost of each.
    transient : int
        Steps before the state (with the past that matters) that comes back first; T if none did.
    period : int
        Steps after which it came back: 1 is a fixed point; 0 if none did in time.
    """

    states: tuple[CoupledState, ...]
    cost: FloatArray
    transient: int
    period: int

    @property
    def cycle(self) -> tuple[CoupledState, ...]:
        """The states that come back, one period of them; none if none did."""
        return self.states[self.transient : self.transient + self.period]

    def __str__(self) -> str:
        """A line."""
        if self.period == 1:
            return f"settled after {self.transient} steps at {self.states[self.transient].name}"
        if self.period == 0:
            return f"nothing came back within {len(self.states) - 1} steps"
        names = " → ".join(state.name for state in self.cycle[:6])
        return f"period {self.period} after {self.transient} steps: {names}{' …' if self.period > 6 else ''}"


def orbit(game: CoupledGame, start: CoupledState, num_steps: int = 200, response: Response | None = None) -> Orbit:
    """Follow the layers' responses until a state comes back, at most `num_steps` steps.

    Responses are functions of the state and of the past that delays reach, so once that comes back all repeats: the period is proved.

    Raises
    ------
    InvalidInput
        If num_steps is no whole number of at least 1, start no state, or the social cost NaN.
    """
    require_instance(game, CoupledGame, "game")
    require_instance(start, CoupledState, "start")
    how, most = Response() if response is None else response, whole(num_steps, "num_steps", 1)
    if not isinstance(start, CoupledState):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"start is a CoupledState; got {start!r:.60}")
    states, met = [start], dict[tuple[CoupledState, ...], int]()
    period, transient = 0, most
    window = how.memory + 1
    for k in range(most + 1):
        memory = (states[0],) * (window - len(states)) + tuple(states[-window:])
        if memory in met:
            transient, period = met[memory], k - met[memory]
            break
        met[memory] = k
        if k < most:
            states.append(step(game, states[-1], how, states[:-1]))
    cost = np.array([game.social_cost(s) for s in states], dtype=np.float64)
    require(not np.isnan(cost).any(), "social_cost is NaN at a state of the orbit")
    return Orbit(tuple(states), cost, transient, period)


@dataclass(frozen=True, eq=False, slots=True)
class CoupledEquilibrium:
    """A joint fixed point, or the cycle that was found instead.

    Attributes
    ----------
    states : tuple of CoupledState
        One at a fixed point; else all of the cycle, or the last state alone.
    social_cost : float
        Mean over `states`.
    certificates : tuple of CoupledCertificate
        Of each state: the average regret over a cycle is what its players would gain by leaving it, at each state knowing it.
    outcome : Outcome
        CONVERGED only if every layer's certificate holds at the fixed point; CYCLE_FOUND; else what the search ended with.
    num_steps : int
    """

    states: tuple[CoupledState, ...]
    social_cost: float
    certificates: tuple[CoupledCertificate, ...]
    outcome: Outcome
    num_steps: int

    @property
    def state(self) -> CoupledState:
        """The first of the states."""
        return self.states[0]

    @property
    def mean_regret(self) -> dict[Layer, float]:
        """Largest gain in each layer, averaged over the states."""
        return {name: float(np.mean([c.max_regret[name] for c in self.certificates])) for name in LAYERS}

    def __str__(self) -> str:
        """A line."""
        regrets = ", ".join(f"{name} {value:.3g}" for name, value in self.mean_regret.items())
        return f"{self.outcome} ({len(self.states)} states, social cost {self.social_cost:.6g}, mean regret {regrets})"


def joint_equilibrium(
    game: CoupledGame, start: CoupledState, response: Response | None = None, max_steps: int = 200
) -> CoupledEquilibrium:
    """Look for a state at which no layer has a reason to move, by letting them respond in turn.

    Examples
    --------
    >>> from poagame.games.serving_cluster import ServingCluster, coupled_serving
    >>> cluster = ServingCluster(3, [4, 4], itl=lambda n: 6.0 + 0.1 * n)
    >>> found = joint_equilibrium(coupled_serving(cluster), cluster.start((1, 2)))
    >>> found.state.name, found.outcome.name, found.certificates[0].holds
    ('1P/2D', 'CONVERGED', True)
    """
    path = orbit(game, start, max_steps, response)
    states = path.cycle or path.states[-1:]
    certificates = tuple(certify_coupled(game, s) for s in states)
    steps = path.transient + path.period
    if path.period == 1:
        outcome = Outcome.CONVERGED if certificates[0].holds else Outcome.NO_EQUILIBRIUM_FOUND
    else:
        outcome = Outcome.CYCLE_FOUND if path.period else Outcome.MAX_STEPS_REACHED
    return CoupledEquilibrium(
        states, float(np.mean([game.social_cost(s) for s in states])), certificates, outcome, steps
    )
