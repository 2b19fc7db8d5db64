# Every target sets up what it needs: a bare clone and Python 3.11 or newer are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench cluster-up cluster-down install lock clean

run: .venv/run        ## the registry on 127.0.0.1:5000, its data in ./data
	$(BIN)/entrepot serve

test: install         ## every test whose tools are here; the others say what they miss
	$(BIN)/pytest --numprocesses auto --no-loadscope-reorder

check: install        ## style, types, directions of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install        ## this registry beside its peers; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.replicas
	$(BIN)/python -m benchmarks.cache

cluster-up: install   ## a real Kubernetes cluster that pulls from a registry here; as root
	$(BIN)/python -m tests.cluster up

cluster-down:         ## stops it, and leaves nothing
	$(BIN)/python -m tests.cluster down

install: .venv/dev

.venv/run: locks/run.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r locks/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: .venv/run locks/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	touch $@

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header pyproject.toml

lock:                 ## new versions into locks/
	$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet uv
	$(LOCK) --upgrade --all-extras --group dev --output-file locks/dev.txt
	$(LOCK) --constraints locks/dev.txt --group build --output-file locks/run.txt
	$(LOCK) --constraints locks/dev.txt --group build --all-extras --output-file locks/image.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
