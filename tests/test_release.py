"""What is released: one version, a wheel that holds what it needs, and the README's example run from it."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_version_is_said_once() -> None:
    import poagame

    assert poagame.__version__ == VERSION
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {VERSION} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_wheel_holds_code_types_data_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "poagame").rglob("*") if p.is_file()}
    sources = {name for name in sources if "__pycache__" not in name}
    assert sources <= names
    others = {name for name in names - sources if ".dist-info/" not in name}
    assert others == set()
    for name in ("LICENSE", "NOTICE"):
        assert f"poagame-{VERSION}.dist-info/licenses/{name}" in names
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for path in (ROOT / "poagame" / "data").iterdir():
        assert path.name.removesuffix(".gz") in notice, path.name


def example() -> str:
    """The README's ten lines, without what they print."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    parsed = doctest.DocTestParser().get_examples(text.split("## Ten lines")[1].split("```")[1])
    return "".join(each.source for each in parsed)


def test_every_public_name_loads_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import poagame as pg, sys; assert sys.argv[1] in pg.__file__; print(len([getattr(pg, n) for n in pg.__all__]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", code, str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert int(done.stdout) > 100, done.stderr


@pytest.mark.slow
def test_the_readmes_example_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = f"import poagame, sys; assert sys.argv[1] in poagame.__file__\n{example()}"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", code, str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "price of anarchy    = 1.00048741" in done.stdout


@pytest.mark.slow
def test_it_installs_into_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True, capture_output=True, text=True)
    done = subprocess.run([python, "-c", example()], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "price of anarchy    = 1.00048741" in done.stdout, done.stderr
    command = [tmp_path / "env" / "bin" / "poagame", "bounds", "atomic_affine"]
    assert "2.5" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "src", filter="data")
    (source,) = (tmp_path / "src").iterdir()
    assert {"tests", "docs", "examples", "Makefile", "CITATION.cff"} <= {p.name for p in source.iterdir()}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert sorted(one.namelist()) == sorted(two.namelist())


def test_the_repository_names_no_machine() -> None:
    """No home folder, no registry host, no lock file of addresses."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".txt", ".cff", "") and path.is_file() and path != Path(__file__):
            found = re.findall(
                r"/home/\w+|/root/|files\.pythonhosted|pypi\.org/simple", path.read_text(encoding="utf-8")
            )
            assert not found, (name, found)
