# The commands of this project; README.md and CONTRIBUTING.md explain them.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
FUZZ_S ?= 1200
PYTEST := $(BIN)/python -m pytest
# Exactly what the lock files name, each file checked against its hash.
LOCKED := -m pip install --quiet --require-hashes
AUDIT := .venv-audit
LOCK := $(AUDIT)/bin/uv pip compile --quiet --universal --generate-hashes --only-binary :all: \
    --custom-compile-command "make lock" --no-annotate $(LOCK_OPTIONS)

.PHONY: help run stdio tasks test test-full test-lines faults fuzz conformance booted lint format audit lock bench soak wheel clean

help:
	@echo "make run          start the server with demo data on http://127.0.0.1:$(PORT)/mcp"
	@echo "make test         set up .venv and run the tests (a few minutes the first time)"
	@echo "make test-full    the same with the long suites, the Node clients and test-lines"
	@echo "make test-lines   the connector's behaviour on each Python and connector line"
	@echo "make faults       break things on purpose and write docs/faults.md"
	@echo "make fuzz         nearly right requests, frames and messages for 20 minutes"
	@echo "make conformance  run the public MCP and WebSocket suites (needs node and npm)"
	@echo "make booted       install into a container with its own systemd, and break it there (root)"
	@echo "make lint         ruff and mypy"
	@echo "make format       put the code into the project's format"
	@echo "make audit        bandit over the code, pip-audit over the lock files"
	@echo "make lock         resolve the dependencies anew into locks/*.txt"
	@echo "make bench        measure ours and the peers, and write docs/performance.md"
	@echo "make tasks        ask the questions of docs/tasks.md and write their figures there"
	@echo "make soak         200 clients and a misbehaving account for 10 minutes"
	@echo "make wheel        build dist/*.whl"
	@echo "make clean        remove what these commands made"

$(BIN)/python:
	"$$(sh scripts/find-python.sh)" -m venv $(VENV)

$(VENV)/installed: pyproject.toml locks/demo.txt | $(BIN)/python
	$(BIN)/python $(LOCKED) --requirement locks/demo.txt
	$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed locks/development.txt
	$(BIN)/python $(LOCKED) --requirement locks/development.txt
	touch $@

$(AUDIT)/installed: locks/audit.txt
	"$$(sh scripts/find-python.sh)" -m venv --clear $(AUDIT)
	$(AUDIT)/bin/python $(LOCKED) --requirement locks/audit.txt
	touch $@

run: $(VENV)/installed
	$(BIN)/twistd -n --pidfile= snowflake-mcp --port $(PORT)

stdio: $(VENV)/installed
	$(BIN)/snowflake-mcp stdio

test: $(VENV)/installed-dev
	$(PYTEST) -m "not full and not conformance"

test-full: $(VENV)/installed-dev
	$(PYTEST) --faults-page=docs/faults.md --fuzz-s=$(FUZZ_S) --fuzz-seed=$$(date +%s)
	sh scripts/test-lines.sh

test-lines:
	sh scripts/test-lines.sh

fuzz: $(VENV)/installed-dev
	$(PYTEST) tests/process/test_fuzz.py --fuzz-s=$(FUZZ_S) --fuzz-seed=$$(date +%s)

faults: $(VENV)/installed-dev
	$(PYTEST) -m fault --faults-page=docs/faults.md

conformance: $(VENV)/installed-dev
	sh scripts/install-conformance.sh
	$(PYTEST) -m "conformance and not full"

# BOOTED="--bind PATH" lets the container read what its pip needs on this machine.
booted: $(VENV)/installed-dev
	$(BIN)/python -m tests.booted --write docs/booted.md $(BOOTED)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The engine of the simulator is a private database in memory, locked down; its SQL is its trade.
audit: $(AUDIT)/installed
	$(AUDIT)/bin/bandit --quiet --configfile pyproject.toml --exclude snowflake_mcp/simulator \
	    --recursive snowflake_mcp twisted scripts
	$(AUDIT)/bin/bandit --quiet --skip B101,B105,B404,B608 --recursive snowflake_mcp/simulator
	$(AUDIT)/bin/python scripts/audit_packages.py $(AUDIT_OPTIONS) locks/*.txt \
	    tests/clients/programs/*.txt

# LOCK_OPTIONS=--upgrade takes the newest versions; without it what is locked stays where it may.
lock: $(AUDIT)/installed
	$(LOCK) pyproject.toml --extra demo --extra charts --group build --group test --group lint \
	    --group conformance --output-file locks/development.txt
	$(LOCK) pyproject.toml --extra demo --extra charts --group build --constraint locks/development.txt \
	    --output-file locks/demo.txt
	$(LOCK) --group audit --output-file locks/audit.txt
	for pins in tests/clients/programs/*.in bench/peers/locks/*.in; do \
	    $(LOCK) "$$pins" --output-file "$${pins%.in}.txt" || exit 1; done

# Peers go into .venv-bench the first time. BENCH="--only trivial" measures less.
bench: $(VENV)/installed-dev
	$(BIN)/python -m bench --write docs/performance.md $(BENCH)

tasks: $(VENV)/installed-dev
	$(BIN)/python -m bench.tasks --write docs/tasks.md

soak: $(VENV)/installed-dev
	$(BIN)/python -m bench.soak

wheel: $(VENV)/installed-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) $(AUDIT) .venv-bench .venv-clients .venv-tools .venv-lines tests/clients/node/node_modules tests/conformance/node/node_modules dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
