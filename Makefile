# Everything a stranger needs; `make help` lists it. The work is done in Python: config/supervise.py,
# tests/cluster.py and .ci/run. This file finds a Python, keeps the environment current and hands over.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: schema-lock help demo stop status reset test test-one test-slow test-browser journey bench bench-full lint lock clean venv venv-demo venv-dev

VENV := $(shell sh .ci/venv where)
PY := $(VENV)/bin/python
T ?= tests
TRANSCRIPTS ?= $(or $(ASSENTRY_SAMPLE_DATA),../shared/data)/airline_transcripts.jsonl
TRUTH ?= $(or $(ASSENTRY_SAMPLE_DATA),../shared/data)/airline_truth.json
XDIST ?= 3

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

demo: venv-demo ## starts the whole desk here: PostgreSQL, Valkey, web, workers; Ctrl-C stops it
	@exec $(PY) -m config.supervise up

stop: ## stops what make demo started
	@sh .ci/venv run $(VENV) -m config.supervise stop

status: ## which processes run, since when, and where the desk answers
	@sh .ci/venv run $(VENV) -m config.supervise status

reset: ## stops it and removes everything it kept
	@sh .ci/venv run $(VENV) -m config.supervise reset

test: venv-dev ## the suite, five to six minutes on two cores; safe beside a running demo
	@$(PY) -m pytest -n $(XDIST) -m "not slow" tests

test-one: venv-dev ## a part of it on a server that stays: make test-one T="tests/services -k edit"
	@ASSENTRY_TEST_CLUSTER=$${ASSENTRY_TEST_CLUSTER:-$$($(PY) -m tests.cluster where)} $(PY) -m pytest -p no:randomly -q $(T)

test-slow: venv-dev ## the long fault runs and chaos
	@$(PY) -m pytest -n 2 -m slow tests

test-browser: venv-dev ## the browser tests alone, with a count of the desk's 25 checks
	@$(PY) -m pytest -m browser tests/browser

journey: venv-dev ## the whole path on real conversations: TRANSCRIPTS=file TRUTH=file
	@$(PY) -m tests.journey $(TRANSCRIPTS) $(TRUTH)

bench: venv-dev ## the measurements of bench/, at the small size
	@$(PY) -m bench

bench-full: venv-dev ## the same at full size, which takes long
	@$(PY) -m bench --full

lint: venv-dev ## ruff, import directions, template format, types
	@sh .ci/lint $(VENV)

lock: venv-dev ## makes the pinned requirements from the direct ones
	@sh .ci/lock $(VENV)

clean: ## removes caches, not the environment and not the state
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

venv-demo:
	@sh .ci/venv make $(VENV) requirements.txt requirements-demo.txt

venv-dev:
	@sh .ci/venv make $(VENV) requirements.txt requirements-demo.txt requirements-dev.txt

schema-lock: venv-dev ## after changing SQL: writes what the start-up check compares (config/schema.json)
	@$(PY) -m tests.schema_lock
