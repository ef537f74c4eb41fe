# The verbs of this project. `make help` lists them; each works from a fresh clone.
#
# Everything is installed into .venv from the hash-locked requirements/dev.txt. All that has to be
# there beforehand is Python 3.12 or newer, make and a package index.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
DJANGO := $(BIN)/python manage.py
CODE := config tasks health tests bench manage.py
IMAGE ?= tasks:latest
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check fix schema lock bench image clean \
	format lint types imports deploy migrations openapi asyncapi compatible locked length

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup  ## Start the service on 127.0.0.1:8000 (HOST, PORT, DATABASE_URL, REDIS_URL, AMQP_URL)
	@LOCAL_RUN=true exec $(DJANGO) run_local

test: setup  ## Run the suite on SQLite, then on PostgreSQL (ARGS="-k word" for a part of it)
	@$(BIN)/python -m tests $(ARGS)

check: setup  ## Check format, lint, types, imports, migrations, schema, compatibility, locks, length
	@$(MAKE) --no-print-directory --keep-going format lint types imports deploy migrations \
		openapi asyncapi compatible locked length
	@echo "make check: all is well"

fix: setup  ## Format the code and mend what ruff can mend
	@$(BIN)/python -m ruff check --fix $(CODE)
	@$(BIN)/python -m ruff format $(CODE)

schema: setup  ## Write docs/openapi-v1.yaml and docs/asyncapi.yaml anew from the code
	@mkdir -p docs
	@$(PRODUCTION) $(DJANGO) spectacular --validate --fail-on-warn --file docs/openapi-v1.yaml
	@$(PRODUCTION) $(DJANGO) asyncapi --file docs/asyncapi.yaml

lock: setup  ## Compile requirements/*.txt (ARGS=--upgrade for newer releases)
	@$(call COMPILE,requirements)

bench: setup  ## Measure the requests that matter on this machine
	@$(BIN)/python -m bench $(ARGS)

image:  ## Build the container image (IMAGE=tasks:latest)
	docker build --tag $(IMAGE) .

clean:  ## Remove .venv and caches; var/ with its database and secrets stays
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setup ------------------------------------------------------------------------------------
#
# .venv carries a stamp: the Python, the place and the lock file it was made from. It is written
# last, and a .venv without the right one is made from nothing again, so an interrupted set-up
# heals and no forgotten package stays behind. A .venv that fits is used even when the default
# python3 is too old: PYTHON=… has to be said when it is made, not each time.

STAMP = -c 'import sys; print(*sys.version_info[:3])' 2>/dev/null; pwd; cksum < requirements/dev.txt
ENOUGH = -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null
VERSION = -c 'import sys; print("version " + sys.version.split()[0])' 2>/dev/null

setup:  ## Create .venv with the locked requirements (run, test and check do it first)
	@named="$(PYTHON)"; test "$(origin PYTHON)" != file || named=$(BIN)/python; \
	if test -f .venv/stamp && test "$$("$$named" $(STAMP))" = "$$(cat .venv/stamp)"; then exit 0; fi; \
	if ! "$(PYTHON)" $(ENOUGH); then \
		echo "Python 3.12 or newer is needed; $(PYTHON) is $$("$(PYTHON)" $(VERSION) || echo missing)."; \
		echo "Name another one: make $(or $(firstword $(MAKECMDGOALS)),setup) PYTHON=python3.13"; \
		exit 1; \
	fi >&2; \
	echo "Installing the locked requirements into .venv: once, about a minute ..."; \
	"$(PYTHON)" -m venv --clear .venv && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
		--require-hashes --only-binary :all: --requirement requirements/dev.txt && \
	{ $(BIN)/python $(STAMP); } > .venv/stamp.new && mv .venv/stamp.new .venv/stamp

# --- the parts of check -----------------------------------------------------------------------

# What production demands, for the checks that load its settings: the secrets are made anew each
# time and protect nothing, and no service is contacted.
FRESH = $$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe($(1)))')
PRODUCTION = env -u DEBUG -u LOCAL_RUN -u REDIS_URL -u AMQP_URL DATABASE_URL=sqlite:///.venv/check.sqlite3 \
	ALLOWED_HOSTS=tasks.example.org SECRET_KEY="$(call FRESH,48)" JWT_SIGNING_KEYS="$(call FRESH,48)" \
	FIELD_ENCRYPTION_KEYS="$(call FRESH,32)"

# Each file constrains the next: what is tested is what is shipped. Pins that still fit are kept.
COMPILE = for name in base test dev; do (cd $(1) && $(CURDIR)/$(BIN)/python -m uv pip compile --quiet \
	--universal --python-version 3.12 --generate-hashes --custom-compile-command 'make lock' \
	$(ARGS) --output-file $$name.txt $$name.in > /dev/null) || exit 1; done

format:
	@$(BIN)/python -m ruff format --quiet --diff $(CODE)

lint:
	@$(BIN)/python -m ruff check --quiet $(CODE)

types:
	@$(PRODUCTION) $(BIN)/python -m mypy --no-error-summary

imports:
	@$(BIN)/lint-imports > .venv/imports.log || { cat .venv/imports.log; exit 1; }

deploy:
	@$(PRODUCTION) $(DJANGO) check --deploy --fail-level WARNING

migrations:
	@$(PRODUCTION) $(DJANGO) makemigrations --check --dry-run

openapi:
	@$(PRODUCTION) $(DJANGO) spectacular --validate --fail-on-warn --file .venv/openapi.yaml
	@diff -u docs/openapi-v1.yaml .venv/openapi.yaml || \
		{ echo "docs/openapi-v1.yaml is not what the code says: make schema"; exit 1; }

asyncapi:
	@$(PRODUCTION) $(DJANGO) asyncapi --file .venv/asyncapi.yaml
	@diff -u docs/asyncapi.yaml .venv/asyncapi.yaml || \
		{ echo "docs/asyncapi.yaml is not what the code says: make schema"; exit 1; }

compatible:
	@$(BIN)/python -m tests.compatibility

locked:
	@rm -rf .venv/requirements && cp -R requirements .venv/requirements
	@$(call COMPILE,.venv/requirements)
	@diff -ru requirements .venv/requirements || \
		{ echo "requirements/*.txt are not what *.in say: make lock"; exit 1; }

length:
	@find $(CODE) -name '*.py' ! -path '*/migrations/*' -exec wc -l {} + | \
		awk '$$2 != "total" && $$1 > 400 { print $$2 ": " $$1 " lines, over 400"; long = 1 } END { exit long }'
