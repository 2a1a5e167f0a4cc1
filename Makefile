# The commands of this project; README.md and CONTRIBUTING.md explain them.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
PYTEST := $(BIN)/python -m pytest

.PHONY: help run stdio test test-full test-lines faults conformance lint format bench soak wheel clean

help:
	@echo "make run          start the server with demo data on http://127.0.0.1:$(PORT)/mcp"
	@echo "make test         set up .venv and run the tests (a few minutes the first time)"
	@echo "make test-full    the same with the long suites, the Node clients and test-lines"
	@echo "make test-lines   the connector's behaviour on each Python and connector line"
	@echo "make faults       break things on purpose and write docs/faults.md"
	@echo "make conformance  run the public MCP and WebSocket suites (needs node and npm)"
	@echo "make lint         ruff and mypy"
	@echo "make format       put the code into the project's format"
	@echo "make bench        measure on loopback and print tables"
	@echo "make soak         200 clients and a misbehaving account for 10 minutes"
	@echo "make wheel        build dist/*.whl"
	@echo "make clean        remove what these commands made"

$(BIN)/python:
	"$$(sh scripts/find-python.sh)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group test --group lint
	touch $@

$(VENV)/installed-conformance: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --group conformance
	touch $@

run: $(VENV)/installed
	$(BIN)/twistd -n --pidfile= snowflake-mcp --port $(PORT)

stdio: $(VENV)/installed
	$(BIN)/snowflake-mcp stdio

test: $(VENV)/installed-dev
	$(PYTEST) -m "not full and not conformance"

test-full: $(VENV)/installed-conformance
	$(PYTEST) --faults-page=docs/faults.md
	sh scripts/test-lines.sh

test-lines:
	sh scripts/test-lines.sh

faults: $(VENV)/installed-dev
	$(PYTEST) -m fault --faults-page=docs/faults.md

conformance: $(VENV)/installed-conformance
	sh scripts/install-conformance.sh
	$(PYTEST) -m "conformance and not full"

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench

soak: $(VENV)/installed-dev
	$(BIN)/python -m bench.soak

wheel: $(VENV)/installed-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) .venv-clients .venv-lines tests/clients/node/node_modules tests/conformance/node/node_modules dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
