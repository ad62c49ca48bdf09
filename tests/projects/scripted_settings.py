"""The installation's settings with a scripted engine: ENGINE_SCRIPT names what it does, ENGINE_VIDEO what it hands out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from heygem_site.settings import *  # noqa: F403 - that is the point

ENGINE_COMMAND = [
    sys.executable,
    str(Path(__file__).with_name("scripted_engine.py")),
    os.environ["ENGINE_SCRIPT"],
    os.environ["ENGINE_VIDEO"],
]
