"""Whether a file holds a network's weights: `python -m lipsync.networks.trial ARCHITECTURE FILE`.

In a process of its own, because torch is loaded nowhere but where networks run. Exit code 0, or REFUSED and a sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lipsync.errors import EnvironmentFault
from lipsync.networks.checkpoint import fill
from lipsync.networks.opened import KINDS
from lipsync.weights.installing import REFUSED


def main(architecture: str, file: str) -> int:
    """Load the file and say whether it can be."""
    try:
        fill(KINDS[architecture].build(), Path(file))
    except EnvironmentFault as error:
        sys.stderr.write(error.message)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
