"""The gallery: every script of `examples/` is run, and becomes a page of its own words, output, figure and code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ORDER = (
    "pigou_to_b200",
    "own_export",
    "caching_cluster",
    "gpu_split",
    "adaptive_controller",
    "conjecture",
    "hundred_thousand_games",
    "tntp_curve",
)
NEEDS_FILES = ("tntp_curve",)


def build(app: Sphinx) -> None:
    """Write `gallery/*.md` into the source folder; a script is run again only after it was changed."""
    examples, out = Path(app.srcdir).parent / "examples", Path(app.srcdir) / "gallery"
    found = {path.stem for path in examples.glob("*.py")}
    if found != set(ORDER):
        raise ExtensionError(f"the gallery and examples/ differ in {sorted(found ^ set(ORDER))}")
    out.mkdir(exist_ok=True)
    for name in ORDER:
        script, page = examples / f"{name}.py", out / f"{name}.md"
        if page.exists() and page.stat().st_mtime > script.stat().st_mtime:
            continue
        page.write_text(_page(script, out), encoding="utf-8")
    names = "\n".join(ORDER)
    cards = "\n".join(f"- [{_title(examples / f'{name}.py')}]({name}.md)" for name in ORDER)
    (out / "index.md").write_text(
        f"# Gallery\n\nEach example is a script of at most 60 lines in `examples/` that checks its own answer.\n\n{cards}\n\n"
        f"```{{toctree}}\n:hidden:\n\n{names}\n```\n",
        encoding="utf-8",
    )


def _title(script: Path) -> str:
    return _words(script).splitlines()[0].rstrip(".")


def _words(script: Path) -> str:
    words = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert words is not None
    return words


def _page(script: Path, out: Path) -> str:
    code = script.read_text(encoding="utf-8")
    words = "\n".join(_words(script).splitlines()[1:]).strip("\n")
    parts = [f"# {_title(script)}", _as_markdown(words)]
    if script.stem not in NEEDS_FILES:
        environment = {**os.environ, "COLUMNS": "100"}
        command = [sys.executable, str(script)]
        done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise ExtensionError(f"{script.name} failed:\n{done.stderr}")
        parts += [f"![{_title(script)}]({script.stem}.svg)", f"It prints\n\n```text\n{done.stdout.rstrip()}\n```"]
    parts += [f"```python\n{code.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _as_markdown(words: str) -> str:
    """Indented command lines become fenced blocks."""
    lines = []
    for line in words.splitlines():
        lines += ["```sh", line.strip(), "```"] if line.startswith("    ") else [line]
    return "\n".join(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
