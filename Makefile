# make demo | test | run | lint | bench | fuzz : each works alone on a fresh machine with Python 3.11 or newer.

PYTHON ?= python3
ENV := .venv
RUN := $(ENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: demo run test lint bench fuzz setup clean

demo: $(ENV)/runtime
	$(RUN) manage.py demo

run: $(ENV)/runtime
	$(RUN) manage.py develop

test: $(ENV)/dev
	$(RUN) .ci/checks.py

lint: $(ENV)/dev
	$(RUN) .ci/checks.py lint

# Some minutes; `make bench ARGS=--quick` is shorter. The machine should have nothing else to do.
bench: $(ENV)/dev
	$(RUN) -m tests.bench --json bench.json $(ARGS)

# Some minutes of hostile requests and of lives in any order, others each time; `make fuzz BLAST_FUZZ=100` takes longer.
# DATABASE_URL says where.
fuzz: FACTOR := $(or $(BLAST_FUZZ),12)
fuzz: $(ENV)/dev
	BLAST_FUZZ=$(FACTOR) BLAST_ANY_ORDER=$$((15 * $(FACTOR))) \
		$(RUN) -m pytest tests/fuzz tests/integration/test_any_order.py $(ARGS)

setup: $(ENV)/dev

$(ENV)/python:
	$(PYTHON) -c 'import sys; sys.exit("blast-api needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(ENV)
	touch $@

$(ENV)/runtime: requirements.txt | $(ENV)/python
	$(PIP) -r requirements.txt
	touch $@

$(ENV)/dev: requirements-dev.txt | $(ENV)/python
	$(PIP) -r requirements-dev.txt
	touch $@ $(ENV)/runtime

clean:
	rm -rf $(ENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
