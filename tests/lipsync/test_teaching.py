"""A clip is taught once, and what came of it is kept beside its analysis."""

from __future__ import annotations

import fcntl
import os

import pytest

from lipsync import keeping
from lipsync.analysis import TAUGHT, Analysis, analysis_key, load
from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.keeping import LESSON, Hold, lesson_of, lock_of, untaught
from lipsync.teaching import teach_clip
from tests.lipsync.media import ffmpeg


def teach_little(patch: pytest.MonkeyPatch) -> None:
    """Two steps, from which nobody learns much, and keep what came of it."""
    patch.setattr("lipsync.sound.own.STEPS_UP_TO", ((float("inf"), 2),))
    patch.setattr("lipsync.sound.own.WORTH_TEACHING", -1.0)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def taught(synthetic_take, root):
    """The place of the synthetic take's analysis after a very short lesson, and what came of it."""
    with pytest.MonkeyPatch.context() as patch:
        teach_little(patch)
        outcome = teach_clip(synthetic_take.clip, RenderOptions(cache=root), SilentReporter())
    return root / analysis_key(synthetic_take.clip, None), outcome


def test_what_was_learnt_is_used_from_then_on(taught):
    place, outcome = taught
    assert outcome["taught"]
    analysis = load(place, verified=True)
    assert isinstance(analysis, Analysis)
    assert analysis.predictor.taught is not None
    assert analysis.predictor.taught.aperture_fit == pytest.approx(outcome["aperture_fit"], abs=0.001)
    assert not lock_of(lesson_of(place)).exists()


def test_nothing_is_learnt_twice(taught, synthetic_take, root, monkeypatch):
    monkeypatch.setattr("lipsync.teaching.teach", None)  # would fail
    assert teach_clip(synthetic_take.clip, RenderOptions(cache=root), SilentReporter()) == taught[1]


@pytest.mark.parametrize("name", [TAUGHT, LESSON])
def test_what_was_learnt_and_damaged_is_learnt_again(taught, synthetic_take, root, monkeypatch, name):
    place, outcome = taught
    whole = (place / name).read_bytes()
    (place / name).write_bytes(whole[: len(whole) // 2])
    teach_little(monkeypatch)
    assert teach_clip(synthetic_take.clip, RenderOptions(cache=root), SilentReporter()) == outcome
    assert (place / name).read_bytes() == whole


def test_a_clip_too_short_to_teach_is_not_tried_again(synthetic_take, tmp_path):
    clip = tmp_path / "short.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "6", "-c:v", "libx264", "-crf", "20", "-c:a", "aac", clip)
    options = RenderOptions(cache=tmp_path / "kept")
    assert not teach_clip(clip, options, SilentReporter())["taught"]
    assert untaught(tmp_path / "kept") == []


def test_those_not_taught_are_found_the_last_used_first(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "engine_digest", lambda: "1" * 16)
    names = [keeping.name_for(letter * 64) for letter in "abcd"]
    for age, name in enumerate(names):
        (tmp_path / name).mkdir()
        (tmp_path / name / keeping.MANIFEST).touch()
        os.utime(tmp_path / name / keeping.MANIFEST, (1000 - age, 1000 - age))
    (tmp_path / f"{keeping.MAKING}{names[0]}-x").mkdir()
    (tmp_path / ("e" * 32 + "-" + "2" * 16)).mkdir()  # another engine's
    (tmp_path / names[1] / LESSON).write_text("{}")
    with Hold(lesson_of(tmp_path / names[2])) as hold:
        hold.take(fcntl.LOCK_EX)
        assert untaught(tmp_path) == [names[0], names[3]]
    assert untaught(tmp_path) == [names[0], names[2], names[3]]
