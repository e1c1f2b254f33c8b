# One entry point for everything. A fresh machine needs python3 (3.11+), git and make: uv comes into the environment.
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
PYTHON ?= python3
STAMP := $(VENV)/.synced

.PHONY: run env test test-services check lint types bench train docs clean hooks

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<1"
	@$(UV) sync --quiet --frozen
	@touch $(STAMP)

run: $(STAMP)          ## everything under one supervisor: ronzio.toml if there is one, else the demo
	@$(BIN)/ronzio run

env:                   ## .env and config/ronzio.toml for `docker compose up`; what is there is left as it is
	@$(PYTHON) infra/make_env.py

test: $(STAMP)         ## all tests; what needs Chromium or the development data says so when it is absent
	@$(BIN)/pytest

test-services: $(STAMP)  ## what needs real Kafka and Elasticsearch; brings them up and takes them down
	@$(PYTHON) infra/services.py run -- $(BIN)/pytest -m services
	@$(BIN)/python infra/services.py run --secure -- $(BIN)/pytest -m secured

check: $(STAMP) lint types test   ## what must be green before a change lands

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(STAMP)
	@$(BIN)/mypy

bench: $(STAMP)        ## every benchmark at its small size; benchmarks/README.md says how to run the full ones
	@$(BIN)/python -m benchmarks

train: $(STAMP)        ## the compact engine's weights anew from ../shared/data, in an environment of its own; minutes
	@UV_PROJECT_ENVIRONMENT=$(VENV)-train $(BIN)/uv sync --quiet --frozen --group train
	@OMP_NUM_THREADS=1 $(VENV)-train/bin/python -m enrichment.training
	@OMP_NUM_THREADS=1 $(VENV)-train/bin/python -m enrichment.towards_training

docs: $(STAMP)         ## the generated pages: command line and settings
	@$(BIN)/python docs/generate.py

hooks: $(STAMP)
	@$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) $(VENV)-train .mypy_cache .ruff_cache .pytest_cache .hypothesis
