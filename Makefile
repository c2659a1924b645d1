# The two commands a reader needs are `make reproduce` and `make test`; README.md says what they do.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help reproduce reproduce-all figures test lint types unit nbval lab bench notebooks keep lock clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

reproduce: $(INSTALLED)  ## every notebook at the demo profile: one seed computed on this machine, and compared with the records
	@$(BIN)/python tools/reproduce.py seed

reproduce-all: $(INSTALLED)  ## the same with all seeds; it says first how long that takes
	@$(BIN)/python tools/reproduce.py all

figures: $(INSTALLED)  ## all figures and tables from the committed records
	@$(BIN)/python tools/reproduce.py figures

test: $(INSTALLED) lint types unit nbval  ## everything that must pass

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

unit: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadscope --durations 10

nbval: $(INSTALLED)
	OMP_NUM_THREADS=1 TQDM_DISABLE=1 $(BIN)/python -m pytest -q -n 2 --dist loadscope -p no:cacheprovider --nbval-lax --nbval-current-env \
		--nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 300 notebooks

lab: $(INSTALLED)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir notebooks

bench: $(INSTALLED)  ## measure speed, as ratios to plain references
	$(BIN)/python -m benchmarks

notebooks: $(INSTALLED)  ## execute the notebooks in place, from their committed records
	$(BIN)/python tools/notebooks.py refresh

keep: $(INSTALLED)  ## make what reproduce-all computed the committed records
	$(BIN)/python tools/notebooks.py keep

lock: $(INSTALLED)  ## resolve pyproject.toml's requirements anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python tools/lock.py

clean:  ## remove the environment and everything computed
	rm -rf $(VENV) runs

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nascore needs Python 3.11 or later: try make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
