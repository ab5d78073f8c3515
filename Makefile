# Everything here works on a fresh checkout: the first target that needs Python packages installs them into .venv.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python
B ?=
ARGS ?=
export PORT SIMULATOR_PORT
# Every process would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types guards bench screenshots messages stop clean install chromium lock

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Packages into .venv, only when the lock file changed
	@PYTHON='$(PYTHON)' .ci/install

demo: install ## Start everything, run a first scan, serve until Ctrl-C (PORT=8000 SIMULATOR_PORT=8399)
	@$(RUN) manage.py demo

test: install chromium html-checker ## The whole suite, browser journeys included (ARGS='-k word')
	@$(RUN) -m pytest -q -n 3 --dist worksteal --cov --cov-report=term --cov-fail-under=90 --durations=25 $(ARGS)

lint: install ## Format and lint of Python and templates, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djlint templates --check --lint --quiet
	@$(BIN)/lint-imports --config .importlinter --no-cache

format: install ## Rewrite Python and templates in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/djlint templates --reformat --quiet

types: install ## mypy, strict where money and tenants are
	@$(BIN)/mypy .

guards: install ## The tests that walk the code
	@$(RUN) -m pytest -q tests/guards

bench: install ## List benchmarks, or run one: make bench B=name
	@$(RUN) -m tests.benchmarks $(B)

html: install chromium html-checker ## Every screen by the Nu HTML checker (needs Java and Node)
	@$(RUN) -m pytest -q tests/journeys/test_html.py

pictures: install chromium ## Renew the committed pictures of the product's screens
	@$(RUN) -m tests.pictures

screenshots: install chromium ## Every screen of the demo organization into .local/screenshots
	@$(RUN) -m tests.screenshots

messages: install ## Bring the translations' catalogues up to date with the texts in the code
	@PROMPTER_TEST=1 $(RUN) -m tests.texts

stop: ## Stop the embedded services of this checkout, whoever uses them
	@if [ -x $(RUN) ]; then $(RUN) -m config.embedded stop; PROMPTER_TEST=1 $(RUN) -m config.embedded stop; fi

clean: ## Remove data, caches and packages of this checkout
	@if [ -x $(RUN) ]; then $(RUN) -m config.embedded wipe; PROMPTER_TEST=1 $(RUN) -m config.embedded wipe; fi
	@rm -rf .local .venv staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*

lock: install ## Pin again what pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 --upgrade \
		pyproject.toml -o requirements/base.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 --upgrade \
		pyproject.toml --group dev --group embedded -c requirements/base.txt -o requirements/dev.txt

chromium:
	@.ci/chromium

html-checker:
	@.ci/html-checker
