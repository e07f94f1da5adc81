# HOST, PORT, DATA_DIR and all the other variables of config/example.env reach the site from the
# command line (make run PORT=8123 DATA_DIR=var2) or from the environment.

python = .venv/bin/python

.PHONY: help run test check lint lint-fix bench clean setup setup-dev

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: setup ## start the site and print its address; Ctrl-C stops all of it
	@$(python) -m voting.supervisor

test: setup-dev ## run the tests
	@$(python) -m pytest -n auto --dist loadfile

check: lint ## everything that CI holds besides the tests
	@$(python) -m tests.mutate_voting
	@$(python) -m pytest tests/office
	@$(python) -m pytest tests/browser

lint: setup-dev ## look for style and type mistakes
	@$(python) -m ruff check .
	@$(python) -m mypy

lint-fix: setup-dev ## repair what ruff can repair
	@$(python) -m ruff check --fix .

bench: setup-dev ## measure speed and memory
	@$(python) -m bench

clean: ## remove .venv and caches; never touches DATA_DIR
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@sh deploy/setup.sh requirements.txt

setup-dev:
	@sh deploy/setup.sh requirements.txt requirements-dev.txt
