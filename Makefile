# Every command of this project; `make help` lists them.
IS_PYTHON := import sys; sys.exit(sys.version_info[:2] != (3, 11))
PYTHON ?= $(shell for name in python3.11 python3; do "$$name" -c '$(IS_PYTHON)' 2>/dev/null && echo "$$name" && break; done)
VENV ?= .venv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
LOCK_HASH := $(shell $(or $(PYTHON),false) -c 'import hashlib; print(hashlib.sha256(open("requirements.lock", "rb").read()).hexdigest()[:16])' 2>/dev/null)
# Stamps. Each is written last, so a set-up that was broken off is begun anew, and is named by the lock, so that a
# changed lock is installed. Neither depends on the time of a file: a fresh clone may use a kept environment.
LOCKED := $(VENV)/installed-$(LOCK_HASH)
PROJECT := $(VENV)/project-$(LOCK_HASH)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup environment demo trend weights test lint bench deps docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(PROJECT) ## make the virtual environment .venv from requirements.lock (once per lock)

demo: $(PROJECT) ## run everything that is stale; without data/, on a synthesised demo corpus
	@CORRTRACK_PARENT=$$PPID $(BIN)/corrtrack reproduce

trend: $(PROJECT) ## judge the paper's trends on five fresh synthetic corpora, in about 40 minutes
	@CORRTRACK_PARENT=$$PPID $(BIN)/corrtrack trend

weights: $(LOCKED) ## train the starting weights of models/weights anew, for several hours; run it again to go on
	$(BIN)/python -m tasks.starting_weights

test: lint ## set up, then ruff, mypy, import-linter and the tests with their coverage
	$(BIN)/python -m pytest --cov --cov-report= --cov-fail-under=1  # a figure, not a gate

lint: $(LOCKED) ## ruff, mypy and import-linter alone
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

bench: $(LOCKED) ## measure speeds on this machine into reports/bench.json
	$(BIN)/python -m bench

deps: $(LOCKED) ## write into dvc.yaml which code and params each stage depends on
	$(BIN)/python -m flows.code_deps

docs: $(LOCKED) ## copy the demo's page into docs/demo, with README's picture and clip
	$(BIN)/python -m flows.demo_page

clean: ## delete what the stages wrote, .corrtrack/ and tool caches; keeps data/, .venv and files of your own
	@test -x $(BIN)/python || { echo "expected the environment $(VENV), found none; run 'make setup' first" >&2; exit 2; }
	@$(BIN)/python -m flows.runtime.clean

environment: $(LOCKED)

$(LOCKED):
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(IS_PYTHON)' || { \
	  echo "expected Python 3.11 as python3.11 or python3, found $$(python3 --version 2>&1 | tail -1);" \
	       "install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing requirements.lock into $(VENV): about 7 GB, half a minute to several minutes"
	@rm -rf "$(VENV)" && $(PYTHON) -m venv "$(VENV)"
	@$(PIP) install uv==$(UV_VERSION) && \
	  $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock || { \
	    echo "uv could not; going on with pip, which takes some minutes more" >&2; \
	    $(PIP) install --require-hashes -r requirements.lock; }
	@touch "$@"

$(PROJECT): pyproject.toml | $(LOCKED)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch "$@"
