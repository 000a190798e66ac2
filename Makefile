# The commands of the project. `make help` lists them.
PYTHON ?= python3
KEEP ?=
REGION ?=
WORKSPACE ?=
CAP ?=
HOURLY ?=
AGAINST ?=
VENV := .venv/bin
# Twice the cores: much of a test is waiting for a database or a child.
WORKERS ?= 4
TESTS ?= tests
# A file's tests stay together (tests/conftest.py), and the longest start first.
DIST := --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench soak azure-smoke lock clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## bring everything that is needed to this machine; .venv/bin/tenantry is the command then
	@PYTHON="$(PYTHON)" tools/setup/run

demo: setup ## run the main jobs on this machine; KEEP=1 leaves all in place, REGION=x chooses Azure's
	@KEEP="$(KEEP)" REGION="$(REGION)" $(VENV)/python -m tools.demo

test: setup check ## run every test; TESTS=tests/unit runs a part of them
	$(VENV)/python -m pytest -n $(WORKERS) $(DIST) -q --durations=15 -m "not soak and not bench" $(TESTS)

check: setup ## ruff, mypy and the layers; changes nothing
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/python -m pytest -q tests/architecture

format: setup ## let ruff mend what it can
	$(VENV)/ruff check --fix
	$(VENV)/ruff format

bench: setup ## measure, print the ratios and fail over a limit
	$(VENV)/python -m bench

# Each test alone, but for files whose tests share one long preparation (xdist_group).
soak: setup ## the long tests: on this machine kills at each point of deploy and erase, on Azure at many
	$(VENV)/python -m pytest -n $(WORKERS) --dist loadgroup -q --durations=15 -m soak --timeout=3600 $(TESTS)

azure-smoke: setup ## one instance's life on a real Azure, and what it answers; see the how-to first
	@WORKSPACE="$(WORKSPACE)" REGION="$(REGION)" CAP="$(CAP)" HOURLY="$(HOURLY)" AGAINST="$(AGAINST)" \
	  $(VENV)/python -m tools.azure_smoke

lock: ## renew requirements.lock with the newest versions that pyproject.toml permits
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade setuptools
	.venv-lock/bin/python -m pip install --quiet -e '.[dev]'
	@{ sed '/^[^#]/,$$d' requirements.lock; \
	   .venv-lock/bin/python -m pip freeze --all --exclude pip --exclude tenantry; } > requirements.new
	mv requirements.new requirements.lock
	rm -rf .venv-lock

clean: ## remove what was made in the checkout; the engine stays in its cache outside
	rm -rf .venv .venv.lock .venv-lock build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .coverage .coverage.* examples/registrations/app/node_modules
	find tenantry tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
