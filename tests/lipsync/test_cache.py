"""A clip is looked at once."""

from __future__ import annotations

import fcntl
import os
import threading

import pytest

from lipsync import keeping
from lipsync.analysis import ARRAYS, BANK, Analysis, Survey, analysis_key
from lipsync.cache import analysed, prune
from lipsync.clock import Clock
from lipsync.contracts import RenderOptions, SilentReporter, SpeakerPoint
from lipsync.errors import UnusableInput
from lipsync.judging import card_of
from lipsync.keeping import MANIFEST, forget
from lipsync.look import LANDMARKS_FILE
from lipsync.media import probe_clip
from lipsync.resynth import render
from tests.lipsync.media import counting_clip, ffmpeg


class Listener(SilentReporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def note(self, level: str, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def short_take(synthetic_take, tmp_path_factory):
    clip = tmp_path_factory.mktemp("short") / "take.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "2", "-c:v", "libx264", "-crf", "12", "-c:a", "aac", clip)
    return clip


def look_at(clip, root, point=None) -> Listener:
    listener = Listener()
    with analysed(clip, probe_clip(clip), point, root, Clock(listener)) as found:
        assert isinstance(found, Analysis)
        assert len(found) == 50
        assert found.bank
    return listener


@pytest.fixture
def place(short_take, tmp_path):
    look_at(short_take, tmp_path)
    return tmp_path / analysis_key(short_take, None)


def test_the_second_time_nothing_is_looked_at(place, short_take):
    assert look_at(short_take, place.parent).stages == []


def test_a_render_from_the_cache_is_the_same_to_the_byte(short_take, synthetic_take, tmp_path):
    made = []
    for name in ("first.mp4", "second.mp4"):
        listener = Listener()
        options = RenderOptions(cache=tmp_path / "cache")
        render(short_take, synthetic_take.voice, tmp_path / name, options, listener)
        made.append(((tmp_path / name).read_bytes(), "look" in listener.stages))
    assert made[0][0] == made[1][0]
    assert [looked for _, looked in made] == [True, False]


@pytest.mark.parametrize("name", [LANDMARKS_FILE, ARRAYS, BANK, MANIFEST])
def test_a_damaged_analysis_is_noticed_and_made_anew(place, short_take, name):
    whole = (place / name).read_bytes()
    (place / name).write_bytes(whole[:-7] + b"damaged")
    listener = look_at(short_take, place.parent)
    assert listener.stages == ["look", "listen"]
    assert any("damaged" in note for note in listener.notes)
    assert look_at(short_take, place.parent).stages == []


def test_another_speaker_or_another_engine_is_another_analysis(place, short_take, monkeypatch):
    assert "look" in look_at(short_take, place.parent, SpeakerPoint(0.5, 0.5)).stages
    monkeypatch.setattr(keeping, "engine_digest", lambda: "0123456789abcdef")
    assert "look" in look_at(short_take, place.parent).stages


def test_two_who_ask_at_once_look_once(short_take, tmp_path):
    told: list[Listener] = []
    threads = [threading.Thread(target=lambda: told.append(look_at(short_take, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(listener.stages) for listener in told) == [0, 2]


def test_a_clip_without_a_face_is_looked_at_once_too(tmp_path):
    clip = counting_clip(tmp_path / "nobody.mp4", frames=30)
    for stages in (["look", "listen"], []):
        listener = Listener()
        with analysed(clip, probe_clip(clip), None, tmp_path / "cache", Clock(listener)) as found:
            assert isinstance(found, Survey)
            assert card_of(found).refusal.code == "no_face"
        assert listener.stages == stages


def test_a_clip_that_cannot_be_decoded_leaves_nothing_behind(short_take, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(short_take.read_bytes())
    facts = probe_clip(broken)
    broken.write_bytes(b"no video at all" * 100)
    with pytest.raises(UnusableInput), analysed(broken, facts, None, tmp_path / "cache", Clock(Listener())):
        pass
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_the_oldest_go_first_but_not_the_one_in_use(place, short_take):
    other = place.with_name("older")
    other.mkdir()
    for name in (MANIFEST, ARRAYS):
        (other / name).write_bytes((place / name).read_bytes())
    os.utime(other / MANIFEST, (1, 1))
    lock = os.open(place.with_name(f"{other.name}.lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_SH)
    assert prune(place.parent, largest=0, keep=place.name) == 0
    os.close(lock)
    assert prune(place.parent, largest=0, keep=place.name) == 1
    assert place.exists()
    assert not other.exists()
    assert forget(place)
    assert not place.exists()
