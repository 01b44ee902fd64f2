# Everything is set up by the target that needs it, and quick the second time.
PYTHON ?= python3
# The torch build is chosen per device, so it is not locked: TORCH=... and pip's own settings say which.
TORCH ?= torch==2.13.0
SCRIPT ?= demo/script.txt

BIN := .venv/bin
READY := .venv/.ready
MODELS := .venv/.models

.PHONY: setup demo up test check studio-pictures bench bench-portraits bench-gate bench-renderers bench-card bench-segments bench-orchestration \
	bench-queue bench-trust bench-gateway images test-terraform walk lock clean

setup: $(READY) $(MODELS)

$(READY): requirements/lock.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes --requirement requirements/lock.txt
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	$(BIN)/python -m cli.local_prefect
	touch $@

$(MODELS): $(READY) models/assets.py
	$(BIN)/python -m models.assets
	touch $@

demo: setup out/astronaut.png
	$(BIN)/avatar render out/astronaut.png --script @$(SCRIPT) --output out/demo.mp4

out/astronaut.png: | $(READY)
	mkdir -p out
	$(BIN)/python -c 'from skimage import data, io; io.imsave("$@", data.astronaut())'

# Server, workers and deployments on this machine until Ctrl-C; then `avatar` commands find them.
up: setup
	exec $(BIN)/avatar up

test: setup
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# docs/studio-*.png, by Debian's chromium.
studio-pictures: setup
	$(BIN)/python -m tests.api.studio.take_pictures

bench: setup
	$(BIN)/python -m tests.perf.bench_video
	$(BIN)/python -m tests.perf.bench_cold
	$(BIN)/python -m tests.perf.bench_memory
	$(if $(SPEECH),$(BIN)/python -m tests.perf.bench_speech $(SPEECH))

# PORTRAITS=a folder of pictures; the astronaut is always among them.
bench-portraits: setup
	$(BIN)/python -m tests.perf.bench_portraits $(PORTRAITS)

# MuseTalk's UNet and VAE decoder with random weights of the real size; needs 10 GB, on a card less.
.PHONY: bench-musetalk
bench-musetalk: setup
	$(BIN)/python -m tests.perf.bench_musetalk

# PORTRAITS=folder SPEECH=folder of WAV files: what the quality gate refuses, of good videos and of spoilt ones.
bench-gate: setup
	$(BIN)/python -m tests.perf.bench_gate $(PORTRAITS) $(SPEECH)

# Every renderer on every engine; THREADS=2 of torch's, PLOT=1 draws docs/renderers.png. Networks with
# random weights of the real size.
bench-renderers: setup
	$(BIN)/python -m tests.perf.bench_renderers $(THREADS) $(if $(PLOT),--plot)

# What an NVIDIA card does, networks, renderers and videos at once; SECTIONS="card wav2lip" for some of it.
bench-card: setup
	$(BIN)/python -m tests.perf.bench_card $(SECTIONS)

# MINUTES=5 of speech, rendered by one process and by two warm workers, compared frame by frame.
bench-segments: setup
	$(BIN)/python -m tests.perf.bench_segments $(MINUTES)

# RUNS=30 of an empty flow on a stock and on a warm worker, then videos of ten seconds.
bench-orchestration: setup
	$(BIN)/python -m tests.perf.bench_orchestration $(RUNS)

# PAIRS=5 of videos with and without all that makes them trusted.
bench-trust: setup
	$(BIN)/python -m tests.perf.bench_trust $(PAIRS)

# VIDEOS=how many short ones to queue; 200 take minutes.
bench-queue: setup
	$(BIN)/python -m tests.perf.bench_queue $(VIDEOS)

# SECONDS=120 of 1 to 100 users, then bursts; with Prefect and an idle worker beside it.
bench-gateway: setup
	$(BIN)/python -m tests.perf.bench_gateway $(SECONDS)

# The gateway's and the CPU worker's images, by docker, podman or buildah: one answers, one renders. Minutes.
images: out/astronaut.png
	infra/docker/images.sh $<

# TF_PLUGIN_MIRROR=a folder with the provider hashicorp/aws: its tests for each size, an apply of the small one
# on an emulator, and checkov, in an environment of its own. Minutes.
test-terraform: setup .cache/checkov/bin/checkov
	$(BIN)/pytest -n0 tests/infra/terraform tests/infra/terraform/apply_on_emulator.py
	cd infra/terraform && ../../.cache/checkov/bin/checkov --config-file .checkov.yaml --directory .

.cache/checkov/bin/checkov:
	$(PYTHON) -m venv .cache/checkov
	.cache/checkov/bin/pip install --quiet checkov==3.3.30

# The README's commands in a fresh clone, as somebody new pastes them: ports 4200 and 8005 must be free. Minutes.
walk:
	$(PYTHON) tests/walk.py

lock:
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-package torch \
		--extra render --extra engines --extra musetalk --extra api --extra infra --extra trust --extra tracing --extra demo --extra dev \
		--output-file requirements/lock.txt \
		pyproject.toml requirements/torch-needs.in requirements/build.in
	$(LOCK_IMAGE) --extra api --extra infra \
		--output-file requirements/gateway.txt pyproject.toml requirements/build.in
	$(LOCK_IMAGE) --extra render --extra engines --extra musetalk --extra api --extra infra --extra trust --extra tracing \
		--output-file requirements/worker.txt \
		pyproject.toml requirements/torch-needs.in requirements/build.in

# What each image installs: of the lock above, so that images run what the tests ran.
LOCK_IMAGE = $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-package torch --constraint requirements/lock.txt

clean:
	rm -rf .venv .cache out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
