"""Learning a speaker from a take's own sound: at once by regressions, later by teaching the network."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.sound import adaptation
from lipsync.sound.adaptation import Adapted, answer, company, generic_weights, lesson_of, packed, taught, unpacked
from lipsync.sound.features import BAND_FEATURES, CHANNEL_TAPS_SECONDS, heard_channel, sound_features
from lipsync.sound.generic import generic_mouth
from lipsync.sound.network import CHANNELS
from lipsync.sound.offset import Offset
from lipsync.sound.own import closing, folds, learn_own, teach_own
from lipsync.synthetic.articulation import channels
from lipsync.synthetic.speech import Voice, join, say

SENTENCES = (
    "Many people believe that the moon moves the mood of men, but nobody has ever measured it.",
    "A small boat came up the river with apples, pears and plums for the people of the village.",
    "We open the windows in the morning, and by evening the whole room smells of wood and warm bread.",
    "Please bring me the blue book from the upper shelf, and put the map back where it belongs.",
)


@pytest.fixture(scope="module")
def take():
    """(sound features, times, aperture and width of a mouth that is known exactly and a value that nobody can hear)."""
    spoken = join([say(text, Voice("en-us+m3", rate=150)) for text in SENTENCES], [0.3, 0.5, 0.4, 0.5])
    at = np.arange(0, spoken.seconds, 1 / 16000)
    samples = np.interp(at, np.arange(len(spoken.samples)) / spoken.sample_rate, spoken.samples)
    times = np.arange(0, spoken.seconds - 0.1, 0.04)
    mouth = channels(spoken.phonemes, times)
    chance = np.random.default_rng(3).standard_normal(len(times))
    values = np.stack([mouth[:, 0] * (1 - mouth[:, 4]), mouth[:, 1], chance], axis=1)
    return sound_features([samples.astype(np.float32)]), times, (values - values.mean(axis=0)) / values.std(axis=0)


def fit(left, right):
    return float(np.corrcoef(left, right)[0, 1])


def test_a_speaker_is_learnt_and_what_cannot_be_heard_is_left_alone(take):
    sound, times, values = take
    own = learn_own(sound, times, values, np.zeros_like(values), Offset(0.0, 1.0))
    assert own is not None
    assert own.aperture_fit > 0.6
    assert own.width_fit > 0.6
    assert abs(fit(own.held_out[:, 2], values[:, 2])) < 0.2 or own.share[2] < 1


def test_too_little_sound_teaches_nothing(take):
    sound, times, values = take
    assert learn_own(sound, times[:60], values[:60], np.zeros((60, 3)), Offset(0.0, 1.0)) is None


def test_frames_left_out_are_never_learnt_from():
    times = np.arange(0, 20, 0.04)
    seen = []
    for left_out, used in folds(times, 5):
        assert min(abs(times[a] - times[b]) for a in (left_out[0], left_out[-1]) for b in used) > 0.5
        seen += left_out.tolist()
    assert seen == list(range(len(times)))


def hearing(name: str):
    """Features of three instants, in the middle one of which the network hears this for 80 ms."""
    features = np.zeros((3, 747), dtype=np.float32)
    middle = BAND_FEATURES + len(CHANNELS) * (len(CHANNEL_TAPS_SECONDS) // 2) + CHANNELS.index(name)
    features[1, [middle - len(CHANNELS), middle, middle + len(CHANNELS)]] = 1.0
    return features


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_found_among_the_features_of_a_sound(take, name):
    sound, times, _values = take
    course = sound.heard.channels[:, CHANNELS.index(name)]
    heard = np.interp(times, (2 * np.arange(len(course)) + 0.5) / 100, course)
    assert fit(heard_channel(sound.at(times), name), heard) > 0.9
    assert heard_channel(hearing(name), name).tolist() == [0.0, 1.0, 0.0]


def test_lips_heard_put_forward_are_narrow():
    width = generic_mouth()(hearing("protrusion"))[:, 1]
    silent = generic_mouth()(hearing("tuck"))[:, 1]
    assert width[1] - width[0] < silent[1] - silent[0] - 1.0


def test_a_heard_closure_lowers_the_aperture():
    features = hearing("closure")
    lower = closing(np.ones((3, 2)), features)
    assert lower[1, 0] < 0.7
    assert lower[[0, 2], 0].tolist() == [1.0, 1.0]
    assert lower[:, 1].tolist() == [1.0, 1.0, 1.0]


def test_teaching_makes_the_network_follow_this_mouth(take):
    sound, times, values = take
    x, start = sound.x.astype(np.float32), generic_weights(3)
    lesson = lesson_of(x, times, values)
    used = np.flatnonzero(times < times[-1] * 0.6)
    unseen = times > times[-1] * 0.6 + 0.5
    steps: list[int] = []
    network = taught(start, lambda random: [lesson.only(times, used)] * 4, 3, 25, 1, lambda: steps.append(1))
    before, after = answer(start, x, times), answer(network, x, times)
    assert len(steps) == 25
    assert fit(after[unseen, 1], values[unseen, 1]) > fit(before[unseen, 1], values[unseen, 1])
    assert fit(after[:, 0], values[:, 0]) > 0.5
    closed = values[:, 0] <= np.quantile(values[:, 0], 0.1)
    assert after[closed, 3].mean() > after[~closed, 3].mean()


def test_a_taught_network_answers_the_same_when_it_was_put_away(take):
    sound, times, _ = take
    weights = generic_weights(8)
    adapted = Adapted(np.stack([packed(weights)]), 8)
    np.testing.assert_allclose(adapted(sound.x, times), answer(weights, sound.x, times), atol=0.05)
    with pytest.raises(ValueError, match="another network"):
        unpacked(adapted.networks[0][:-1], 8)


def test_teaching_a_whole_take_is_judged_on_what_it_did_not_see(take, monkeypatch):
    sound, times, values = take
    monkeypatch.setattr("lipsync.sound.own.STEPS_UP_TO", ((float("inf"), 8),))
    own = learn_own(sound, times, values, np.zeros_like(values), Offset(0.0, 1.0))
    told: list[tuple[int, int]] = []
    assert teach_own(sound, times, values, own, lambda done, total: told.append((done, total))) is None  # nothing is gained
    assert told[-1] == (24, 24)
    monkeypatch.setattr("lipsync.sound.own.WORTH_TEACHING", -1.0)
    found = teach_own(sound, times, values, own)
    assert found.adapted.networks.shape[0] == 3
    assert (found.share == 0.5).all()
    assert found.beside(own).held_out is found.held_out
    assert teach_own(sound, times[:200], values[:200], own) is None


def test_the_company_of_other_speakers_is_there():
    lessons = company()
    assert len(lessons) == 11
    for lesson in lessons:
        assert len(lesson.x) == 2 * len(lesson.values)
        assert lesson.known.sum() > 100
        assert abs(lesson.values[lesson.known > 0].mean()) < 0.3
    assert adaptation.WEIGHTS.stat().st_size + adaptation.COMPANY.stat().st_size < 1_500_000
