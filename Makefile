PYTHON ?= python3
BIN := .venv/bin

.PHONY: venv demo test lint clean

venv: .venv/.done

.venv/.done: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

demo: venv
	PATH="$(CURDIR)/$(BIN):$$PATH" bash configs/demo.sh demo

test: venv
	$(BIN)/python -m pytest

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv demo build *.egg-info
