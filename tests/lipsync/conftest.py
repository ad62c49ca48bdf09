"""The synthetic take, and what the engine sees in it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lipsync.bank import Mouth
from lipsync.look import look
from lipsync.media import probe_clip
from lipsync.mouth_space import MouthSpace, build_space
from lipsync.synthetic.take import SyntheticTake
from tests.demo_take import demo_take


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> None:
    """What the command line keeps goes to a folder of the tests, not to the user's."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def synthetic_take() -> SyntheticTake:
    """A talking take, a second voice and the intended mouth shapes; tests must not change the files."""
    return demo_take()


@pytest.fixture(scope="session")
def looked_at(synthetic_take, tmp_path_factory) -> tuple[MouthSpace, list[Mouth]]:
    """Mouth space and bank of the synthetic take."""
    folder = tmp_path_factory.mktemp("looked-at")
    sight = look(synthetic_take.clip, probe_clip(synthetic_take.clip), folder)
    return build_space(sight.track, np.ones(len(sight.track), dtype=np.float32)), sight.bank
