"""Writing a table in poagame's own format, from which it is read back exactly."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.checks import joined
from poagame.measured.readers.own import METADATA
from poagame.measured.tables import DecisionTable, RequestTable, SweepTable


def write_table(table: RequestTable | SweepTable | DecisionTable, path: str | os.PathLike[str]) -> Path:
    """Write `table` to `path`, as Parquet or CSV by its suffix, row group by row group.

    What is read back by the table's verb has the same columns and bit for bit the same values. Parquet keeps the notes
    too; CSV holds the values alone.

    Raises
    ------
    InvalidInput
        If the suffix is neither .parquet nor .csv.
    """
    target = Path(path)
    if target.suffix == ".parquet":
        kept = {"kind": table.kind, "format": table.format, "source": table.source, "notes": list(table.notes)}
        table.frame.sink_parquet(target, metadata={METADATA: json.dumps(kept)}, engine="streaming")
    elif target.suffix == ".csv":
        frame = table.frame
        if "block_hashes" in table.columns:
            blocks = pl.col("block_hashes").cast(pl.List(pl.String)).list.join(" ")
            frame = frame.with_columns(block_hashes=joined("[", blocks, "]"))
        frame.sink_csv(target, engine="streaming")
    else:
        raise InvalidInput(f"cannot write {target.name}: give a name that ends in .parquet or .csv")
    return target
