"""Learning from a take's own sound what its speaker's mouth does when it sounds like that.

Two learners: regressions, at once, and the network itself, taught in the background. What they learnt is judged on frames
that were left out of the learning, in blocks of time, and used as far as it is better there than what was known before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.track import IntArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.adaptation import (
    COMPANY_WINDOWS,
    OWN_WINDOWS,
    Adapted,
    Lesson,
    answer,
    company,
    generic_weights,
    lesson_of,
    packed,
    taught,
)
from lipsync.sound.features import BAND_FEATURES, SoundFeatures, heard_channel
from lipsync.sound.offset import Offset
from lipsync.sound.pauses import habit_of
from lipsync.sound.regression import OwnMap, fit_own

FOLDS, NETWORKS = 5, 3
FOLD_GAP_SECONDS = 0.5
FEWEST_OWN_SECONDS = 4.0
FEWEST_TAUGHT_SECONDS = 15.0
# What was learnt counts half beside the generic answer after so many seconds of take, and at most so much. Chosen per take by
# the frames left out it did worse on frames of ten takes that neither had seen: a take has too few to tell.
HALF_LEARNT_SECONDS, MOST_LEARNT = 5.0, 0.8
REST_PERCENTILE = 15
# What a taught network must gain on frames that it has not seen, or it is not listened to: on short takes it learns by heart.
WORTH_TEACHING = 0.01
# Steps of teaching for takes of up to so many seconds: little data is soon known by heart.
STEPS_UP_TO = ((25.0, 50), (40.0, 100), (float("inf"), 150))
# How far a heard closure of the lips lowers the aperture, in its standard deviations.
CLOSURE_PULL = 0.5
# What little data leaves too timid: how far a heard drop of the jaw opens the mouth and rounded lips narrow it, likewise.
JAW_PULL, ROUNDING_PULL = 0.5, 1.0


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
        return _livelier(self.share * self.learnt(features, generic) + (1 - self.share) * generic, features)


@dataclass(frozen=True, slots=True)
class TaughtSound:
    """What the network was taught of the same take.

    adapted: the networks; share: (q,) how far each value is taken from them instead of from `OwnSound`
    held_out, aperture_fit, width_fit: as of `OwnSound`, of both together
    """

    adapted: Adapted
    share: DoubleArray
    held_out: DoubleArray
    aperture_fit: float
    width_fit: float

    def beside(self, own: OwnSound) -> OwnSound:
        """What is known of the take's own sound with the networks' answers counted in."""
        return replace(own, held_out=self.held_out, aperture_fit=self.aperture_fit, width_fit=self.width_fit)


def learn_own(
    sound: SoundFeatures, times: DoubleArray, targets: DoubleArray, generic: DoubleArray, offset: Offset
) -> OwnSound | None:
    """Learn from a take's sound, or None where there is too little of it.

    times: (n,) seconds of the take's frames in the sound, picture and sound matched; targets: (n, q) standardised; generic:
    (n, q) generic answers
    """
    if _seconds(times) < FEWEST_OWN_SECONDS:
        return None
    features = sound.at(times)
    held_out = np.zeros_like(targets)
    for left_out, used in folds(times, FOLDS):
        fold = fit_own(features[used], generic[used], targets[used], BAND_FEATURES)
        held_out[left_out] = fold(features[left_out], generic[left_out])
    share = _shares(held_out, targets, _seconds(times))
    held_out = _livelier(share * held_out + (1 - share) * generic, features)
    rest = float(np.percentile(targets[:, 0], REST_PERCENTILE))
    return OwnSound(
        offset,
        fit_own(features, generic, targets, BAND_FEATURES),
        share,
        held_out,
        correlation(held_out[:, 0], targets[:, 0]),
        correlation(held_out[:, 1], targets[:, 1]),
        habit_of(sound, times, held_out[:, 0], targets[:, 0], rest),
    )


def teach_own(
    sound: SoundFeatures,
    times: DoubleArray,
    targets: DoubleArray,
    own: OwnSound,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TaughtSound | None:
    """Teach the network a take, or None where there is too little of it or nothing is gained.

    times, targets: as for `learn_own`
    progress: is told how many of how many steps are done
    """
    seconds, values = _seconds(times), targets.shape[1]
    if seconds < FEWEST_TAUGHT_SECONDS:
        return None
    steps = next(steps for most, steps in STEPS_UP_TO if seconds <= most)
    lesson, start = lesson_of(sound.x, times, targets), generic_weights(values)
    held_out, rows = np.zeros((len(times), values)), []
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, NETWORKS * steps)

    for seed, (left_out, used) in enumerate(folds(times, NETWORKS)):
        network = taught(start, _drawing(lesson.only(times, used)), values, steps, seed, tick)
        held_out[left_out] = answer(network, sound.x, times)[left_out, :values]
        rows.append(packed(network))
    share = np.array([_taught_share(held_out[:, k], own.held_out[:, k], targets[:, k]) for k in range(values)])
    if not share.any():
        return None
    both = share * held_out + (1 - share) * own.held_out
    fits = (correlation(both[:, 0], targets[:, 0]), correlation(both[:, 1], targets[:, 1]))
    return TaughtSound(Adapted(np.stack(rows), values), share, both, *fits)


def closing(answers: DoubleArray, features: FloatArray) -> DoubleArray:
    """The same with the aperture lowered where the network hears the lips close (p, b, m)."""
    lower = np.zeros_like(answers)
    lower[:, 0] = CLOSURE_PULL * heard_channel(features, "closure")
    return np.asarray(answers - lower)


def _livelier(answers: DoubleArray, features: FloatArray) -> DoubleArray:
    """Answers learnt from a take, with what the network hears the mouth do laid over them."""
    pulled = closing(answers, features)
    pulled[:, 0] += JAW_PULL * heard_channel(features, "jaw")
    pulled[:, 1] -= ROUNDING_PULL * heard_channel(features, "protrusion")
    return pulled


def folds(times: DoubleArray, count: int) -> list[tuple[IntArray, IntArray]]:
    """(frames left out, frames to learn from) of each fold: blocks in time, with a gap between the two."""
    found = []
    for start, end in pairwise(np.linspace(0, len(times), count + 1).astype(int).tolist()):
        away = (times < times[start] - FOLD_GAP_SECONDS) | (times > times[end - 1] + FOLD_GAP_SECONDS)
        found.append((np.arange(start, end), np.flatnonzero(away)))
    return found


def correlation(left: DoubleArray, right: DoubleArray) -> float:
    """Pearson's r of two courses; 0 where one of them is constant."""
    if left.std() < 1e-9 or right.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _taught_share(said: DoubleArray, known: DoubleArray, true: DoubleArray) -> float:
    """Half, if that is worth it."""
    return 0.5 if correlation(0.5 * (said + known), true) > correlation(known, true) + WORTH_TEACHING else 0.0


def _shares(learnt: DoubleArray, true: DoubleArray, seconds: float) -> DoubleArray:
    """(q,) what of the learnt values is used: of the extra ones, of which nothing is known else, as much as is right."""
    right = (learnt * true).sum(axis=0) / ((learnt**2).sum(axis=0) + 1e-9)
    known = min(MOST_LEARNT, seconds / (seconds + HALF_LEARNT_SECONDS))
    return np.concatenate([np.full(2, known), np.clip(right[2:], 0, 1)])


def _drawing(lesson: Lesson) -> Callable[[np.random.Generator], list[Lesson]]:
    others = company()

    def draw(random: np.random.Generator) -> list[Lesson]:
        return [lesson] * OWN_WINDOWS + [others[number] for number in random.integers(0, len(others), COMPANY_WINDOWS)]

    return draw


def _seconds(times: DoubleArray) -> float:
    return len(times) * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
