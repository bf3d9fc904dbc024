# The commands of this repository; `make` alone lists them.

.POSIX:
.SUFFIXES:
.PHONY: help share ceph-test cluster-test container-test deploy-test dist docs docs-test jobs-test moves-test news on-demand-test venv run run-ims sbom simulate test lint unit clients boot bench bench-growth bench-ims bench-latency bench-release bench-request boot-test fuzz soak lock format container certificate fresh-debian clean

PYTHON = python3
VENV = .venv
DEBIAN = 12
FUZZ_SECONDS = 300
SOAK_SECONDS = 600
BENCH_FLAGS =
SIMULATE_FLAGS =
BASE =
IMAGE = assisted-images
ENGINE_FLAGS =
BUILD_FLAGS =
TRIAL = $(VENV)/bin/python -m twisted.trial
# Everything below tests/ but what needs more than the programs that make disk images: image
# management's servers, virtual machines, other people's clients, what deploy/ is for, the commands
# of docs/, root for trouble made by real means, container registries.
UNIT = $$(cd tests && ls -d test_*.py */ | sed -e '/^boot/d' -e '/^browser/d' -e '/^clients/d' -e '/^deploy/d' \
    -e '/^docs/d' -e '/^field/d' \
    -e '/^image_management/d' -e '/^registries/d' -e '/^__pycache__/d' -e 's,[/.].*,,' -e 's,^,tests.,')

help:
	@echo 'make run          try the service: a sample image, or OS_IMAGES + ASSISTED_SERVICE_HOST'
	@echo 'make run-ims      try image management: records, and an S3 server or S3_ENDPOINT + its keys'
	@echo 'make test         everything: lint, types, layers, all tests, real clients, real boots'
	@echo 'make unit         the tests of single parts: Python, and what makes disk images (bindep.txt: unit)'
	@echo 'make bench-growth   how cost grows with streams, ranges, image size and images'
	@echo 'make bench-ims      what records cost, and who waits while images move and jobs work (those as root)'
	@echo 'make bench-latency  how long /live takes while the disk is slow and an image is hashed'
	@echo 'make bench-release  memory and disk while an ISO comes out of a release payload'
	@echo 'make bench-request  what one request of thousands costs, to the microsecond'
	@echo 'make boot-test    every way to boot every kind of image, two machines at a time: minutes'
	@echo "make ceph-test    image management beside Ceph's gateway (as root): minutes"
	@echo 'make cluster-test jobs in a real Kubernetes, with a node, and the service in its pods (as root): minutes; the first time an hour'
	@echo 'make deploy-test  what kustomize makes of deploy/kubernetes/, on a real API server: a minute; the first time half an hour'
	@echo 'make simulate     how long a storm of boots takes: docs/explanation/scaling.md; SIMULATE_FLAGS=--help'
	@echo 'make moves-test   image management killed fifty times while images move: minutes'
	@echo 'make on-demand-test  images on demand: killed fifty times, three of a GiB in 200 MiB: minutes'
	@echo 'make docs-test    the commands of docs/ that take more than make test has (as root): minutes; the first time an hour'
	@echo 'make jobs-test    a recipe built by kiwi-ng, its image customised, and booted (as root): minutes'
	@echo 'make fuzz         hostile images until one goes wrong, or for FUZZ_SECONDS=300'
	@echo 'make soak         mixed load, with one and two workers, every byte checked: SOAK_SECONDS=600'
	@echo 'make bench        as fast as nginx?  under 10 minutes; BENCH_FLAGS=--quick to try it'
	@echo 'make docs         docs/ as a site: build/site/index.html'
	@echo 'make lint         ruff, mypy, import-linter'
	@echo 'make venv         $(VENV), then: $(VENV)/bin/twistd --nodaemon --pidfile= assisted-images'
	@echo 'make format       let ruff rewrite the code'
	@echo 'make lock         requirements/*.txt anew'
	@echo 'make share        manual pages and completions of the commands anew: share/'
	@echo 'make certificate  a development certificate in certs/'
	@echo 'make container    the image of Containerfile, by podman or docker: BASE=an image with Python, IMAGE=its name'
	@echo 'make container-test  that image built and run by podman, with as little as can be (as root): minutes'
	@echo 'make dist         a source distribution and a wheel: build/dist'
	@echo 'make sbom         what the services run on, as an SBOM of CycloneDX: build/sbom.cdx.json'
	@echo 'make news         NEWS.md out of newsfragments/, which go, at a release'
	@echo 'make fresh-debian (as root) run and test in a new Debian that has git, make, python3 only; DEBIAN=13, testing'
	@echo 'make clean        remove what the others made'

$(VENV)/.run: requirements/venv.sh requirements/run.txt requirements/build.txt setup.cfg
	PYTHON=$(PYTHON) requirements/venv.sh $(VENV) run

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	PYTHON=$(PYTHON) requirements/venv.sh $(VENV) test

venv: $(VENV)/.test

# Python starts with Ctrl-C ignored, or it might be interrupted before it can say what that means.
run: $(VENV)/.run
	@trap '' INT; exec $(VENV)/bin/python -m demo

run-ims: $(VENV)/.run
	@trap '' INT; exec $(VENV)/bin/python -m demo.image_management

test: lint
	requirements/packages.sh test
	status=0; \
	$(TRIAL) --jobs=2 $(UNIT) tests.image_management tests.browser tests.deploy tests.docs || status=$$?; \
	$(TRIAL) tests.boot tests.clients tests.field tests.registries || status=$$?; \
	exit $$status

unit: $(VENV)/.test
	requirements/packages.sh unit
	$(TRIAL) $(UNIT)

clients: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) tests.clients

boot: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) tests.boot

bench: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.bench $(BENCH_FLAGS)

bench-growth: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.bench.growth

bench-ims: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.bench.records

bench-latency: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.bench.latency

bench-request: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.bench.request

bench-release: $(VENV)/.test
	requirements/packages.sh test
	$(VENV)/bin/python -m tests.registries.measure

simulate: $(VENV)/.test
	$(VENV)/bin/python -m tests.simulation $(SIMULATE_FLAGS)

boot-test: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) --jobs=2 tests.boot.whole_matrix

docs-test: $(VENV)/.test
	requirements/packages.sh test jobs cluster container
	$(TRIAL) tests.docs.whole_pages

moves-test: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) tests.image_management.images.moves

on-demand-test: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) tests.field.on_demand_at_length

jobs-test: $(VENV)/.test
	requirements/packages.sh test jobs
	$(TRIAL) tests.image_management.jobs.local.whole_build

ceph-test: $(VENV)/.test
	requirements/packages.sh ceph
	$(TRIAL) tests.image_management.s3.on_ceph tests.image_management.routes.on_ceph

# What is killed on a node is killed last: whoever has no root has seen the rest by then.
cluster-test: $(VENV)/.test
	requirements/packages.sh test cluster container
	$(TRIAL) tests.image_management.jobs.kubernetes.on_cluster tests.image_management.jobs.kubernetes.on_node \
	    tests.deploy.on_node tests.deploy.jobs_on_node

deploy-test: $(VENV)/.test
	requirements/packages.sh test
	$(TRIAL) tests.deploy.on_kubernetes tests.deploy.on_api_server

# Without atheris, which is not to be had everywhere, chance leads instead of coverage.
fuzz: $(VENV)/.test
	requirements/packages.sh test
	-$(VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/fuzz.txt
	$(VENV)/bin/python -m tests.assisted_images.live.fuzz $(FUZZ_SECONDS)

soak: $(VENV)/.test
	requirements/packages.sh bench
	$(VENV)/bin/python -m tests.soak --seconds $(SOAK_SECONDS)

# What it would say of the future of its own versions is no matter of these pages.
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build

lint: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	MYPYPATH=src $(VENV)/bin/mypy -p httpd -p assisted_images -p image_management -p tests -p demo
	$(VENV)/bin/lint-imports

format: $(VENV)/.test
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

certificate: $(VENV)/.run
	$(VENV)/bin/python -m demo.certificate certs

# HEALTHCHECK is a part of Docker's format only, which podman has to be told.
container:
	if command -v podman >/dev/null; then engine=podman format='--format=docker'; else engine=docker format=; fi; \
	$$engine $(ENGINE_FLAGS) build $$format --file Containerfile --tag $(IMAGE) $(BASE:%=--build-arg=BASE=%) \
	    --build-arg=VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/assisted_images/__init__.py)" \
	    --build-arg=REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" $(BUILD_FLAGS) .

dist: $(VENV)/.test
	rm -rf build/dist
	$(VENV)/bin/python -m build --no-isolation --outdir build/dist .

# Of what is locked, and not of this environment, which has more: offline.
sbom: $(VENV)/.test
	mkdir -p build
	$(VENV)/bin/cyclonedx-py requirements --output-reproducible \
	    --output-format JSON --output-file build/sbom.cdx.json requirements/run.txt

# The version is that of src/assisted_images/__init__.py; the fragments go.
news: $(VENV)/.test
	$(VENV)/bin/towncrier build --yes

container-test: $(VENV)/.test
	requirements/packages.sh container
	$(TRIAL) tests.deploy.in_containers tests.deploy.under_systemd \
	    tests.deploy.installing tests.deploy.with_podman

fresh-debian:
	tests/fresh-debian.sh $(DEBIAN)

share: $(VENV)/.test
	$(VENV)/bin/python -m tests.shared_files

lock:
	PYTHON=$(PYTHON) requirements/lock.sh

clean:
	rm -rf $(VENV) build demo-data _trial_temp* .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
	    src/*.egg-info twisted/plugins/dropin.cache
