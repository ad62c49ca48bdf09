"""`python -m lipsync.synthetic FOLDER`: make the synthetic take there, unless it is there already."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from lipsync.errors import LipsyncError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lipsync.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path, help="where take.mp4, voice.wav and truth.npz go")
    options = parser.parse_args(arguments)
    # Many small systems are solved: threads would cost twice the processor time for nothing. Read when numpy is loaded.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import cv2  # noqa: PLC0415 - after the number of threads is set

    from lipsync.synthetic import take  # noqa: PLC0415 - as above

    cv2.setNumThreads(1)
    try:
        result = take.make(options.folder)
    except LipsyncError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{result.clip} {'made' if result.made else 'is there already'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
