# The commands of HeyGem Studio. Each sets up what it needs; the second time is quick.
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin/python
HOST ?= 127.0.0.1
PORT ?= 7860
SHARDS ?= media/speech
GRID ?= ../shared/clips/grid
# Tests in so many processes: one more than cores, for many wait for programs that they started.
AT_ONCE ?= $(shell expr $$(nproc) + 1)
export HOST PORT

.PHONY: help setup demo serve stop test lint screenshots soak bench bench-picture bench-sound load train-speech clean

help:  ## What can be done
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup:  ## Virtual environment, Python packages, system packages
	@requirements/setup.sh base

demo: setup  ## A talking take and a new voice become a video; CLIP=a.mp4 VOICE=b.wav for your own
	@$(PYTHON_BIN) manage.py demo $(if $(CLIP),--clip "$(CLIP)") $(if $(VOICE),--voice "$(VOICE)")

serve: setup  ## Web pages and workers on http://127.0.0.1:7860; DETACH=1 in the background
	@exec $(PYTHON_BIN) manage.py serve $(if $(DETACH),--detach)

stop:  ## End what `make serve DETACH=1` started
	@requirements/setup.sh base && $(PYTHON_BIN) manage.py stop

test:  ## All tests
	@requirements/setup.sh dev
	@$(PYTHON_BIN) -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(PYTEST)

lint:  ## Formatting, lint, types, migrations, deployment checks
	@requirements/setup.sh dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/djlint --quiet --check --lint templates
	@$(PYTHON_BIN) manage.py makemigrations --check --dry-run
	@HTTPS=1 $(PYTHON_BIN) manage.py check --deploy --fail-level WARNING

screenshots:  ## Every page as pictures into media/screenshots: both languages, narrow and wide, light and dark; PAGES="storage usual/queue" for some
	@requirements/setup.sh dev
	@$(PYTHON_BIN) -m tests.screenshots media/screenshots $(PAGES)

soak:  ## Whole installations killed, frozen, flushed, drained: a line of figures each; T=kills for one, DB=postgres, SEED=7
	@requirements/setup.sh dev
	@$(PYTHON_BIN) -m tests.soak $(T) $(if $(DB),--database $(DB)) $(if $(SEED),--seed $(SEED))

bench:  ## Cost per frame against a plain transcode, and how well the mouth follows a voice; BENCH=library: pages of a large library; BENCH=networks: Wav2Lip, FAN, GFPGAN on a processor
	@requirements/setup.sh bench
	@$(PYTHON_BIN) -m tests.benchmarks $(BENCH)

bench-picture:  ## How good the picture is: figures of two judges, and contact sheets; TAKES="anchor_de_20s_512 ..."
	@requirements/setup.sh bench
	@$(PYTHON_BIN) -m tests.benchmarks.picture $(TAKES)

bench-sound:  ## How well a mouth is predicted from sound: own, generic, noise, offsets, recorded voices, cost
	@requirements/setup.sh dev
	@$(PYTHON_BIN) -m tests.benchmarks.sound $(wildcard $(SHARDS)/held_out.npz)

load:  ## Fifty scripts poll the API once a second for a minute: how long answers take
	@requirements/setup.sh load
	@$(PYTHON_BIN) -m tests.benchmarks.load

train-speech:  ## Make speech, train the network that hears mouths on it, fit the generic mouth: half an hour
	@requirements/setup.sh train
	@$(PYTHON_BIN) -m lipsync.training.speech $(SHARDS)
	@OPENBLAS_NUM_THREADS=1 $(PYTHON_BIN) -m lipsync.training.speech_network $(SHARDS)
	@$(PYTHON_BIN) -m lipsync.training.generic_mouth $(GRID)

clean:  ## Remove the virtual environment and caches; uploads and results stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
