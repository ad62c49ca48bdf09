"""Telling people apart, and whose mouth the sound comes from."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.faces.likeness import MOST_SAMPLES, Gallery, Likeness
from lipsync.faces.speaker import Mark, parts_of
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound.features import RATE
from lipsync.sound.generic import generic_mouth
from lipsync.sound.presence import listen_to_parts, presence
from tests.lipsync.media import tone

RANDOM = np.random.default_rng(11)


def somebody() -> Likeness:
    texture = RANDOM.standard_normal(70).astype(np.float32)
    return Likeness((texture - texture.mean()) / texture.std(), np.array([110, 150], np.float32), np.zeros((15, 3), np.float32))


def test_short_takes_are_looked_at_whole_and_long_ones_in_bounded_parts():
    assert parts_of(500, 25) == [(0, 500)]
    parts = parts_of(162_000, 30)
    assert len(parts) == 5 and sum(count for _, count in parts) == 1200
    assert parts[0][0] == 0 and sum(parts[-1]) == 162_000


def test_around_a_point_only_its_surroundings_are_looked_at():
    assert parts_of(162_000, 25, Mark(1000, 0, 0)) == [(925, 150)]
    assert parts_of(162_000, 25, Mark(10, 0, 0)) == [(0, 150)]


def test_a_gallery_knows_whom_it_has_seen_and_stays_small():
    gallery, people = Gallery(), [somebody() for _ in range(40)]
    assert gallery.distance(people[0]) == np.inf
    gallery.learn(people[0])
    gallery.learn(people[0])
    assert len(gallery.samples) == 1 and gallery.distance(people[0]) == pytest.approx(0, abs=1e-5)
    assert gallery.distance(people[1]) > 2
    for person in people:
        gallery.learn(person)
    assert len(gallery.samples) == MOST_SAMPLES


def test_light_and_background_alone_do_not_make_a_stranger():
    person = somebody()
    tinted = Likeness(person.texture, person.skin + 40, person.hair + 90)
    assert 0.9 < person.distance(tinted) < 1.1


def test_parts_of_a_sound_lie_where_they_were_asked_for(tmp_path):
    parts = listen_to_parts(tone(tmp_path / "long.wav", seconds=70), [(0.0, 8.0), (30.0, 38.0), (62.0, 75.0)])
    assert [(part.start, part.end) for part in parts] == [(0.0, 8.0), (30.0, 38.0), (62.0, 75.0)]
    for part, origin, end in zip(parts, (0.0, 29.4, 61.4), (8.6, 38.6, 70.0), strict=True):
        assert part.origin == pytest.approx(origin, abs=1 / SAMPLE_RATE)
        assert part.origin + len(part.sound.rows) / RATE == pytest.approx(end, abs=0.05)


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_the_sound_fits_the_mouth_that_made_it_and_no_other(synthetic_take, late):
    with np.load(synthetic_take.truth) as truth:
        mouth = np.stack([truth["aperture"], truth["width"], truth["jaw"]], axis=1).astype(float)
    mouth = (mouth - mouth.mean(axis=0)) / mouth.std(axis=0)
    times = np.arange(len(mouth)) / 25
    parts = listen_to_parts(synthetic_take.clip, [(0.0, 7.0), (10.0, 18.0)])
    own = presence(parts, times + late, mouth, generic_mouth())
    other = presence(parts, times, np.roll(mouth, 125, axis=0), generic_mouth())
    assert own > 0.6 and own > other + 0.3
    assert presence(parts, times + 100, mouth, generic_mouth()) == 0
