"""The speaker is found, kept and told from others, in real takes and in composed ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.contracts import RenderOptions, SilentReporter, SpeakerPoint
from lipsync.errors import UnusableInput
from lipsync.faces.landmarks import KEPT, LIPS
from lipsync.judging import preflight
from lipsync.look import Sight, look
from lipsync.media import probe_clip
from lipsync.preflight import Finding
from lipsync.threads import one_thread
from tests.lipsync.company import FRAMES, HEIGHT, WIDTH, film, sitter, stage, stranger
from tests.lipsync.media import REAL_CLIPS, ffmpeg, real


def seen_in(clip: Path, folder: Path, speaker: SpeakerPoint | None = None) -> Sight:
    with one_thread():
        return look(clip, probe_clip(clip), folder, speaker=speaker)


def refusal_of(clip: Path) -> Finding:
    refusal = preflight(clip, RenderOptions(), SilentReporter()).refusal
    assert refusal is not None
    return refusal


def places(sight: Sight) -> np.ndarray:
    """(n,) px across the picture of the mouth that is followed; not a number where the speaker is not seen."""
    across = sight.track.points(np.arange(len(sight.track)))[:, LIPS, 0].mean(axis=1)
    return np.where(sight.track.seen, across, np.nan)


def assert_follows(sight: Sight, intended: np.ndarray, within: float = 25) -> None:
    """Whenever somebody is seen it is the person at these places."""
    away = np.abs(places(sight) - intended)
    assert np.nanmax(away) < within, np.flatnonzero(away >= within)


@pytest.fixture(scope="module")
def two_people(tmp_path_factory):
    """The sitter to the right, whose mouth moves with the sound, and somebody else to the left, whose mouth moves too."""
    pictures = (stage((stranger()[k], 170, 180), (sitter()[k], 470, 180)) for k in range(FRAMES))
    return film(tmp_path_factory.mktemp("two") / "two.mp4", pictures, sound=True)


def test_one_person_needs_no_choice(synthetic_take, tmp_path):
    short = tmp_path / "short.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "3", "-c:a", "copy", short)
    sight = seen_in(short, tmp_path)
    assert (sight.people, sight.chosen, sight.track.coverage) == (1, "only", 1.0)
    assert sight.track.points(np.array([0, 74])).shape == (2, len(KEPT), 3)
    assert len(sight.sharpness) == len(sight.light) == len(sight.track) == 75
    assert (np.diff(sight.track.shot) == 0).all() and np.abs(sight.track.drift).max() < 5
    assert 90 < sight.light.mean() < 180 and len(sight.bank) == 75


def test_the_speaker_is_whose_mouth_moves_with_the_sound(two_people, tmp_path):
    sight = seen_in(two_people, tmp_path)
    assert (sight.people, sight.chosen, sight.track.coverage) == (2, "sound", 1.0)
    assert_follows(sight, np.full(FRAMES, 470))


def test_without_sound_the_speaker_is_the_largest_face(tmp_path):
    def larger(picture):
        return cv2.resize(picture, None, fx=1.3, fy=1.3)

    pictures = (stage((larger(stranger()[k]), 190, 180), (sitter()[k], 480, 180)) for k in range(60))
    sight = seen_in(film(tmp_path / "mute.mp4", pictures), tmp_path)
    assert (sight.people, sight.chosen) == (2, "largest")
    assert_follows(sight, np.full(60, 190), within=40)


def test_a_point_on_a_still_chooses_the_speaker(two_people, tmp_path):
    sight = seen_in(two_people, tmp_path, SpeakerPoint(170 / WIDTH, 0.5, at=2.0))
    assert (sight.chosen, sight.track.coverage) == ("point", 1.0)
    assert_follows(sight, np.full(FRAMES, 170), within=30)


@pytest.mark.parametrize("pick", [SpeakerPoint(0.5, 0.05, 1.0), SpeakerPoint(0.98, 0.95, 3.0), SpeakerPoint(1.0, 0.5, 900.0)])
def test_a_point_beside_every_face_is_refused_with_the_time(two_people, tmp_path, pick):
    with pytest.raises(UnusableInput, match="middle of the speaker's face") as refusal:
        seen_in(two_people, tmp_path, pick)
    assert refusal.value.code == "no_face_there"
    assert refusal.value.at == pytest.approx(min(pick.at, (FRAMES - 1) / 25), abs=0.05)


@pytest.mark.parametrize("speaker_in_front", [True, False])
def test_people_who_cross_are_not_exchanged(tmp_path, speaker_in_front):
    across = 150 + 2.9 * np.arange(125)
    crossing = []
    for k, x in enumerate(across):
        people = [(sitter()[k], x, 170), (stranger()[k], 650 - x, 190)]
        crossing.append(stage(*(people[::-1] if speaker_in_front else people)))
    clip = film(tmp_path / "crossing.mp4", crossing)
    sight = seen_in(clip, tmp_path, SpeakerPoint(150 / WIDTH, 0.5, at=0.0))
    assert_follows(sight, across, within=35)
    assert sight.track.seen[:35].all() and sight.track.seen[-30:].all()
    assert sight.track.seen.mean() > (0.95 if speaker_in_front else 0.6)
    assert (sight.track.shot == 0).all()


def test_somebody_who_steps_in_front_unannounced_is_not_taken_for_the_speaker(tmp_path):
    aside = np.interp(np.arange(100), [0, 38, 44, 65, 71, 100], [-200, -200, 330, 330, 860, 860])
    clip = film(
        tmp_path / "passing.mp4", (stage((sitter()[k], 320, 180), (stranger()[k], x, 175)) for k, x in enumerate(aside))
    )
    seen = seen_in(clip, tmp_path).track.seen
    assert seen[:38].all() and seen[74:].all()
    assert not seen[48:64].any()


def test_after_a_cut_somebody_else_is_not_the_speaker(tmp_path):
    first = [stage((sitter()[k], 250, 180)) for k in range(50)]
    other = [stage((stranger()[k], 400, 180)) for k in range(50, 85)]
    back = [stage((sitter()[k], 440, 190)) for k in range(85, 140)]
    sight = seen_in(film(tmp_path / "cuts.mp4", first + other + back), tmp_path)
    assert [part.start for part in sight.track.shots()] == [0, 50, 85]
    assert not sight.track.seen[50:85].any()
    assert sight.track.seen[:50].all() and sight.track.seen[85:].all()
    assert (sight.track.drift[[50, 85]] == 0).all()
    # What stands in for a frame without a face is of the speaker.
    assert (sight.track.source[50:85] < 50).any() and sight.track.seen[sight.track.source].all()


def test_a_clip_that_begins_with_somebody_else_is_begun_anew(tmp_path):
    pictures = [stage((stranger()[k], 200, 180)) for k in range(35)] + [stage((sitter()[k], 430, 180)) for k in range(35, 150)]
    done = []
    clip = film(tmp_path / "other-first.mp4", pictures)
    with one_thread():
        sight = look(clip, probe_clip(clip), tmp_path, on_progress=lambda number, total: done.append((number, total)))
    assert sight.chosen == "largest"
    assert not sight.track.seen[:35].any() and sight.track.seen[35:].all()
    assert done[-1] == (150, 150) and len(done) > 150


def test_a_face_that_leaves_and_comes_back_is_seen_while_it_is_there(tmp_path):
    across = np.interp(np.arange(125), [0, 20, 45, 70, 95, 125], [320, 320, -160, -160, 320, 320])
    clip = film(tmp_path / "leaving.mp4", (stage((sitter()[k], x, 180)) for k, x in enumerate(across)))
    sight = seen_in(clip, tmp_path)
    assert_follows(sight, across)
    assert sight.track.seen[:28].all() and sight.track.seen[92:].all() and not sight.track.seen[45:70].any()
    assert sight.people == 1


def test_a_flash_neither_ends_a_shot_nor_loses_the_face(tmp_path):
    pictures = [stage((sitter()[k], 320, 180)) for k in range(75)]
    pictures[30] = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pictures[50] = np.clip(pictures[50] * 1.4 + 90.0, 0, 255).astype(np.uint8)
    sight = seen_in(film(tmp_path / "flash.mp4", pictures), tmp_path)
    assert (sight.track.shot == 0).all()
    assert sight.track.seen.sum() >= 74


def test_a_clip_without_anybody_is_refused(tmp_path):
    clip = film(tmp_path / "empty.mp4", (stage() for _ in range(30)))
    assert refusal_of(clip).code == "no_face"


def test_a_face_seen_in_less_than_half_of_the_clip_is_refused_with_the_time(tmp_path):
    pictures = [stage((sitter()[k], 320, 180)) if k < 40 else stage() for k in range(100)]
    refusal = refusal_of(film(tmp_path / "rare.mp4", pictures))
    assert refusal.code == "face_rarely_seen"
    assert "first lost at 1.6 s" in refusal.sentence
    assert refusal.places[0].start == pytest.approx(1.6)


def test_a_face_too_small_to_work_on_is_refused(synthetic_take, tmp_path):
    small = tmp_path / "small.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "1", "-vf", "scale=96:96,pad=640:360:300:100", "-an", small)
    assert refusal_of(small).code == "face_too_small"


def test_less_than_half_a_second_of_film_is_refused(synthetic_take, tmp_path):
    ffmpeg("-i", synthetic_take.clip, "-frames:v", "10", "-an", tmp_path / "blink.mp4")
    assert refusal_of(tmp_path / "blink.mp4").code == "too_short"


def test_in_a_clip_without_anybody_nobody_is_seen(tmp_path):
    sight = seen_in(film(tmp_path / "empty.mp4", (stage() for _ in range(30))), tmp_path)
    assert (sight.people, sight.track.coverage, len(sight.track), sight.bank) == (0, 0.0, 30, [])


def test_looking_twice_gives_the_same(two_people, tmp_path):
    short = tmp_path / "short.mp4"
    ffmpeg("-i", two_people, "-t", "1.6", "-c", "copy", short)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, other = (seen_in(short, tmp_path / name, SpeakerPoint(0.73, 0.5, 1.0)) for name in ("one", "two"))
    np.testing.assert_array_equal(one.track.drift, other.track.drift)
    assert (tmp_path / "one" / "landmarks.f32").read_bytes() == (tmp_path / "two" / "landmarks.f32").read_bytes()


@pytest.mark.parametrize("name", ["tiny_face", "near_profile", "yaw_12_to_38", "one_second"])
def test_hard_takes_are_followed_throughout(name, tmp_path):
    sight = seen_in(real(REAL_CLIPS, f"hard/{name}.mp4"), tmp_path)
    assert sight.track.coverage > 0.97
    assert (sight.people, sight.chosen) == (1, "only")


def test_of_two_real_people_either_is_followed_all_the_time(tmp_path):
    clip = tmp_path / "part.mp4"
    ffmpeg("-ss", "4", "-i", real(REAL_CLIPS, "hard/two_faces.mp4"), "-t", "5", "-crf", "16", "-preset", "veryfast", clip)
    for across, low, high in ((0.3, 300, 500), (0.65, 700, 980)):
        sight = seen_in(clip, tmp_path, SpeakerPoint(across, 0.28, at=2.0))
        assert (sight.people, sight.chosen, sight.track.coverage) == (2, "point", 1.0)
        assert places(sight).min() > low and places(sight).max() < high


def test_other_people_cut_into_a_real_take_are_left_alone(tmp_path):
    names = ("anchor_en_71s_512", "anchor_de_20s_512", "anchor_en_71s_512", "head_en_7s_700", "anchor_en_71s_512")
    inputs = [part for name in names for part in ("-t", "2", "-i", real(REAL_CLIPS, f"{name}.mp4"))]
    looks = (
        "",
        "",
        ",crop=360:360:80:30,scale=512:512",
        "",
        ",eq=brightness=-.12:contrast=.85,scale=400:400,pad=512:512:20:60",
    )
    chains = [f"[{k}:v]scale=512:512,fps=25,setsar=1{look}[p{k}]" for k, look in enumerate(looks)]
    graph = ";".join([*chains, "[p0][p1][p2][p3][p4]concat=n=5"])
    ffmpeg(*inputs, "-filter_complex", graph, "-an", "-crf", "16", "-preset", "veryfast", tmp_path / "edit.mp4")
    sight = seen_in(tmp_path / "edit.mp4", tmp_path)
    shots = {part.start: sight.track.seen[part].mean() for part in sight.track.shots()}
    assert shots == {0: 1, 50: 0, 100: 1, 150: 0, 200: 1}


def test_a_film_of_many_people_is_refused_for_its_gaps():
    assert refusal_of(real(REAL_CLIPS, "hard/cuts_many_people.mp4")).code == "face_rarely_seen"


def test_in_a_film_of_many_people_only_one_is_seen(tmp_path):
    sight = seen_in(real(REAL_CLIPS, "hard/cuts_many_people.mp4"), tmp_path)
    assert [part.start for part in sight.track.shots()] == [0, 20, 82, 211]
    assert sight.track.seen[90:205].all() and not sight.track.seen[20:82].any() and not sight.track.seen[211:].any()


def test_a_face_seen_for_a_moment_only_is_not_called_small(tmp_path):
    pictures = [stage((sitter()[k], 320, 180)) if k < 8 else stage() for k in range(30)]
    assert refusal_of(film(tmp_path / "moment.mp4", pictures)).code == "face_rarely_seen"


def test_a_speaker_who_comes_after_long_slides_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("lipsync.look.PATIENCE_SECONDS", 0.4)
    pictures = [stage() if k < 40 else stage((sitter()[k], 320, 180)) for k in range(80)]
    sight = seen_in(film(tmp_path / "slides.mp4", pictures), tmp_path)
    assert len(sight.track) == 80
    assert not sight.track.seen[:40].any() and sight.track.seen[50:].all()
