# poagame: `make reproduce` does the main job, `make test` checks everything. Each builds .venv first where it is missing.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: reproduce test lint docs bench soak matrix clean help

help:
	@echo "make reproduce   the main job: figures, tables and report under results/"
	@echo "make test        all tests"
	@echo "make lint        ruff and pyright"
	@echo "make docs        the documentation site, in docs/_build"
	@echo "make soak        a million cases against the fast solvers, thousands of damaged files (ten minutes)"
	@echo "make matrix      Python 3.11 to 3.13 with oldest and newest dependencies (needs them; half an hour)"
	@echo "make bench       benchmarks beside their rivals; rewrites benchmarks/README.md"
	@echo "make clean       remove .venv, results and caches"

$(STAMP): pyproject.toml constraints.txt
	@echo "==> building .venv (a minute or two, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "poagame needs Python 3.11 or newer; found $$($(PYTHON) --version). Set PYTHON=python3.12, say."; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' --constraint constraints.txt
	@touch $(STAMP)

reproduce: $(STAMP)
	@echo "==> poagame reproduce: writing results/"
	@$(BIN)/poagame reproduce --out results

test: $(STAMP)
	@echo "==> tests (two processes)"
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> pyright"
	@$(BIN)/pyright

docs: $(STAMP)
	@echo "==> installing what the site is built with"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]' --constraint constraints.txt
	@echo "==> site (two minutes): docs/_build/index.html"
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

bench: $(STAMP)
	@echo "==> installing the rivals"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' --constraint constraints.txt
	@echo "==> benchmarks (some minutes)"
	@$(BIN)/python -m benchmarks

soak: $(STAMP)
	@$(BIN)/python -m tests.soak

matrix: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.matrix

clean:
	rm -rf .venv results soak_crashes docs/_build docs/gallery build dist .pytest_cache .ruff_cache .hypothesis
