PYTHON ?= python3
BIN := .venv/bin
FXKIT := $(BIN)/fxkit

.PHONY: venv demo test lint clean

venv: .venv/.done

.venv/.done: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

# The whole job on made films whose markers nearly tell the class; the last line is the audit's path.
demo: venv
	rm -rf demo
	$(FXKIT) synth demo/films --films 200 --size 256 --marker-correlation 0.9 --jobs 2
	$(FXKIT) clean-labels demo/films --config fast --jobs 2
	$(FXKIT) index demo/films/truth.csv --out demo/manifest.csv --fractions 0.55,0.15,0.3 --no-copies
	$(FXKIT) train --manifest demo/manifest.csv --root demo/films --config demo --runs demo --name run --quiet
	$(FXKIT) evaluate demo/run
	$(FXKIT) ablate masked-vs-raw --manifest demo/manifest.csv --root demo/films --cleaned demo/films-clean \
		--config demo --full --folds 0 --seeds 0 --out demo/run
	$(FXKIT) cam demo/run
	$(FXKIT) report demo/run
	@$(FXKIT) audit demo/run --data-card demo/data.json

# One process a processor, each of one thread; a file's tests stay together, since they share what they train.
test: venv
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv demo build *.egg-info
