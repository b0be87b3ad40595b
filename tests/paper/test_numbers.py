"""The paper's numbers as data."""

from __future__ import annotations

import pytest

from poagame.errors import InvalidInput
from poagame.paper import NUMBERS, TAGS, PaperNumber, number
from poagame.paper.numbers import Numbers


def test_ids_are_unique_and_tags_known() -> None:
    assert len({n.id for n in NUMBERS}) == len(NUMBERS) > 30
    assert {n.tag for n in NUMBERS} <= set(TAGS)
    assert not [n.id for n in NUMBERS if n.tag == "I"]  # an inference is no number of the paper


@pytest.mark.parametrize(
    ("id", "low", "value", "high", "tag"),
    [
        ("grid-64", 18.6, 18.7, 18.8, "P"),
        ("grid-128", 30.6, 34.3, 38.0, "P"),
        ("knee", 96.0, None, 128.0, "P"),
        ("plateau", 7.0, None, 19.0, "A"),
        ("variation-growth", 37.0, None, 58.0, "S"),
        ("surge-static", None, 66.4, None, "P"),
        ("below-one", None, 0.968, None, "S"),
    ],
)
def test_the_numbers_that_checks_use(
    id: str, low: float | None, value: float | None, high: float | None, tag: str
) -> None:
    found = number(id)
    assert (found.low, found.value, found.high, found.tag) == (low, value, high, tag)


def test_no_experiment_is_made_up() -> None:
    """Of these it is not known which experiment they are of."""
    for id in ("knee", "post-knee", "plateau", "plateau-variation", "heat-map", "deep-saturation", "variation-growth"):
        assert number(id).where == "experiment not known"
    assert "I)" in number("grid-128-spread").what


def test_unknown_numbers_name_near_ones() -> None:
    with pytest.raises(InvalidInput, match="did you mean .*grid-64"):
        number("grid64")
    with pytest.raises(InvalidInput, match="no number of the paper has the id 3"):
        number(3)  # pyright: ignore[reportArgumentType]


def test_ends() -> None:
    assert number("knee").at("high") == 128.0
    with pytest.raises(InvalidInput, match="the value of 'knee' is not known"):
        number("knee").at("value")


def test_text_of_values() -> None:
    assert str(number("knee")) == "96 to 128 requests"
    assert str(number("plateau-variation")) == "below 0.005"
    assert str(number("surge-throughput")) == "-13 %"
    assert str(PaperNumber("x", "x", None, 2.0, None, "s", "P", "here")) == "above 2 s"


def test_the_table_lines_up() -> None:
    lines = str(NUMBERS).splitlines()
    at = lines[0].index("tag")
    assert all(line[at - 2 : at] == "  " and line[at] in "PSA" for line in lines[1 : len(NUMBERS) + 1])
    assert isinstance(NUMBERS[:2], Numbers)
    assert len(NUMBERS[:2]) == 2


@pytest.mark.parametrize(
    ("low", "value", "high", "tag"),
    [(2.0, None, 1.0, "P"), (None, None, None, "P"), (1.0, 3.0, 2.0, "S"), (1.0, 1.0, 1.0, "X")],
)
def test_bad_numbers(low: float | None, value: float | None, high: float | None, tag: str) -> None:
    with pytest.raises(InvalidInput):
        PaperNumber("x", "x", value, low, high, "1", tag, "here")  # pyright: ignore[reportArgumentType]
