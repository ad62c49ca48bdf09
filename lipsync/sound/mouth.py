"""Sound to mouth: learnt from the take's own sound where it has one that matches, else generic.

The predictor answers with lips in the speaker's own mouth space, for any voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.lips import EXTRA_COMPONENTS, LipModel, lip_model, lips_of
from lipsync.mouth_space import MouthSpace, rest_lips
from lipsync.open_mouth import hardly_moves, open_model
from lipsync.shapes import apertures_of_lips
from lipsync.sound.features import RATE, SoundFeatures
from lipsync.sound.offset import Offset, estimate_offset
from lipsync.sound.regression import OwnMap, Ridge, fit_own

WEIGHTS = Path(__file__).parent.parent / "weights" / "generic_mouth.npz"

FOLDS = 5
FOLD_GAP_SECONDS = 0.5
FEWEST_OWN_SECONDS = 4.0
CONVINCING_FIT = 0.3
CLEARLY_BETTER = 0.02
SHARE_MAPPED = 0.7
QUANTILES = np.linspace(0, 1, 101)
SMOOTHING_SECONDS = 0.016
SILENCE_DECIBEL = -32.0
SHORTEST_PAUSE_SECONDS = 0.2
FULL_PAUSE_SECONDS = 0.6
SHORT_PAUSE_SHARE = 0.4
PAUSE_FADE_SECONDS = 0.12
FEWEST_SPEAKING_FRAMES = 50
BLOCK_FRAMES = 1000
MOST_LEARNT_FRAMES = 15_000
MOST_OFFSET_FRAMES = 4_000
LARGEST_GAIN = 1.5
LARGEST_OPENING_IOD = 0.35


@dataclass(frozen=True, slots=True)
class OwnSound:
    """What was learnt from the take's own sound.

    offset: between its sound and its picture
    learnt: from features to aperture, width and extra components, standardised
    share: (2 + EXTRA_COMPONENTS,) how far each of them is taken from `learnt` instead of the generic answer
    held_out: (n, 2 + EXTRA_COMPONENTS) answers for frames left out of the fit, standardised
    aperture_fit, width_fit: Pearson's r of those answers with the take
    """

    offset: Offset
    learnt: OwnMap
    share: DoubleArray
    held_out: DoubleArray
    aperture_fit: float
    width_fit: float

    def __call__(self, features: FloatArray, generic: DoubleArray) -> DoubleArray:
        """(n, 2 + EXTRA_COMPONENTS) answers to features (n, d) and generic answers (n, 2 + EXTRA_COMPONENTS)."""
        return np.asarray(self.share * self.learnt(features, generic) + (1 - self.share) * generic)


@dataclass(frozen=True, slots=True)
class MouthTrack:
    """What a mouth shall do over time.

    values: (n, 2 + EXTRA_COMPONENTS) float32 aperture and width in IOD, extra coordinates
    still: (n,) float32, 1 where the mouth is at rest, 0 where it follows the values
    """

    values: FloatArray
    still: FloatArray

    def __len__(self) -> int:
        return len(self.values)

    def part(self, numbers: slice) -> MouthTrack:
        """The same for some of its times."""
        return MouthTrack(self.values[numbers], self.still[numbers])


@dataclass(frozen=True, slots=True)
class MouthPredictor:
    """Answers a voice with this speaker's lips.

    known: (m, 2 + EXTRA_COMPONENTS) the take's own aperture, width (IOD) and extra coordinates in usable frames
    rest: (len(LIPS), 3) the mouth at rest
    own: None where the take's sound is missing or not this mouth's
    """

    model: LipModel
    known: DoubleArray
    rest: DoubleArray
    generic: Ridge
    own: OwnSound | None

    def follow(self, voice: SoundFeatures, times: DoubleArray) -> MouthTrack:
        """What the mouth shall do for the voice at the given times (n,), seconds."""
        still = pauses(voice, times)
        raw = self._answers(voice, times)
        if self.own:
            raw = _as_lively(raw, still < 0.5, self.own.held_out)
        reference = self.own.held_out if self.own else raw
        mean, deviation = self.known.mean(axis=0), self.known.std(axis=0)
        values = raw * deviation + mean
        for column in (0, 1):
            values[:, column] = _restore_range(
                values[:, column], reference[:, column] * deviation[column] + mean[column], self.known[:, column]
            )
        return MouthTrack(_smooth(values, times).astype(np.float32), still.astype(np.float32))

    def lips(self, track: MouthTrack) -> DoubleArray:
        """(n, len(LIPS), 3) in the speaker's own mouth space."""
        values, still = track.values.astype(np.float64), track.still[:, None, None].astype(np.float64)
        lips = self.model.lips(values[:, 0], values[:, 1], values[:, 2:])
        return np.asarray(lips * (1 - still) + self.rest * still)

    def _answers(self, voice: SoundFeatures, times: DoubleArray) -> DoubleArray:
        """(n, 2 + EXTRA_COMPONENTS) standardised, in blocks: the stacked features of a long voice would fill the memory."""
        late = self.own.offset.kept if self.own else 0.0
        parts = []
        for start in range(0, len(times), BLOCK_FRAMES):
            features = voice.at(times[start : start + BLOCK_FRAMES] + late)
            generic = _padded(self.generic(features))
            parts.append(self.own(features, generic) if self.own else generic)
        answers = np.concatenate(parts)
        return answers if self.own else _standardised(answers)


def learn(space: MouthSpace, sound: SoundFeatures | None, times: DoubleArray, offset: Offset | None) -> MouthPredictor:
    """A predictor for this speaker.

    sound: the take's own, or None; times: (n,) seconds of the take's frames in it; offset: None when there is no sound
    """
    generic, rest = generic_mouth(), rest_lips(space)
    if hardly_moves(space):
        return MouthPredictor(*open_model(rest), rest, generic, None)
    model = lip_model(space)
    some = space.usable(MOST_LEARNT_FRAMES)
    opening = space.opening[some, :2].astype(np.float64)
    known = np.concatenate([opening, model.extras(opening, lips_of(space, some))], axis=1)
    # A scream in the take is no measure for speech.
    known[:, 0] = np.minimum(known[:, 0], apertures_of_lips(rest[None])[0] + LARGEST_OPENING_IOD)
    own = None
    if sound is not None and offset is not None:
        own = _learn_own(sound, times[some], known, generic, offset)
        # Where the offset leaves a doubt, the sound must explain parts of the take that it was not fitted on.
        if own is not None and not offset.trusted and own.aperture_fit < CONVINCING_FIT:
            own = None
    return MouthPredictor(model, known, rest, generic, own)


def match_offset(space: MouthSpace, sound: SoundFeatures, times: DoubleArray) -> Offset:
    """The offset between a take's sound and its picture."""
    some = space.usable(MOST_OFFSET_FRAMES)
    return estimate_offset(sound, times[some], _standardised(space.opening[some].astype(np.float64)), generic_mouth())


@cache
def generic_mouth() -> Ridge:
    """The shipped map from any sound to anyone's standardised aperture, width and chin."""
    return Ridge.load(WEIGHTS)


def pauses(voice: SoundFeatures, times: DoubleArray) -> DoubleArray:
    """(n,) 0 to 1: how far the mouth shall be at rest. Short pauses in speech only relax it, long ones close it."""
    quiet = np.concatenate([[False], voice.loudness < SILENCE_DECIBEL, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    still = np.zeros(len(voice.loudness))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        seconds = (end - start) / RATE
        at_edge = start == 0 or end == len(still)
        if seconds >= SHORTEST_PAUSE_SECONDS:
            long = np.clip((seconds - SHORTEST_PAUSE_SECONDS) / (FULL_PAUSE_SECONDS - SHORTEST_PAUSE_SECONDS), 0, 1)
            still[start:end] = 1.0 if at_edge else SHORT_PAUSE_SHARE + (1 - SHORT_PAUSE_SHARE) * long
    faded = gaussian_filter1d(still, PAUSE_FADE_SECONDS / 3 * RATE, mode="nearest")
    return np.interp(times * RATE, np.arange(len(faded)), faded, left=1.0, right=1.0)


def _learn_own(sound: SoundFeatures, times: DoubleArray, known: DoubleArray, generic: Ridge, offset: Offset) -> OwnSound | None:
    duration = len(times) * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if duration < FEWEST_OWN_SECONDS:
        return None
    features = sound.at(times + offset.seconds)
    answers = _padded(generic(features))
    targets = _standardised(known)
    held_out = np.zeros_like(targets)
    borders = np.linspace(0, len(times), FOLDS + 1).astype(int)
    for start, end in pairwise(borders):
        outside = (times < times[start] - FOLD_GAP_SECONDS) | (times > times[end - 1] + FOLD_GAP_SECONDS)
        fold = fit_own(features[outside], answers[outside], targets[outside])
        held_out[start:end] = fold(features[start:end], answers[start:end])
    share = np.array([_best_share(held_out[:, k], answers[:, k], targets[:, k]) for k in range(targets.shape[1])])
    held_out = share * held_out + (1 - share) * answers
    return OwnSound(
        offset,
        fit_own(features, answers, targets),
        share,
        held_out,
        _correlation(held_out[:, 0], targets[:, 0]),
        _correlation(held_out[:, 1], targets[:, 1]),
    )


def _best_share(learnt: DoubleArray, generic: DoubleArray, true: DoubleArray) -> float:
    """How much of what was learnt is used: half, unless all or nothing does clearly better on frames left out of the fit."""

    def score(share: float) -> float:
        return _correlation(share * learnt + (1 - share) * generic, true) + (CLEARLY_BETTER if share == 0.5 else 0.0)

    return max((1.0, 0.5, 0.0), key=score)


def _correlation(left: DoubleArray, right: DoubleArray) -> float:
    if left.std() < 1e-9 or right.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _padded(generic: DoubleArray) -> DoubleArray:
    """The generic answer has nothing to say about a speaker's extra components."""
    return np.concatenate([generic[:, :2], np.zeros((len(generic), EXTRA_COMPONENTS))], axis=1)


def _standardised(values: DoubleArray) -> DoubleArray:
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6))


def _as_lively(values: DoubleArray, speaking: npt.NDArray[np.bool_], held_out: DoubleArray) -> DoubleArray:
    """Another voice or microphone moves the prediction less than the take's own sound did: make up for it, within bounds."""
    if speaking.sum() < FEWEST_SPEAKING_FRAMES:
        return values
    mean = values[speaking].mean(axis=0)
    gain = np.clip(held_out.std(axis=0) / (values[speaking].std(axis=0) + 1e-6), 1.0, LARGEST_GAIN)
    return np.asarray(mean + (values - mean) * gain)


def _restore_range(values: DoubleArray, predicted: DoubleArray, true: DoubleArray) -> DoubleArray:
    """Regression is too timid: map its distribution onto the speaker's own, mostly."""
    mapped = np.interp(values, np.quantile(predicted, QUANTILES), np.quantile(true, QUANTILES))
    return np.asarray(SHARE_MAPPED * mapped + (1 - SHARE_MAPPED) * values)


def _smooth(values: DoubleArray, times: npt.NDArray[np.float64]) -> DoubleArray:
    if len(times) < 2:
        return values
    sigma = SMOOTHING_SECONDS / float(times[1] - times[0])
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="nearest"))
