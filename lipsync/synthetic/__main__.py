"""`python -m lipsync.synthetic FOLDER`: make the synthetic take there, unless it is there already."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lipsync.errors import LipsyncError
from lipsync.synthetic import take


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lipsync.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path, help="where take.mp4, voice.wav and truth.npz go")
    options = parser.parse_args(arguments)
    try:
        result = take.make(options.folder)
    except LipsyncError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{result.clip} {'made' if result.made else 'is there already'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
