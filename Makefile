# Everything a newcomer needs. `make demo` and `make test` set up what they use.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ONWARD := $(VENV)/bin/onward

.PHONY: demo test everyday soak bench lint docs clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[desk,team,spark,test,lint]'
	bash tools/system-packages.sh
	touch $@

$(VENV)/.installed-bench: pyproject.toml $(VENV)/.installed
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[desk,team,spark,test,bench]'
	touch $@

## demo: build the example operation and write its situation report to out/meridian/
demo: $(VENV)/.installed
	$(ONWARD) demo out/meridian

## test: the whole suite
test: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 -m "not soak" --ignore=tests/docs

## everyday: the quick part of the suite
everyday: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 -m "not slow and not soak" --ignore=tests/docs

## soak: the long runs
soak: $(VENV)/.installed-test
	$(PY) -m pytest -m soak

## bench: every benchmark, with its peers
bench: $(VENV)/.installed-bench
	$(PY) -m benchmarks

## lint: style, types of the computing rooms, the arrow between rooms
lint: $(VENV)/.installed-test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

## docs: run every command the documentation shows
docs: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 tests/docs

clean:
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache .hypothesis
