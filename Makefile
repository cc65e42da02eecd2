# Each target sets up what it needs. An existing .venv is reused while it is current:
# same Python, same pyproject.toml and constraints.txt, same folder (the installation is editable).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help install demo test chaos lint format clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install:  ## Create the virtual environment with the tested versions
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rsbench needs Python 3.11 or newer; say which: make install PYTHON=python3.12" >&2; exit 2; }
	@set -e; \
	version="$$($(PYTHON) -c 'import sys; print(*sys.version_info[:3])')"; \
	current="$$version $$(cat pyproject.toml constraints.txt | cksum) $(CURDIR)"; \
	if [ "$$(cat $(VENV)/installed.txt 2>/dev/null)" = "$$current" ]; then exit 0; fi; \
	echo "installing into $(VENV) (some minutes and about 6 GB the first time)"; \
	if [ "$$(cut -d' ' -f1-3 $(VENV)/installed.txt 2>/dev/null)" != "$$version" ]; then \
	  $(PYTHON) -m venv --clear $(VENV); fi; \
	rm -f $(VENV)/installed.txt; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'; \
	rm -rf rsbench.egg-info; \
	echo "$$current" > $(VENV)/installed.txt

demo: install  ## Render the demo world, train the demo matrix, print the table (10 minutes)
	$(BIN)/rsbench run --matrix demo

test: install  ## Run all tests
	$(BIN)/python -m pytest -n 2

chaos: install  ## Kill, fill up and cut off a sweep at random for ten minutes; it must end whole
	CHAOS_SECONDS=570 CHAOS_SEED=$$$$ $(BIN)/python -m pytest -s -k long_campaign tests/benchmark/test_chaos.py

lint: install  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## Mend what the style checker can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the virtual environment and tool caches; results stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build
