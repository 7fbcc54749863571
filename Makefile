# `make` alone lists the targets. Everything runs in .venv, which is made when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := $(filter-out __init__ table,$(basename $(notdir $(wildcard benchmarks/*.py))))
export RAI_TEST_DATA ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help demo ui test test-all check lint types contracts docs schemas bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

$(VENV)/.ready: pyproject.toml constraints.txt deploy/set_up.py
	@$(PYTHON) deploy/set_up.py
	@touch $@

demo: $(VENV)/.ready ## train, examine and judge models of tables, images and texts; drill an incident in production; lending is refused
	@$(BIN)/rai run lending; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 3 ]
	@$(BIN)/rai run lending_mitigated
	@$(BIN)/rai run digits
	@$(BIN)/rai run prompt_guard
	@$(BIN)/rai status
	@$(BIN)/rai simulate lending_mitigated --newer-version --days 8 --rolls-back-on prediction --rolls-back-on fairness
	@echo; echo "Open Dagster's pages:  make ui    (http://127.0.0.1:3000, stop with Ctrl-C)"

ui: $(VENV)/.ready ## open Dagster's pages on port 3000
	@$(BIN)/rai ui

test: $(VENV)/.ready ## run the tests, without the slow ones; made-up examples are the same every time
	@$(BIN)/pytest -n 2 -m "not slow and not browser" --hypothesis-profile=ci

test-all: $(VENV)/.ready ## run every test, the slow ones and those in Chromium included; made-up examples are new every time
	@$(BIN)/pytest -n 2

lint: $(VENV)/.ready ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .

types: $(VENV)/.ready ## mypy --strict
	@$(BIN)/mypy

contracts: $(VENV)/.ready ## the directions of imports
	@$(BIN)/lint-imports --no-cache

docs: $(VENV)/.ready ## published schemas are current, links lead somewhere, code in the pages runs
	@$(BIN)/pytest -q rai_platform_tests/docs

schemas: $(VENV)/.ready ## write docs/schemas anew, after a change of what a YAML, a policy, a card or --json says
	@for name in model policy card status; do $(BIN)/rai schema $$name > docs/schemas/$$name.schema.json || exit 1; done

check: lint types contracts test ## lint, types, import contracts, tests, docs

bench: $(VENV)/.ready ## measure what the pages claim
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name --quick || missed=1; done; exit $${missed:-0}

clean: ## remove .venv and everything the platform stored here
	rm -rf $(VENV) .rai
