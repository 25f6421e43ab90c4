# Everything a newcomer needs. `make demo`, `make test` and `make serve` set up what they use.
# What is installed is what was tested: tools/constraints.txt holds the versions of uv.lock.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ONWARD := $(VENV)/bin/onward
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt
DESK := out/desk
# Neighbours stay on one worker, which shares what the tests of a file set up.
PYTEST := $(PY) -m pytest -n 2 --dist worksteal
# The record, and the pages that read and write most of it.
ON_A_SERVER := tests/registry $(patsubst %,tests/desk/test_%.py,contacts fieldwork home_roles imports people words)

.PHONY: demo test proofs postgresql everyday soak mutation serve bench lint docs lock packages sbom clean

$(VENV)/.installed: pyproject.toml tools/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/.installed-desk: pyproject.toml tools/constraints.txt $(VENV)/.installed
	$(PIP) -e '.[desk]'
	touch $@

$(VENV)/.installed-test: pyproject.toml tools/constraints.txt tools/system-packages.sh $(VENV)/.installed
	$(PIP) -e '.[desk,team,spark,test,lint]'
	bash tools/system-packages.sh
	npm ci --silent --no-audit --no-fund --prefix tests/desk/axe
	touch $@

$(VENV)/.installed-bench: pyproject.toml tools/constraints.txt $(VENV)/.installed
	$(PIP) -e '.[desk,team,spark,test,bench]'
	bash tools/system-packages.sh
	touch $@

## demo: build the example operation and write its situation report to out/meridian/
demo: $(VENV)/.installed
	$(ONWARD) demo out/meridian

## test: the suite
test: $(VENV)/.installed-test
	$(PYTEST) -m "not soak and not proof" --ignore=tests/docs

## proofs: thousands of damaged files, hundreds of kills, every page in five languages
proofs: $(VENV)/.installed-test
	$(PYTEST) -m proof --ignore=tests/docs

## postgresql: what touches the record, again, on a PostgreSQL server started for the run
postgresql: $(VENV)/.installed-test
	ONWARD_TEST_DATABASE=postgresql $(PYTEST) -m "not soak and not browser and (both or not slow)" $(ON_A_SERVER)

## everyday: the quick part of the suite
everyday: $(VENV)/.installed-test
	$(PYTEST) -m "not slow and not soak" --ignore=tests/docs

## soak: the long runs
soak: $(VENV)/.installed-test
	$(PY) -m pytest -m soak

# Tools that only these targets need stand apart, at a stated version, and change nothing that is tested.
out/tools/mutation: $(VENV)/.installed-test tools/mutation.py
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c tools/constraints.txt mutmut==3.8.1
	$(PY) -c "import site; print(*site.getsitepackages(), sep='\n')" \
	  > "$$($@/bin/python -c 'import site; print(site.getsitepackages()[0])')/onward-needs.pth"
	touch $@

out/tools/sbom:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0

# A desk and nothing else: .venv may hold what tests and benchmarks need.
out/tools/desk: pyproject.toml tools/constraints.txt
	$(PYTHON) -m venv --clear $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt -e '.[desk]'
	touch $@

## mutation: whether the tests bite, subject by subject (hours): make mutation SUBJECTS="ledger keys"
mutation: out/tools/mutation
	for subject in $(or $(SUBJECTS),$$(out/tools/mutation/bin/python tools/mutation.py --list)); do \
	  out/tools/mutation/bin/python tools/mutation.py $$subject || exit 1; done

## packages: fetch every package of the lock for this machine and refuse one whose hash is another
packages: $(VENV)/.installed
	mkdir -p out/packages
	$(PY) tools/locked.py > out/packages/locked.txt
	$(PY) -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
	  --dest out/packages -r out/packages/locked.txt

## sbom: what an installed desk consists of, as CycloneDX, to out/sbom.json
sbom: out/tools/desk out/tools/sbom
	out/tools/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file out/sbom.json out/tools/desk/bin/python

## serve: the desk on an encrypted copy of the example, with one account per role, printed once
serve: $(VENV)/.installed-desk $(DESK)/operation.toml
	$(ONWARD) serve $(DESK)

$(DESK)/operation.toml: | $(VENV)/.installed-desk
	rm -rf $(DESK)
	$(ONWARD) new $(DESK) --example meridian --store encrypted --key-file $(DESK).key

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
	$(PYTEST) tests/docs

## lock: resolve again, after a change of what is needed (needs uv)
lock:
	uv lock --upgrade
	uv export --frozen --all-extras --no-hashes --no-emit-project --no-annotate --quiet -o tools/constraints.txt

clean:
	rm -rf $(VENV) out tests/desk/axe/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
