# Everything a user or developer runs. `make help` lists it; each target sets up what it needs.

BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROGRAM := $(VENV)/.program
READY := $(VENV)/.ready
MNIST := data/mnist
FEATURES := pixels,patches
RUN := runs/mnist-$(shell date +%Y%m%d-%H%M%S)
DOCUMENTED := $(addprefix ridge_spark.,estimator transformer model ridge features data importing \
              engines runs predicting report export) mpi_hybrid
BENCHMARKS := kernel training spark report_baseline
# Tests wait for others a good deal: two processes keep two cores busy. Each has whole files.
TESTING := --durations 10 --numprocesses 2 --dist loadfile --no-loadscope-reorder
SPARK := JAVA_HOME="$$($(PYTHON) -m ridge_spark.engines.java)" PYSPARK_PYTHON=$(abspath $(PYTHON)) \
         $(VENV)/bin/spark-submit --driver-java-options \
         -Dlog4j2.configurationFile=ridge_spark/engines/log4j2.properties

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test soak audit lint format bench docs clean

include mpi_hybrid/mpi.mk emr/emr.mk

help:  ## Show what there is to make
	@awk -F':.*## ' '/^[a-z][a-z -]*:.*## / {printf "  %-25s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with tests and tools (5 minutes, 1.9 GB)

# In two stages: who only runs the program waits for no test tools.
$(PROGRAM): pyproject.toml constraints.txt
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: Python 3.11 or newer is needed; set BASE_PYTHON to one" >&2; exit 1; }
	@echo "Setting up the program in $(VENV), with Spark: 1.2 GB, a minute or two"
	@$(BASE_PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[spark,report]'
	@echo "Looking for Java 17 or newer, which Spark needs; where there is none, installing it"
	@echo "Java: $$($(PYTHON) -m ridge_spark.engines.java)" && touch $@

$(READY): $(PROGRAM) requirements.txt requirements-dev.txt
	@echo "Setting up tests and tools in $(VENV): 0.7 GB, a few minutes"
	@$(PIP) --requirement requirements-dev.txt && touch $@

$(MNIST): | $(PROGRAM)
	$(VENV)/bin/ridge-spark import mnist --out $@

run: $(PROGRAM) | $(MNIST)  ## Train on all of MNIST with Spark (32 s, once set up)
	$(SPARK) jobs/outer.py --data $(MNIST) --features $(FEATURES) --out $(RUN) $(ARGS)

test: $(READY) $(MPI_READY) | $(MNIST)  ## Run the whole test suite (25 minutes)
	$(PYTHON) -m pytest $(TESTING)

soak: $(READY) $(MPI_READY)  ## Faults for half an hour (MINUTES=30)
	$(PYTHON) -m tests.faults.soak --minutes $(or $(MINUTES),30) --page docs/trust.md \
	  --summary README.md

audit: $(READY)  ## Look for known vulnerabilities in what we use
	@$(PIP) pip-audit
	@told=$$($(PYTHON) -m pip_audit --strict --requirement constraints.txt --no-deps --disable-pip \
	  --progress-spinner off 2>&1); status=$$?; \
	case "$$told" in *Traceback*|*"could not be audited"*) \
	  echo "error: no index of vulnerabilities can be asked from here, so nothing is known of these" \
	    "versions ($$(echo "$$told" | tail -n 1 | cut -c -160)); run it where one is reachable" >&2; \
	  exit 2;; esac; \
	echo "$$told"; exit $$status

lint: $(READY)  ## Check style, types and the direction of imports
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY) | $(MNIST)  ## Ours against its peers (20 minutes; QUICK=1)
	@for script in $(BENCHMARKS); do \
	  echo "== $$script"; \
	  $(PYTHON) benchmarks/$$script.py --data $(MNIST) $(if $(QUICK),--quick) || exit 1; done

docs: $(READY) | $(MPI_READY)  ## Pages of every module and function, in dist/docs
	$(VENV)/bin/pdoc --docformat numpy --math --output-directory dist/docs $(DOCUMENTED)

format: $(READY)  ## Format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:  ## Remove what was built; data/, runs/ and .venv stay
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info

include benchmarks/figures.mk
