"""TNTP files: the real ones read as their README means them, damaged ones refused with file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poagame.errors import Infeasible, InvalidInput
from poagame.games.tntp import read_tntp

NET = """<number of zones> 2
<NUMBER OF NODES>\t4
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 5
<ORIGINAL HEADER>~ Init node\tTerm node ;
<END OF METADATA>

~\tinit\tterm\tcapacity\tlength\ttime\tb\tpower\tspeed\ttoll\ttype\t;
\t1\t3\t10\t2\t1.5\t0.15\t4\t0\t3\t1\t;
\t1\t4\t0\t1\t0\t0\t0\t0\t0\t1\t;
\t3\t2\t5\t1\t2\t1\t1\t0\t0\t1;
4 3 5 1 2 0.0 0 0 0 1 ; ~ a comment
\t4\t2\t5\t1\t2\t1\t2\t0\t1\t1\t;
"""
TRIPS = """<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 9.0
<END OF METADATA>

ORIGIN 1
  1 : 2.0;  2 : 6.5;
Origin 2
  2 : 0.5;
  1 :   0.0 ;
"""


def files(folder: Path, net: str = NET, trips: str = TRIPS) -> tuple[Path, Path]:
    paths = folder / "x_net.tntp", folder / "x_trips.tntp"
    paths[0].write_text(net)
    paths[1].write_text(trips)
    return paths


def test_conventions(tmp_path: Path) -> None:
    game = read_tntp(*files(tmp_path))
    assert (game.num_nodes, game.num_edges, game.first_through) == (4, 5, 2)
    assert game.intrazonal == 2.5
    assert (game.origin.tolist(), game.destination.tolist(), game.demand.tolist()) == ([0], [1], [6.5])
    assert game.tail.tolist() == [0, 0, 2, 3, 3]
    assert game.nodes == (1, 2, 3, 4)
    np.testing.assert_allclose(game.edge_cost([10.0, 7.0, 5.0, 1.0, 5.0]), [1.5 * 1.15, 0.0, 4.0, 2.0, 4.0])


def test_generalised_cost(tmp_path: Path) -> None:
    plain, weighted = read_tntp(*files(tmp_path)), read_tntp(*files(tmp_path), toll_weight=0.5, distance_weight=2.0)
    load = np.full(5, 3.0)
    np.testing.assert_allclose(
        weighted.edge_cost(load) - plain.edge_cost(load), [0.5 * 3 + 2 * 2, 2.0, 2.0, 2.0, 0.5 + 2.0]
    )


BAD = [
    (NET.replace("<NUMBER OF NODES>\t4\n", ""), TRIPS, "net.tntp: the metadata <NUMBER OF NODES> is missing"),
    (NET.replace("<NUMBER OF LINKS> 5", "<NUMBER OF LINKS> 6"), TRIPS, "is 6, but the file has 5 links"),
    (NET.replace("<NUMBER OF LINKS> 5", "<NUMBER OF LINKS> five"), TRIPS, "line 4: NUMBER OF LINKS must be a number"),
    (NET.replace("<END OF METADATA>", ""), TRIPS, "line 9: expected metadata"),
    (NET[:60], TRIPS, "END OF METADATA"),
    (NET.replace("\t3\t2\t5", "\t3\t9\t5"), TRIPS, "line 11: term node must be a node 1 … 4; got 9"),
    (NET.replace("0.15", "abc"), TRIPS, "line 9: b must be a number; got 'abc'"),
    (NET.replace("0.15", "nan"), TRIPS, "line 9: b must be finite"),
    (NET.replace("0.15", "-1"), TRIPS, "line 9: b must be nonnegative"),
    (NET.replace("\t1\t3\t10", "\t1\t3\t0"), TRIPS, "line 9: capacity must be positive"),
    (NET.replace("4 3 5 1 2 0.0 0", "4 3 5"), TRIPS, "line 12: a link has 10 fields"),
    (NET.replace("<FIRST THRU NODE> 3", "<FIRST THRU NODE> 7"), TRIPS, "FIRST THRU NODE is 7"),
    (NET.replace("zones> 2", "zones> 3"), TRIPS, "NUMBER OF ZONES is 2, but 3"),
    (NET, TRIPS.replace("9.0", "10.0"), "TOTAL OD FLOW> is 10, but the demands sum to 9"),
    (NET, TRIPS.replace("<TOTAL OD FLOW> 9.0\n", ""), "<TOTAL OD FLOW> is missing"),
    (NET, TRIPS.split("Origin 2")[0], "demands sum to 8.5"),
    (NET, TRIPS.replace("2 : 6.5", "3 : 6.5"), "line 6: destination must be a zone 1 … 2; got 3"),
    (NET, TRIPS.replace("2 : 6.5", "2 : many"), "line 6: demand must be a number; got 'many'"),
    (NET, TRIPS.replace("2 : 6.5", "2 : -6.5"), "line 6: demand must be nonnegative"),
    (NET, TRIPS.replace("2 : 6.5", "2 6.5"), "line 6: expected 'destination : demand;'"),
    (NET, TRIPS.replace("ORIGIN 1\n", ""), "a demand before the first 'Origin'"),
    (NET, TRIPS.replace("ORIGIN 1", "ORIGIN 5"), "line 5: origin must be a zone"),
    ("", TRIPS, "no <END OF METADATA>"),
]


@pytest.mark.parametrize(("net", "trips", "message"), BAD, ids=[m for *_, m in BAD])
def test_damaged_files_are_refused_with_their_line(tmp_path: Path, net: str, trips: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_tntp(*files(tmp_path, net, trips))


def test_missing_file_and_bad_weights(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        read_tntp(tmp_path / "none_net.tntp", tmp_path / "none_trips.tntp")
    with pytest.raises(InvalidInput, match="toll_weight"):
        read_tntp(*files(tmp_path), toll_weight=-1.0)


def test_real_files(shared_data: Path) -> None:
    folder = shared_data / "tntp"
    sizes = {"SiouxFalls": (24, 76, 528, 360600.0), "Anaheim": (416, 914, 1406, 104694.4), "Braess": (4, 5, 1, 6.0)}
    for name, (nodes, edges, commodities, demand) in sizes.items():
        game = read_tntp(folder / f"{name}_net.tntp", folder / f"{name}_trips.tntp")
        assert (game.num_nodes, game.num_edges, game.num_commodities) == (nodes, edges, commodities)
        assert game.total_demand == pytest.approx(demand, rel=1e-12)


def test_odd_but_sound_files(tmp_path: Path) -> None:
    """Capacity 0 where the power is 0, so that it means nothing."""
    net, trips = tmp_path / "net.tntp", tmp_path / "trips.tntp"
    head = "<NUMBER OF ZONES> 2\n<NUMBER OF NODES> 2\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> 1\n<END OF METADATA>\n"
    net.write_text(head + "1 2 0 1 5 0.15 0 0 0 1 ;\n")
    trips.write_text("<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 3\n<END OF METADATA>\nOrigin 1\n2 : 3.0;\n")
    assert read_tntp(net, trips).edge_cost([3.0]) == pytest.approx([5.75])
    for damage, match in (
        (head + "1 2 1 1 5 0.15 4 0 0 1 ; 2 1 1 1 5 0.15 4 0 0 1 ;\n", "line 6: one link a line"),
        (head.replace("<END", "<NUMBER OF NODES> 2\n<END") + "1 2 1 1 5 0.15 4 0 0 1 ;\n", "line 5: .*there twice"),
        (head + "1 2 1_0 1 5 0.15 4 0 0 1 ;\n", "line 6: capacity must be a number"),
    ):
        net.write_text(damage)
        with pytest.raises(InvalidInput, match=match):
            read_tntp(net, trips)
    net.write_text(head + "2 1 1 1 5 0.15 4 0 0 1 ;\n")
    with pytest.raises(Infeasible, match=r"net.tntp with .*no path"):
        read_tntp(net, trips)
    for wrong in (None, "a\0b"):
        with pytest.raises(InvalidInput):
            read_tntp(wrong, trips)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="toll_weight"):
        read_tntp(net, trips, toll_weight="a")  # type: ignore[arg-type]
