"""The tests that the documents show also pass under Hypothesis's own settings, where an example may take 200 ms."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import hypothesis

import poagame as pg

ROOT = Path(__file__).resolve().parents[2]


def test_the_test_of_the_readme_has_no_deadline() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    shown = [block for block in blocks if "@given" in block]
    assert len(shown) == 1
    before = hypothesis.settings.get_current_profile_name()
    # a deadline that every example misses stands for the compilation, which takes seconds once
    hypothesis.settings.register_profile("hurried", hypothesis.settings(), deadline=0.01)
    hypothesis.settings.load_profile("hurried")
    try:
        test = doctest.DocTestParser().get_doctest(shown[0], {"pg": pg}, "README", "README.md", 0)
        assert doctest.DocTestRunner().run(test).failed == 0
    finally:
        hypothesis.settings.load_profile(before)


def test_every_settings_shown_lifts_the_deadline() -> None:
    text = (ROOT / "docs" / "property_testing.md").read_text(encoding="utf-8")
    shown = re.findall(r"^(?:>>>|\.\.\.).*settings\((.*)\)$", text, re.MULTILINE)
    assert len(shown) == 2
    assert all("deadline=None" in given for given in shown)
