# Everything runs in .venv, which is made on first use from the locked versions.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := .venv/bin

.PHONY: install demo test test-long coverage lint bench docs pictures lock clean

## install: what the others need, into .venv
install: .venv/installed

## demo: the whole workflow on the embedded demo screen, into results/demo
demo: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml
	@echo "The page to read: results/demo/report/index.html"

# Tests that share a fixture of minutes name a group, which one of the two processes runs.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup

## test: all quick tests; quicker still after the demo, whose results they take over
test: .venv/installed
	$(PYTEST)

## test-long: the tests that take minutes to an hour
test-long: .venv/installed
	$(BIN)/python -m pytest -m long

## coverage: how much of the library and the scripts the quick tests run
coverage: .venv/installed
	$(PYTEST) --cov --cov-report term

## lint: style, types, the order of the packages, and Snakemake's own advice
lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/mypy
	PYTHONPATH=workflow/scripts $(BIN)/lint-imports --no-logo
	$(BIN)/snakemake --lint --configfile config/demo.yaml

## bench: the figures of docs/benchmarks.md; the first time makes a dump of 25 million activities
bench: .venv/installed
	$(BIN)/python benchmarks/bench_labels.py
	$(BIN)/python benchmarks/bench_images.py
	$(BIN)/python benchmarks/bench_index.py
	$(BIN)/python benchmarks/bench_reader.py
	$(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_statistics.py

## docs: the pages that are made from schemas
docs: .venv/installed
	$(BIN)/python docs/make_config.py
	$(BIN)/python docs/make_outputs.py

## pictures: those of the documentation; needs Graphviz, Chromium and a demo that has run
pictures: .venv/installed
	$(BIN)/python docs/make_pictures.py

## lock: write requirements.txt anew from pyproject.toml
lock: .venv/installed
	$(BIN)/pip-compile --quiet --upgrade --extra dev --strip-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.txt pyproject.toml
	# A CPU build's version has a suffix that other machines' builds lack.
	sed -i.bak 's/+cpu$$//' requirements.txt && rm requirements.txt.bak

clean:
	rm -rf .venv results/demo .snakemake

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	# Modules are compiled when they are first used: most never are.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check \
		-r requirements.txt
	touch $@
