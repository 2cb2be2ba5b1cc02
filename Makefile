# The two commands of the README are `make run` and `make test`. Every target starts from nothing and is safe to repeat.
# Needs: Python 3.11 or newer, make, and a package index that pip can reach. As root on Debian, missing tools are installed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# python3 where it is new enough, else python3.11; `make PYTHON=/path/to/python setup` overrides.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Images set it, and then each start of a relay, of which the tests, the demo and the lab make many, compiles it anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup tools run test lint wheel format bench lock clean

help:  ## what there is to type
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */\1\t/' | expand -t 10

setup: $(VENV)/.installed  ## a virtual environment with the locked dependencies and the `relay` command

# --require-hashes: nothing is installed that the lock does not name by hash.
$(VENV)/.locked: requirements/dev.lock
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed (apt-get install python3 python3-venv)" >&2; exit 1; }
	@PYTHON="$(PYTHON)" .ci/tools venv
	test -x $(BIN)/python || "$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

tools: $(VENV)/.installed  ## promtool, systemd-analyze, gcc, PostgreSQL, BIND, Knot, BIRD, ExaBGP and Chromium, which some tests need (installed when missing and allowed)
	@.ci/tools promtool systemd-analyze gcc postgresql name-servers bird exabgp browser

run: setup  ## the demonstration: relay, fake core and fake peers of every dialect on this machine; Ctrl-C stops it
	$(BIN)/relay demo $(ARGS)

lint: setup  ## style, types and import floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Four workers on two cores, since a live test waits for half of its time. Each is given one test at a time, the long ones first
# (tests/conftest.py), so that all of them end together. Workers swallow the lists that a few tests print (vectors with their
# exceptions): ARGS="-n 0" shows them.
# RELAY_REQUIRE_ALL: a test that would skip because a tool is missing fails instead.
test: setup tools lint  ## everything: tools, lint, all tests
	RELAY_REQUIRE_ALL=1 $(BIN)/pytest -n 4 --maxschedchunk 1 $(ARGS)

bench: setup  ## ratios, latency and memory into docs/performance/ (BENCH=short for under five minutes)
	BENCH=$(BENCH) $(BIN)/python -m tests.bench $(ARGS)

wheel: setup  ## dist/*.whl, what docs/install.md installs
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# How the locks were made. Universal: one file for every platform and Python from 3.11 on; no index address is written.
UV_COMPILE := $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header
lock:  ## raise the locked versions; read the diff before committing it
	test -x $(VENV)-lock/bin/uv || { "$(PYTHON)" -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv; }
	$(UV_COMPILE) --upgrade --extra speed --extra dev pyproject.toml -o requirements/dev.lock
	$(UV_COMPILE) --extra speed --extra postgresql -c requirements/dev.lock pyproject.toml -o requirements/runtime.lock
	$(UV_COMPILE) --extra speed --extra postgresql --extra aws -c requirements/dev.lock pyproject.toml -o requirements/runtime-aws.lock

clean:  ## remove what make built
	rm -rf $(VENV) $(VENV)-lock $(VENV)-exabgp dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
