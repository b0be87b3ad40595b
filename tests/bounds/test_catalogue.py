"""The catalogue as a whole: what is called tight is shown tight by the library's own solvers, and the pages are what it prints."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.bounds import PoaBound, bound, catalogue
from poagame.bounds.table import ENTRIES, Row, status
from poagame.errors import InvalidInput
from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.shared_resources import SharedResources

TABLE = catalogue()
CONCEPTS = {"pure": "pure", "mixed": "mixed", "wardrop": "wardrop"}
MOST_PROFILES = 200_000
ROOT = Path(__file__).resolve().parents[2]


def shown(row: Row) -> bool:
    """Whether the solvers can look at the whole instance here: the games of many players are solved in the tests of their own bounds."""
    if (
        row.bound.build is None
        or not row.bound.tight
        or row.bound.measure not in ("price of anarchy", "price of stability")
    ):
        return False
    game = row.bound.instance
    if isinstance(game, FractionalLoadBalancing) or row.bound.name == "tight_welfare_poa":  # not by price_of_anarchy
        return False
    players = getattr(game, "num_players", 1)
    if isinstance(game, SharedResources):
        return 2.0**players <= MOST_PROFILES
    return players <= 12 and row.call not in ("makespan_mixed(machines=2)",)


SHOWN = [row for row in TABLE.rows if shown(row)]


@pytest.mark.parametrize("row", SHOWN, ids=[row.call for row in SHOWN])
def test_the_instance_of_a_tight_bound_attains_it(row: Row) -> None:
    found = row.bound
    report = pg.price_of_anarchy(found.instance, bound=found)
    assert report.exact or report.poa_low > found.value * (1 - 1e-6)
    value = report.poa if found.measure == "price of anarchy" else report.pos
    assert value == pytest.approx(found.value, rel=1e-7)
    assert found.covers(report.concept)


def test_most_of_the_attained_bounds_are_solved_here() -> None:
    attained = [row for row in TABLE.rows if status(row.bound) == "attained"]
    assert len(SHOWN) > 0.7 * len(attained)


@pytest.mark.parametrize("row", TABLE.rows, ids=[row.call for row in TABLE.rows])
def test_what_a_record_says_fits_together(row: Row) -> None:
    found = row.bound
    assert found.name in row.call
    assert found.source
    assert found.valid_for
    assert found.tight or found.remark or found.side == "lower"
    if math.isfinite(found.value):
        assert found.log10_value == pytest.approx(math.log10(found.value), abs=1e-9)
    if found.tight and found.build is not None and "poa" in getattr(found.instance, "certified", {}):
        answers = found.instance.certified
        name = {"price of anarchy": "poa", "price of stability": "pos", "augmentation": "augmentation", "harm": "harm"}[
            found.measure
        ]
        if found.kind == "mixed":
            name = "mixed_equilibrium_cost"
        assert answers.get(name, found.value) == pytest.approx(found.value, rel=1e-8)


@pytest.mark.parametrize("row", TABLE.rows, ids=[row.call for row in TABLE.rows])
def test_bounds_travel_between_processes(row: Row) -> None:
    again = pickle.loads(pickle.dumps(row.bound))
    assert str(again) == str(row.bound)
    if row.bound.build is not None:
        game = row.bound.build()
        assert again.build().certified == game.certified
        assert type(again.instance) is type(game)
    if row.bound.approach is not None:
        assert again.approach(3).certified == row.bound.approach(3).certified


def test_statuses() -> None:
    states = {row.call: status(row.bound) for row in TABLE.rows}
    assert states["constant_tolls_affine()"] == "identified, not proved"
    assert states["price_of_stability_polynomial(degree=2)"] == "quoted, not proved here"
    assert states["caching_payment()"] == "attained"
    assert status(bound("price_of_stability_polynomial", degree=1)) == "upper bound"
    assert states["atomic_polynomial(degree=100)"] == "attained"
    assert states["atomic_polynomial(degree=1000000)"] == "upper bound"
    assert all((row.bound.standing == "proved") == ("proved" not in status(row.bound)) for row in TABLE.rows)


@pytest.mark.parametrize(
    ("log10_value", "text"),
    [
        (4943731.914724632, "8.217e+4943731"),
        (10611987578347.6, "10^10611987578347.6"),
        (1.6422349033111953e19, "10^1.6422349033112e+19"),
    ],
)
def test_no_digit_is_invented(log10_value: float, text: str) -> None:
    assert PoaBound(math.inf, "pure", "", False, "", log10_value=log10_value).digits() == text


ABSURD: list[Any] = [
    10**400,
    -(10**400),
    10**5000,
    np.array([2, 3]),
    np.array([0.2, 0.3]),
    "2",
    None,
    True,
    math.nan,
    -math.inf,
]
NUMBERS = [
    (function, arguments[0], name)
    for functions in ENTRIES.values()
    for function, arguments in functions.items()
    for name, parameter in inspect.signature(function).parameters.items()
    if str(parameter.annotation).split(" |")[0] in ("int", "float")
]


@pytest.mark.parametrize(
    ("function", "arguments", "name"), NUMBERS, ids=[f"{f.__name__}-{name}" for f, _, name in NUMBERS]
)
def test_absurd_numbers_are_refused_in_words(function: Any, arguments: dict[str, Any], name: str) -> None:
    optional = inspect.signature(function).parameters[name].default is None
    for value in ABSURD:
        if not (value is None and optional):
            with pytest.raises(InvalidInput):
                function(**{**arguments, name: value})


def test_numbers_of_numpy_are_taken() -> None:
    assert len(NUMBERS) > 40
    for function, arguments, name in NUMBERS:
        value = arguments.get(name)
        if isinstance(value, int | float):
            wanted = function(**arguments)
            for kind in (np.int64, np.float64, np.float32):
                if float(kind(value)) == value:
                    assert function(**{**arguments, name: kind(value)}).value == wanted.value


def test_splittable_bounds_never_claim_coarse_correlated() -> None:
    for found in TABLE.named("splittable"):
        assert found.kind == "correlated"
        assert not found.covers("cce")


def test_names_are_those_of_the_functions_and_all_are_exported() -> None:
    for functions in ENTRIES.values():
        for function in functions:
            assert getattr(pg.bounds, function.__name__) is function
    assert {found.name for found in TABLE} == {f.__name__ for functions in ENTRIES.values() for f in functions}
    results = {
        name
        for name in pg.bounds.__all__
        if name[0].islower() and name not in ("bound", "catalogue") and not name.endswith("_smoothness")
    }
    assert results == {found.name for found in TABLE}


def test_unknown_names_and_arguments() -> None:
    assert bound("mm1", utilisation=0.8).value == pytest.approx(1.618033988749895)
    with pytest.raises(InvalidInput, match="did you mean nonatomic_polynomial"):
        bound("nonatomic_polynomal", degree=2)
    with pytest.raises(InvalidInput, match=r"catalogue\(\) lists all"):
        bound("zzz")
    with pytest.raises(InvalidInput, match=r"mm1\(utilisation\)"):
        bound("mm1", rho=0.5)
    with pytest.raises(
        InvalidInput, match=r"mm1\(utilisation\) has no argument 'utilization'; did you mean utilisation\?"
    ):
        bound("mm1", utilization=0.5)
    with pytest.raises(InvalidInput, match="did you mean"):
        TABLE.named("mm2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "nash"}, "kind is one of"),
        ({"measure": "regret"}, "measure is one of"),
        ({"value": math.nan}, "a number"),
        ({"value": -1.0}, "a number"),
        ({"tight": True}, "without a game"),
        ({"standing": "sure"}, "standing is one of"),
        ({"tight": True, "standing": "quoted", "build": pg.instances.braess}, "only what is proved"),
        ({"tight": True, "side": "lower", "build": pg.instances.braess}, "never tight"),
    ],
)
def test_records_that_claim_too_much(fields: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"value": 2.0, "kind": "pure", "valid_for": "", "tight": False, "source": "", **fields}
    with pytest.raises(InvalidInput, match=message):
        PoaBound(**given)


def test_covers() -> None:
    nested = ("pure", "mixed", "correlated", "coarse correlated")
    for k, kind in enumerate(nested):
        found = PoaBound(2.0, kind, "", False, "")
        assert [found.covers(c) for c in nested] == [j <= k for j in range(4)]
        assert found.covers("cce") == (kind == "coarse correlated")
        assert found.covers("splittable")
        assert not found.covers("wardrop")
    assert PoaBound(2.0, "wardrop", "", False, "").covers("wardrop")
    assert not PoaBound(2.0, "wardrop", "", False, "").covers("pure")
    for bad in ("nash", ["pure"], None, {}):
        with pytest.raises(InvalidInput, match="a bound covers"):
            found.covers(bad)  # pyright: ignore[reportArgumentType]


def test_formats() -> None:
    lines = str(TABLE).splitlines()
    assert len(lines) == len(TABLE) + 1
    assert (
        len(
            {
                line.rindex(word)
                for line, word in zip(lines[1:25], ["price of anarchy"] * 19 + ["augmentation"] * 5, strict=True)
            }
        )
        == 1
    )
    rows = list(csv.DictReader(io.StringIO(TABLE.to_csv())))
    assert len(rows) == len(TABLE)
    assert rows[0]["value"] == "1.333333333"
    numbers = json.loads(json.dumps(TABLE.to_dicts(), allow_nan=False))
    assert [row["value"] for row in numbers if row["call"] == "atomic_polynomial(degree=1000000)"] == [None]
    assert TABLE.to_markdown().count("\n| `") == len(TABLE)


def test_the_page_is_what_the_catalogue_prints() -> None:
    """If this fails after a change of the catalogue: `poagame bounds --markdown` below the heading "The catalogue"."""
    page = (ROOT / "docs" / "bounds.md").read_text(encoding="utf-8")
    assert page.split("## The catalogue\n\n")[1] == TABLE.to_markdown()
