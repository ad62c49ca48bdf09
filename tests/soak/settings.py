"""The project's settings with what a soak test changes. Each change is asked for in the environment.

SOAK_ENGINE: arguments of `engine.py`, which then stands in for the engine; empty for the real one
SOAK_LEASE_SECONDS: how long a worker that is not heard of keeps its render
SOAK_COPIES: how often each wake-up is delivered
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from heygem_site.settings import *  # noqa: F403 - these are the settings
from heygem_site.settings import INSTALLED_APPS, Q_CLUSTER, REDIS_URL

MAKE_PREVIEWS = False  # the scripted engine makes none, and the figures are those of renders
if arguments := os.environ.get("SOAK_ENGINE"):
    ENGINE_COMMAND = [sys.executable, str(Path(__file__).with_name("engine.py")), *shlex.split(arguments)]
if os.environ.get("SOAK_LEASE_SECONDS"):
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.soak.hooks.ShortLease"]
if os.environ.get("SOAK_COPIES"):
    Q_CLUSTER["broker_class"] = f"tests.soak.copies.{'Redis' if REDIS_URL else 'Rows'}"
