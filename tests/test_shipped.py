from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import poagame
from poagame import shipped
from poagame.errors import InvalidInput

ORIGINS = {
    "agg5_grid.decisions": "dynamo090/agg5_grid.decisions.csv.gz",
    "agg5_grid.requests": "dynamo090/agg5_grid.requests.csv.gz",
    "agg5_pressure.requests": "dynamo090/agg5_pressure.requests.csv.gz",
    "agg5_sweep.decisions": "dynamo090/agg5_sweep.decisions.csv.gz",
    "agg5_sweep.requests": "dynamo090/agg5_sweep.requests.csv.gz",
    "disagg_4p2d.requests": "dynamo090/disagg_4p2d.requests.csv.gz",
    "dynamo090_1P2D_w1_t0": "dynamo090/dynamo090_1P2D_w1_t0.csv",
    "dynamo090_1P2D_w1_t0_decisions": "dynamo090/dynamo090_1P2D_w1_t0_decisions.csv",
    "dynamo090_1P5D_w1_t0": "dynamo090/dynamo090_1P5D_w1_t0.csv",
    "dynamo090_1P5D_w1_t0_decisions": "dynamo090/dynamo090_1P5D_w1_t0_decisions.csv",
    "dynamo090_T_1P2D_t05_decisions": "dynamo090/dynamo090_T_1P2D_t05_decisions.csv",
    "measured_b200_llama31_70b": "measured/measured_b200_llama31_70b.csv",
    "mocker_b200_llama70b_tp4": "dynamo090/mocker_b200_llama70b_tp4.npz",
}


def test_names_are_the_files() -> None:
    assert shipped.names() == tuple(ORIGINS)


@pytest.mark.parametrize("name", ORIGINS)
def test_bytes_are_those_of_the_original(name: str, shared_data: Path) -> None:
    origin = (shared_data / ORIGINS[name]).read_bytes()
    if ORIGINS[name].endswith(".gz"):
        origin = gzip.decompress(origin)
    copy = shipped.path(name)
    assert (gzip.decompress(copy.read_bytes()) if copy.suffix == ".gz" else copy.read_bytes()) == origin


def test_small_enough_to_ship() -> None:
    assert sum(shipped.path(name).stat().st_size for name in shipped.names()) < 4e6


def test_notice_names_every_file() -> None:
    notice = (Path(poagame.__file__).parents[1] / "NOTICE").read_text(encoding="utf-8")
    assert all(shipped.path(name).name.removesuffix(".gz") in notice for name in shipped.names())


def test_unknown_name_says_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean .*agg5_grid\.requests.*There are: .*measured_b200"):
        shipped.path("agg5_grid_requests")
