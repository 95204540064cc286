# `make up` runs everything on a bare machine, `make test` proves it. Both need only Python 3.11.

# 3.12 and 3.11 first: for these a Redis comes as a package, for later ones the machine has one.
PYTHONS := python3.12 python3.11 python3.13 python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

.PHONY: up test lint bench clean

up: .venv/installed
	@if [ -d bridge/translations ]; then $(BIN)/pybabel --quiet compile -d bridge/translations; fi
	@exec $(BIN)/python app.py up $(ARGS)

test: .venv/installed-dev
	@if [ -d bridge/translations ]; then $(BIN)/pybabel --quiet compile -d bridge/translations; fi
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing chromium for the browser tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
			--no-install-recommends chromium; } >/dev/null 2>&1 \
			|| echo "No chromium could be installed: the browser tests are skipped"; \
	fi
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/installed-dev
	$(BIN)/python -m bench $(ARGS)

# The data in .state stays.
clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/python:
	@for name in $(PYTHONS); do \
		"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		echo "Making .venv with $$name"; \
		"$$name" -m venv .venv && exit 0; \
		rm -rf .venv; \
		echo "$$name cannot make a virtualenv: install its venv module (Debian: python3-venv)" >&2; \
		exit 1; \
	done; \
	echo "Mendline needs Python 3.11 or later; found none of: $(PYTHONS)" >&2; exit 1

.venv/installed: requirements.txt constraints.txt | .venv/bin/python
	@echo "Installing what the service runs on"
	@$(PIP) install -r requirements.txt -c constraints.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what the tests need"
	@$(PIP) install -r requirements-dev.txt -c constraints.txt
	@touch $@
