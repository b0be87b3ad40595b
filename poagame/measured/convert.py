"""Writing a table in poagame's own format, from which it is read back exactly."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.checks import joined
from poagame.measured.readers.own import METADATA
from poagame.measured.tables import DecisionTable, RequestTable, SweepTable


def write_table(table: RequestTable | SweepTable | DecisionTable, path: str | os.PathLike[str]) -> Path:
    """Write `table` to `path`, as Parquet or CSV by its suffix, row group by row group.

    What is read back by the table's verb has the same columns and bit for bit the same values. Parquet keeps the notes
    too; CSV holds the values alone, so reading it back may ask for `unit="ms"` where they are unusually small.

    The rows go to a file beside `path`, which takes its place once it is whole: an interrupted write leaves what was
    there, and a table may be written onto the file it was read from (then read it again: `table` refers to the old one).

    Raises
    ------
    InvalidInput
        If the suffix is neither .parquet nor .csv, the folder does not exist, or `path` is itself a folder.
    """
    target = Path(path)
    if target.suffix not in (".parquet", ".csv"):
        raise InvalidInput(f"cannot write {target.name}: give a name that ends in .parquet or .csv")
    final = target.resolve()  # a symbolic link stays one
    if not final.parent.is_dir():
        raise InvalidInput(f"cannot write {target}: there is no folder {target.parent}; make it first")
    if target.is_dir():
        raise InvalidInput(f"cannot write {target}: it is a folder; give the name of a file")
    # A folder of its own, so that the file gets the permissions that a new file has.
    with tempfile.TemporaryDirectory(prefix=".poagame-", dir=final.parent) as folder:
        part = Path(folder) / target.name
        _sink(table, part)
        part.replace(final)
    return target


def _sink(table: RequestTable | SweepTable | DecisionTable, target: Path) -> None:
    if target.suffix == ".parquet":
        kept = {"kind": table.kind, "format": table.format, "source": table.source, "notes": list(table.notes)}
        table.frame.sink_parquet(target, metadata={METADATA: json.dumps(kept)}, engine="streaming")
        return
    frame = table.frame
    if "block_hashes" in table.columns:
        blocks = pl.col("block_hashes").cast(pl.List(pl.String)).list.join(" ")
        frame = frame.with_columns(block_hashes=joined("[", blocks, "]"))
    frame.sink_csv(target, engine="streaming")
