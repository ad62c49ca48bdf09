"""The `wav2lip` engine: a network makes the mouths (Prajwal et al. 2020); tracking, gate, pauses, mask and files are ours."""

from __future__ import annotations

import numpy as np

from lipsync.clock import Clock
from lipsync.media import read_sound
from lipsync.plan import Plan
from lipsync.sound.speech_mel import SpokenRows
from lipsync.speaking import Network, SpokenMouths
from lipsync.stages import Prepared, Take
from lipsync.version import file_digest, release
from lipsync.weights import chosen, terms

ROWS_FILE = "spoken.f32"


class Wav2Lip:
    """See `stages.Method`.

    weights: their name, empty for the first that may be used; device, precision: see `networks.device`
    Raises UnusableInput (`unknown_weights`), EnvironmentFault (`weights_missing`, `licence_forbidden`).
    """

    follows_plan = False

    def __init__(self, weights: str, device: str, precision: str) -> None:
        self._weights = chosen("wav2lip", weights)
        self._device, self._precision = device, precision
        self._network: Network | None = None
        self.notices = terms(self._weights)

    def get_ready(self, clock: Clock) -> None:
        """Load the network, unless it is."""
        with clock.stage("load"):
            from lipsync.networks.opened import opened  # noqa: PLC0415 - torch, which only those who use it pay for

            self._network = opened(self._weights, self._device, self._precision)

    def prepare(self, take: Take) -> Prepared:
        """Hear what the network hears; what it will say of each frame nobody can know before."""
        if self._network is None:
            raise RuntimeError("the network was not made ready")
        analysis, base = take.analysis, take.base
        rate = analysis.facts.frame_rate
        mouth = analysis.predictor.follow(take.heard, np.arange(len(base)) / float(rate))
        nothing = np.zeros((len(base), 1), dtype=np.float32)
        plan = Plan(
            base.astype(np.int32),
            mouth,
            analysis.space.weight[base],
            np.full(nothing.shape, -1, dtype=np.int16),
            nothing,
            nothing[:, 0],
        )
        rows = take.workshop / ROWS_FILE
        spoken = SpokenRows.write(rows, read_sound(take.voice), mouth.still, rate)
        named = f"{self._weights.sha256} {self._device} {self._precision} {release('torch')} {file_digest(rows)}"
        return Prepared(plan, SpokenMouths(analysis, plan, spoken, self._network), named)
