"""Sound to mouth: learnt from the take's own sound where it has one that matches, else generic.

The predictor answers with lips in the speaker's own mouth space, for any voice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.lips import EXTRA_COMPONENTS, LipModel, lip_model, lips_of
from lipsync.mouth_space import MouthSpace, rest_lips
from lipsync.open_mouth import hardly_moves, open_model
from lipsync.shapes import apertures_of_lips
from lipsync.sound.features import SoundFeatures
from lipsync.sound.generic import Generic, generic_mouth
from lipsync.sound.offset import Offset, estimate_offset
from lipsync.sound.own import OwnSound, TaughtSound, closing, learn_own, teach_own
from lipsync.sound.pauses import stillness
from lipsync.sound.restoration import as_lively, restore_opening, restore_range, smooth

CONVINCING_FIT = 0.3
BLOCK_FRAMES = 1000
MOST_LEARNT_FRAMES = 15_000
MOST_OFFSET_FRAMES = 4_000
LARGEST_OPENING_IOD = 0.35


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
    own: None where the take's sound is missing or not this mouth's; taught: what the network learnt of it besides
    """

    model: LipModel
    known: DoubleArray
    rest: DoubleArray
    generic: Generic
    own: OwnSound | None
    taught: TaughtSound | None = None

    @property
    def heard(self) -> OwnSound | None:
        """What is known of the take's own sound in all."""
        return self.taught.beside(self.own) if self.own and self.taught else self.own

    def follow(self, voice: SoundFeatures, times: DoubleArray) -> MouthTrack:
        """What the mouth shall do for the voice at the given times (n,), seconds."""
        own = self.heard
        still = stillness(voice, times, own.habit if own else 1.0)
        raw = self._answers(voice, times)
        if own:
            raw = as_lively(raw, still < 0.5, own.held_out)
        reference = own.held_out if own else raw
        mean, deviation = self.known.mean(axis=0), self.known.std(axis=0)
        values = raw * deviation + mean
        for column, restore in ((0, restore_opening), (1, restore_range)):
            values[:, column] = restore(
                values[:, column], reference[:, column] * deviation[column] + mean[column], self.known[:, column]
            )
        return MouthTrack(smooth(values, times).astype(np.float32), still.astype(np.float32))

    def lips(self, track: MouthTrack) -> DoubleArray:
        """(n, len(LIPS), 3) in the speaker's own mouth space."""
        values, still = track.values.astype(np.float64), track.still[:, None, None].astype(np.float64)
        lips = self.model.lips(values[:, 0], values[:, 1], values[:, 2:])
        return np.asarray(lips * (1 - still) + self.rest * still)

    def _answers(self, voice: SoundFeatures, times: DoubleArray) -> DoubleArray:
        """(n, 2 + EXTRA_COMPONENTS) standardised, in blocks: the stacked features of a long voice would fill the memory."""
        times = times + (self.own.offset.kept if self.own else 0.0)
        parts = []
        for start in range(0, len(times), BLOCK_FRAMES):
            features = voice.at(times[start : start + BLOCK_FRAMES])
            generic = _padded(self.generic(features))
            parts.append(self.own(features, generic) if self.own else closing(generic, features))
        answers = np.concatenate(parts)
        if self.taught:
            said = self.taught.adapted(voice.x, times)[:, : answers.shape[1]]
            answers = self.taught.share * said + (1 - self.taught.share) * answers
        return answers if self.own else _standardised(answers)


def teach(
    predictor: MouthPredictor, space: MouthSpace, sound: SoundFeatures, times: DoubleArray, progress: Callable[[int, int], None]
) -> TaughtSound | None:
    """What the network learns of a take whose own sound is used; arguments as for `learn`. None where it is too short."""
    if predictor.own is None:
        return None
    matched = times[space.usable(MOST_LEARNT_FRAMES)] + predictor.own.offset.seconds
    return teach_own(sound, matched, _standardised(predictor.known), predictor.own, progress)


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
        own = _learn(sound, times[some], known, generic, offset)
        # Where the offset leaves a doubt, the sound must explain parts of the take that it was not fitted on.
        if own is not None and not offset.trusted and own.aperture_fit < CONVINCING_FIT:
            own = None
    return MouthPredictor(model, known, rest, generic, own)


def match_offset(space: MouthSpace, sound: SoundFeatures, times: DoubleArray) -> Offset:
    """The offset between a take's sound and its picture."""
    some = space.usable(MOST_OFFSET_FRAMES)
    return estimate_offset(sound, times[some], _standardised(space.opening[some].astype(np.float64)), generic_mouth())


def _learn(sound: SoundFeatures, times: DoubleArray, known: DoubleArray, generic: Generic, offset: Offset) -> OwnSound | None:
    times = times + offset.seconds
    return learn_own(sound, times, _standardised(known), _padded(_in_blocks(generic, sound, times)), offset)


def _in_blocks(generic: Generic, sound: SoundFeatures, times: DoubleArray) -> DoubleArray:
    """(n, MEASURES) generic answers: the stacked features of a long sound would fill the memory."""
    starts = range(0, len(times), BLOCK_FRAMES)
    return np.concatenate([generic(sound.at(times[start : start + BLOCK_FRAMES])) for start in starts])


def _padded(generic: DoubleArray) -> DoubleArray:
    """The generic answer has nothing to say about a speaker's extra components."""
    return np.concatenate([generic[:, :2], np.zeros((len(generic), EXTRA_COMPONENTS))], axis=1)


def _standardised(values: DoubleArray) -> DoubleArray:
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6))
