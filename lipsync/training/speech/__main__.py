"""Make speech to train on: `python -m lipsync.training.speech FOLDER [--hours 9] [--seed 7] [--workers 2]`.

FOLDER receives shards (.npz, arrays described in docs/speech-data.md) and `held_out.npz`, speakers that no shard has. What is
there already is kept.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from lipsync.training.speech.festival import missing_packages
from lipsync.training.speech.generation import SYNTHESISERS, cast, collect_texts, make, plan


def main() -> int:
    """Make all shards that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m lipsync.training.speech")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=9.0, help="of speech, in all")
    parser.add_argument("--seed", type=int, default=7, help="another seed wants another folder")
    parser.add_argument("--workers", type=int, default=2, help="processes; the result does not depend on it")
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    present = [name for name in SYNTHESISERS if not all(speaker.held_out for speaker in cast(name))]
    for name, synthesiser in SYNTHESISERS.items():
        if name not in present:
            logging.warning("Without %s the others speak more. Install it with: apt-get install %s", name, synthesiser.package)
    if "festival" in present and (packages := missing_packages()):
        logging.warning("Without %s festival has fewer voices.", ", ".join(packages))
    if not present:
        logging.error("There is no synthesiser. Install one with: apt-get install espeak-ng flite festival")
        return 3
    options.folder.mkdir(parents=True, exist_ok=True)
    collect_texts(options.folder)
    shards = plan(options.folder, options.hours, options.seed, present)
    missing = [shard for shard in shards if not shard.path.exists()]
    started, seconds = time.monotonic(), 0.0
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = {pool.submit(make, shard): shard for shard in missing}
        for done, job in enumerate(as_completed(jobs), len(shards) - len(missing) + 1):
            seconds += job.result()
            took = time.monotonic() - started
            logging.info("%d of %d: %s, %.2f h in %.0f s", done, len(shards), jobs[job].path.name, seconds / 3600, took)
    return 0


if __name__ == "__main__":
    sys.exit(main())
