# make demo | test | run | lint | docs | openapi | bench | fuzz : each works alone on a fresh machine with Python 3.11 or newer.

PYTHON ?= python3
ENV := .venv
DOCS := .venv-docs
RUN := $(ENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: demo run test lint docs openapi bench fuzz setup clean

demo: $(ENV)/runtime
	$(RUN) manage.py demo $(ARGS)

run: $(ENV)/runtime
	$(RUN) manage.py develop

test: $(ENV)/dev $(ENV)/browser
	$(RUN) .ci/checks.py

lint: $(ENV)/dev
	$(RUN) .ci/checks.py lint

# Into site/; the manual's tools have an environment of their own.
docs: $(DOCS)/ready
	$(DOCS)/bin/python .ci/docs.py

# After a change of the REST API or of the version.
openapi: $(ENV)/dev
	$(RUN) manage.py openapi > docs/reference/openapi.json

# Some minutes; `make bench ARGS=--quick` is shorter. The machine should have nothing else to do.
bench: $(ENV)/dev
	$(RUN) -m tests.bench --json bench.json $(ARGS)

# Some minutes of hostile requests and of lives in any order, others each time; `make fuzz BLAST_FUZZ=100` takes longer.
# DATABASE_URL says where.
fuzz: FACTOR := $(or $(BLAST_FUZZ),12)
fuzz: $(ENV)/dev
	BLAST_FUZZ=$(FACTOR) BLAST_ANY_ORDER=$$((15 * $(FACTOR))) \
		$(RUN) -m pytest tests/fuzz tests/integration/services/test_any_order.py $(ARGS)

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

# Only where there is a Chromium to try the pages in.
$(ENV)/browser: requirements-browser.txt | $(ENV)/dev
	if command -v chromium >/dev/null; then $(PIP) -r requirements-browser.txt; fi
	touch $@

$(DOCS)/ready: requirements-docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.txt
	touch $@

clean:
	rm -rf $(ENV) $(DOCS) site .mypy_cache .ruff_cache .pytest_cache .hypothesis
