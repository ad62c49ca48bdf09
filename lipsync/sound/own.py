"""Learning from a take's own sound what its speaker's mouth does when it sounds like that.

What was learnt is judged on frames that were left out of the learning, in blocks of time, and used as far as it is better
there than the generic answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.features import BAND_FEATURES, SoundFeatures
from lipsync.sound.offset import Offset
from lipsync.sound.pauses import habit_of
from lipsync.sound.regression import OwnMap, fit_own

FOLDS = 5
FOLD_GAP_SECONDS = 0.5
FEWEST_OWN_SECONDS = 4.0
CLEARLY_BETTER = 0.02
REST_PERCENTILE = 15


@dataclass(frozen=True, slots=True)
class OwnSound:
    """What was learnt from the take's own sound; q values: aperture, width, extra components.

    offset: between its sound and its picture
    learnt: from features to the values, standardised
    share: (q,) how far each of them is taken from `learnt` instead of the generic answer
    held_out: (n, q) answers for frames left out of the fit, standardised
    aperture_fit, width_fit: Pearson's r of those answers with the take
    habit: how far the speaker comes to rest in pauses, see `pauses.stillness`
    """

    offset: Offset
    learnt: OwnMap
    share: DoubleArray
    held_out: DoubleArray
    aperture_fit: float
    width_fit: float
    habit: float

    def __call__(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        """(n, q) answers to features (n, d) and generic answers (n, q)."""
        return np.asarray(self.share * self.learnt(features, generic) + (1 - self.share) * generic)


def learn_own(sound: SoundFeatures, times: DoubleArray, targets: DoubleArray, generic: DoubleArray, offset: Offset) -> OwnSound | None:
    """Learn from a take's sound, or None where there is too little of it.

    times: (n,) seconds of the take's frames in the sound, picture and sound matched; targets: (n, q) standardised; generic:
    (n, q) generic answers
    """
    duration = len(times) * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if duration < FEWEST_OWN_SECONDS:
        return None
    features = sound.at(times)
    held_out = np.zeros_like(targets)
    for left_out, used in folds(times):
        fold = fit_own(features[used], generic[used], targets[used], BAND_FEATURES)
        held_out[left_out] = fold(features[left_out], generic[left_out])
    share = np.array([best_share(held_out[:, k], generic[:, k], targets[:, k]) for k in range(targets.shape[1])])
    held_out = share * held_out + (1 - share) * generic
    return OwnSound(
        offset,
        fit_own(features, generic, targets, BAND_FEATURES),
        share,
        held_out,
        correlation(held_out[:, 0], targets[:, 0]),
        correlation(held_out[:, 1], targets[:, 1]),
        habit_of(sound, times, held_out[:, 0], targets[:, 0], float(np.percentile(targets[:, 0], REST_PERCENTILE))),
    )


def folds(times: DoubleArray) -> list[tuple[IntArray, IntArray]]:
    """(frames left out, frames to learn from) of each fold: blocks in time, with a gap between the two."""
    found = []
    for start, end in pairwise(np.linspace(0, len(times), FOLDS + 1).astype(int).tolist()):
        away = (times < times[start] - FOLD_GAP_SECONDS) | (times > times[end - 1] + FOLD_GAP_SECONDS)
        found.append((np.arange(start, end), np.flatnonzero(away)))
    return found


def best_share(learnt: DoubleArray, other: DoubleArray, true: DoubleArray) -> float:
    """How much of what was learnt is used: half, unless all or nothing does clearly better on frames left out of the fit."""

    def score(share: float) -> float:
        return correlation(share * learnt + (1 - share) * other, true) + (CLEARLY_BETTER if share == 0.5 else 0.0)

    return max((1.0, 0.5, 0.0), key=score)


def correlation(left: DoubleArray, right: DoubleArray) -> float:
    """Pearson's r of two courses; 0 where one of them is constant."""
    if left.std() < 1e-9 or right.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
