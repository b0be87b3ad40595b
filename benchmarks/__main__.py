"""Run the benchmarks and write their tables into benchmarks/README.md.

python -m benchmarks [NAME ...]     all bench_NAME.py beside this file, or those named
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("numpy", "scipy", "jax", "numba", "polars")


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.*)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True).stdout.strip()


def conditions() -> str:
    commit = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain")
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"Measured {datetime.date.today()} at commit {commit or 'unknown'}{' with changes' if changed else ''}: {cpu_name()}, "
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before; Python {platform.python_version()}, {versions}."
    )


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    readme = HERE / "README.md"
    for name in names:
        print(f"bench_{name} …", flush=True)
        stated = conditions()
        out = subprocess.run(
            [sys.executable, str(HERE / f"bench_{name}.py")], cwd=HERE.parent, stdout=subprocess.PIPE, text=True
        )
        if out.returncode:
            raise SystemExit(f"bench_{name}.py failed; benchmarks/README.md keeps its earlier figures")
        print(out.stdout)
        body = out.stdout.strip()
        body = body if body.startswith("|") else f"```text\n{body}\n```"
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        text = readme.read_text(encoding="utf-8")
        if begin not in text:
            text += f"\n## {name}\n\n{begin}\n{end}\n"
        before, rest = text.split(begin, 1)
        readme.write_text(f"{before}{begin}\n{stated}\n\n{body}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
