# HOST, PORT, DATA_DIR and all the other variables of config/example.env reach the site from the
# command line (make run PORT=8123 DATA_DIR=var2) or from the environment.

python = .venv/bin/python

.PHONY: help run test check lint lint-fix bench fraud-bench lighthouse screenshots clean setup setup-dev

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: setup ## start the site and print its address; Ctrl-C stops all of it
	@$(python) -m voting.supervisor

test: setup-dev ## run the tests
	@$(python) -m pytest -n auto --dist loadfile
	@$(python) -m pytest -rs tests/browser/test_gallery_to_vote.py

check: lint ## everything that CI holds besides the tests; needs Chromium and WebKit
	@$(python) -m tests.mutate_voting
	@$(python) -m pytest tests/office
	@$(python) -m pytest -n 2 --dist loadfile tests/browser --all-browsers

lint: setup-dev ## look for style and type mistakes
	@$(python) -m ruff check .
	@$(python) -m mypy

lint-fix: setup-dev ## repair what ruff can repair
	@$(python) -m ruff check --fix .

bench: setup-dev ## measure speed and memory
	@$(python) -m bench

fraud-bench: setup-dev ## judge scrutiny on made-up worlds; writes docs/scrutiny.md
	@$(python) -m bench.fraud

lighthouse: setup-dev .lighthouse/node_modules/.package-lock.json ## measure the pages as a slow phone sees them
	@$(python) -m bench.lighthouse

.lighthouse/node_modules/.package-lock.json: bench/lighthouse/package-lock.json
	@mkdir -p .lighthouse && cp bench/lighthouse/package.json bench/lighthouse/package-lock.json .lighthouse
	@npm ci --prefix .lighthouse --ignore-scripts --no-audit --no-fund

screenshots: setup-dev ## take pictures of every page in every state; ONLY=entry takes some
	@$(python) -m tests.browser.screenshots

clean: ## remove .venv and caches; never touches DATA_DIR
	@rm -rf .venv .lighthouse .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@sh deploy/setup.sh requirements.txt --if-possible requirements-scrutiny.txt

setup-dev:
	@sh deploy/setup.sh requirements.txt requirements-scrutiny.txt requirements-dev.txt
