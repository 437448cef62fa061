PYTHON ?= python3
BIN := .venv/bin
FXKIT := $(BIN)/fxkit

.PHONY: venv demo test lint docs dist light pictures clean

venv: .venv/.done

.venv/.done: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

# Every command once, on made films whose markers nearly give the class away. The last line is the path of the audit.
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

# One process for each processor, with one thread each. Tests of one file stay together: they share trained models.
test: venv
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, in docs/_build/html; needs no network, and a warning is an error.
docs: venv
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# The pictures of README and docs, from made films; needs `make demo` and Chromium.
pictures: demo
	$(BIN)/python docs/make_pictures.py demo docs/pictures

# sdist and wheel, in dist/.
dist: venv
	rm -rf dist
	$(BIN)/python -m build --outdir dist

# The wheel, installed without torch in a new environment, must index and clean films outside the checkout.
light: dist
	sh requirements/check_light.sh $(PYTHON)

clean:
	rm -rf .venv demo build dist docs/_build *.egg-info
