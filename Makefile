# `make demo` shows jobledger at work; `make test` proves it. Both need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FILES := pyproject.toml constraints.txt $(shell find sources pipelines emulator notebooks sql -name '*.py' -o -name '*.sql' -o -name '*.ipynb' -o -name '*.css' 2>/dev/null)

.PHONY: demo test lint bench format readme constraints clean

demo: $(VENV)/.demo
	@$(BIN)/jobledger demo

test: $(VENV)/.installed $(VENV)/duckdb-reader $(VENV)/duckdb-writer lint
	@# with the variable set, each of the hundreds of processes would compile all modules for itself
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks tests
	$(BIN)/lint-imports

# what PERFORMANCE.md quotes: an hour on two cores, with nothing else going on; peers come from PyPI
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.incremental
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.latency --concurrent 20 4
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.growth --runs 1 --picture benchmarks/growth.svg
	$(BIN)/python -m benchmarks.peers --runs 1
	$(BIN)/python -m benchmarks.profile

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# runs the README's commands, and writes what they print into it
readme: $(VENV)/.installed
	$(BIN)/python -m tests.readme

# the strict editable mode links file by file, which type checkers can follow; a new file wants a
# new install, and so it is asked for by name above
define install
@$(PYTHON) -c 'import sys; sys.exit("jobledger needs Python 3.11 to 3.13: say make PYTHON=python3.13" if not (3, 11) <= sys.version_info < (3, 14) else 0)'
@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
@echo "installing jobledger into $(VENV) (a minute or so the first time)"
@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]' --config-settings editable_mode=strict >$(VENV)/install.log 2>&1 || (cat $(VENV)/install.log; exit 1)
endef

$(VENV)/.demo: $(FILES)
	$(call install,demo)
	@touch $@

$(VENV)/.installed: $(FILES)
	$(call install,test)
	@touch $@ $(VENV)/.demo

# the oldest DuckDB that must be able to read a published file, and the oldest that may write one
$(VENV)/duckdb-reader: | $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ duckdb==1.4.0 >$(VENV)/install.log 2>&1 || (cat $(VENV)/install.log; exit 1)
$(VENV)/duckdb-writer: | $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ duckdb==1.5.5 >$(VENV)/install.log 2>&1 || (cat $(VENV)/install.log; exit 1)

constraints: $(VENV)/.installed
	@{ echo '# exact versions that jobledger is tested with; `make constraints` writes this file'; \
	   $(BIN)/pip freeze --exclude-editable --exclude jobledger | grep -v '@'; } > constraints.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
