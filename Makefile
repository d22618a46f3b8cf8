# make run     build quaich and serve the example application on http://127.0.0.1:8000
# make test    the whole test suite, compiled and uncompiled
# make check   lint, types and unit tests
# make bench   measure beside other servers
# make clean   remove everything that was built
#
# PYTHON=/path/to/python chooses the interpreter, BIND=HOST:PORT where `make run` listens,
# ARGS='...' adds arguments to pytest or to the benchmark.  QUAICH_PURE=1 compiles nothing,
# QUAICH_PURE=0 insists on compiling, QUAICH_APT=0 forbids installing Debian packages.

export PYTHON BIND QUAICH_PURE QUAICH_APT
ARGS ?=

# The directories too: removing a file changes no other file's time, but its directory's.
SOURCES := $(shell find src -name __pycache__ -prune -o -name '*.egg-info' -prune -o \
	\( -type d -o -name '*.py' -o -name '*.pxd' \) -print) pyproject.toml setup.py
TOOLS := scripts/lib.sh scripts/venv.sh scripts/install.sh

.PHONY: run test check lint bench clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

run: .venv/installed$(QUAICH_PURE)
	@sh scripts/run.sh

test: .venv/tested$(QUAICH_PURE) .venv-pure/tested
	@sh scripts/test-tools.sh
	@sh scripts/test.sh $(ARGS)

check: lint
	.venv/bin/python -m pytest -q tests/unit $(ARGS)

lint: .venv/tested$(QUAICH_PURE)
	.venv/bin/ruff check .
	.venv/bin/mypy

bench: .venv/installed$(QUAICH_PURE)
	@sh scripts/test-tools.sh strace
	.venv/bin/python bench/run.py $(ARGS)

clean:
	rm -rf .venv .venv-pure .venv-bench build dist src/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say what is installed in an environment, so one kind of build replaces the other.
.venv/installed$(QUAICH_PURE): $(SOURCES) $(TOOLS)
	@sh scripts/venv.sh .venv
	@rm -f .venv/installed* .venv/tested*
	@sh scripts/install.sh .venv
	@touch $@

.venv/tested$(QUAICH_PURE): $(SOURCES) $(TOOLS)
	@sh scripts/venv.sh .venv
	@rm -f .venv/installed* .venv/tested*
	@sh scripts/install.sh .venv test,check
	@touch .venv/installed$(QUAICH_PURE) $@

.venv-pure/tested: $(SOURCES) $(TOOLS)
	@sh scripts/venv.sh .venv-pure
	@QUAICH_PURE=1 sh scripts/install.sh .venv-pure test
	@touch $@
