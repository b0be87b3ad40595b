"""What importing poagame costs and leaves alone, in fresh interpreters."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys, time
began = time.perf_counter(); import jax; jax_seconds = time.perf_counter() - began
before = {k: jax.config.values[k] for k in jax.config.values}
began = time.perf_counter(); import poagame as pg; seconds = time.perf_counter() - began
loaded = [m for m in ("cvxpy", "matplotlib", "polars", "numba", "poagame.solvers") if m in sys.modules]
if X64:
    jax.config.update("jax_enable_x64", True)
game = pg.RoutingGame(pg.latency.Polynomial([[1.0, 0.3], [0.5, 0.7]]), [[1.0, 0.0]] * 3 + [[0.0, 0.4]] * 4, 0.7)
found = pg.equilibrium(game)
result = {
    "seconds": seconds,
    "loaded": loaded,
    "dtype": [str(found.profile.dtype), str(game.action_costs(found.profile).dtype), type(found.social_cost).__name__],
    "profile": found.profile.tolist(),
    "cost": found.social_cost.hex(),
    "latency": str(pg.latency.MM1([2.0])([1.0]).dtype),
}
after = {k: jax.config.values[k] for k in jax.config.values}
if X64:
    before["jax_enable_x64"] = True
result["changed"] = [k for k in before if before[k] != after[k]]
print(json.dumps(result))
"""


def run(x64: bool) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("X64", str(x64))], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_import_is_light_and_results_do_not_depend_on_jax_settings() -> None:
    plain, wide = run(False), run(True)
    assert plain["loaded"] == wide["loaded"] == []
    assert plain["changed"] == wide["changed"] == []
    assert plain["dtype"] == wide["dtype"] == ["int64", "float64", "float"]
    assert plain["latency"] == wide["latency"] == "float64"
    assert (plain["profile"], plain["cost"]) == (wide["profile"], wide["cost"])


def test_import_of_every_public_name() -> None:
    import poagame

    for name in poagame.__all__:
        assert getattr(poagame, name) is not None
    assert dir(poagame) == sorted(poagame.__all__)
