"""Sound of every kind comes in: what drives the mouth and what is heard begin at the same instant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import ToolFailed, UnusableInput
from lipsync.hearing import check
from lipsync.media import ClipFacts, Frame, FrameWriter, join, probe_clip, probe_voice, read_sound, sound
from lipsync.media.sound import HEARD_RATE, SAMPLE_RATE
from tests.lipsync.bursts import BURSTS, SECONDS, bursts, decoded, lag, late_by, write_floats, write_wav
from tests.lipsync.media import counting_clip, ffmpeg

SAME, CLOSE, UNTOLD = 0.001, 0.012, 0.050  # seconds


def driven(path: Path) -> np.ndarray:
    return np.concatenate(list(read_sound(path)))


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> ClipFacts:
    return probe_clip(counting_clip(tmp_path_factory.mktemp("clip") / "a.mp4", frames=5))


@pytest.fixture(scope="module")
def silent_film(tmp_path_factory, facts) -> Path:
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    with FrameWriter(path, facts, sound=None) as writer:
        for _ in range(25 * SECONDS):
            writer.write(Frame(np.full(128 * 96 * 3 // 2, 128, np.uint8), 128, 96))
        writer.finish()
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    return write_wav(tmp_path_factory.mktemp("voice") / "voice.wav", bursts(HEARD_RATE))


@pytest.fixture
def result(tmp_path, silent_film, facts):
    """The finished video with a voice."""

    def made(sound: Path) -> Path:
        output = tmp_path / "result.mp4"
        join([silent_film], output, facts, sound=sound)
        return output

    return made


PLAIN = {
    "u8.wav": ("-c:a", "pcm_u8"),
    "s16.wav": (),
    "s24.wav": ("-c:a", "pcm_s24le"),
    "s32.wav": ("-c:a", "pcm_s32le"),
    "f32.wav": ("-c:a", "pcm_f32le"),
    "f64.wav": ("-c:a", "pcm_f64le"),
    "adpcm.wav": ("-c:a", "adpcm_ms"),
    "8k.wav": ("-ar", "8000"),
    "11k.wav": ("-ar", "11025"),
    "96k.wav": ("-ar", "96000"),
    "192k.flac": ("-ar", "192000"),
    "24.flac": ("-sample_fmt", "s32"),
    "a.aiff": (),
    "a.caf": (),
    "44k.mp3": ("-ar", "44100"),
    "8k.mp3": ("-ar", "8000"),
    "a.m4a": (),
    "44k.m4a": ("-ar", "44100"),
    "alac.m4a": ("-c:a", "alac"),
    "vorbis.ogg": ("-c:a", "libvorbis"),
    "a.opus": ("-c:a", "libopus"),
    "opus.webm": ("-c:a", "libopus"),
    "ac3.mka": ("-c:a", "ac3"),
}
# They do not tell what the encoder put before the first sample.
UNPRIMED = {
    "untold.mp3": ("-write_xing", "0", "-q:a", "5"),
    "a.aac": (),
    "a.wma": ("-c:a", "wmav2"),
    "mp2.mpg": ("-c:a", "mp2"),
    "aac.ts": ("-c:a", "aac"),
}


@pytest.mark.parametrize("name", [*PLAIN, *UNPRIMED])
def test_mouth_and_ear_hear_a_format_at_the_same_time(tmp_path, voice, result, name):
    path = tmp_path / name
    ffmpeg("-i", voice, *{**PLAIN, **UNPRIMED}[name], path)
    mouth = driven(path)
    assert np.abs(late_by(mouth, SAMPLE_RATE)).max() < (CLOSE if name in PLAIN else UNTOLD)
    finished = result(path)
    assert np.abs(late_by(decoded(finished, HEARD_RATE), HEARD_RATE) - late_by(mouth, SAMPLE_RATE)).max() < SAME
    told, sound = probe_voice(path), probe_voice(finished)
    assert told.duration == pytest.approx(len(mouth) / SAMPLE_RATE, abs=0.2)  # some count what the encoder padded
    assert (sound.codec, sound.sample_rate, sound.channels) == ("aac", HEARD_RATE, 1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.mpg"])
@pytest.mark.parametrize("late", [0.0, 0.7])
def test_a_films_sound_begins_where_the_film_does(tmp_path, voice, result, name, late):
    path = tmp_path / name
    picture = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=5")
    ffmpeg(*picture, "-itsoffset", str(late), "-i", voice, "-map", "0", "-map", "1", path)
    mouth = driven(path)
    if late and name != "a.avi":  # which cannot say when a sound begins
        assert np.abs(mouth[: round((late + BURSTS[0] - 0.1) * SAMPLE_RATE)]).max() < 0.05
        mouth = mouth[round(late * SAMPLE_RATE) :]
    assert np.abs(late_by(mouth, SAMPLE_RATE)).max() < UNTOLD
    assert abs(lag(decoded(result(path), SAMPLE_RATE), driven(path))) < SAME


@pytest.mark.parametrize("name", ["a.mka", "a.ogg", "a.m4a", "a.mp3"])
def test_a_sound_cut_without_encoding_it_again_stays_together(tmp_path, voice, result, name):
    whole, part = tmp_path / f"whole-{name}", tmp_path / name
    ffmpeg("-itsoffset", "1", "-i", voice, whole)
    ffmpeg("-i", whole, "-ss", "0.3", "-c", "copy", part)
    mouth = driven(part)
    assert abs(lag(decoded(result(part), SAMPLE_RATE), mouth)) < SAME
    assert probe_voice(part).duration == pytest.approx(len(mouth) / SAMPLE_RATE, abs=0.2)


def test_of_several_sounds_the_first_is_taken(tmp_path, voice):
    other = write_wav(tmp_path / "other.wav", np.zeros((HEARD_RATE, 1)))
    path = tmp_path / "a.mkv"
    tracks = ("-map", "0", "-map", "1", "-disposition:a:0", "0", "-disposition:a:1", "default")
    ffmpeg("-i", voice, "-i", other, *tracks, path)
    assert np.abs(late_by(driven(path), SAMPLE_RATE)).max() < CLOSE


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac"])
def test_a_cover_picture_does_no_harm(tmp_path, voice, result, name):
    cover, path = tmp_path / "cover.jpg", tmp_path / name
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x96", "-frames:v", "1", cover)
    ffmpeg("-i", voice, "-i", cover, "-map", "0", "-map", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic", path)
    assert np.abs(late_by(driven(path), SAMPLE_RATE)).max() < SAME
    assert probe_voice(result(path)).channels == 1


@pytest.mark.parametrize("names", [("a.m4a", "a.wav"), ("a.wav", "a.mp3"), ("a.opus", "a.bin")])
def test_the_content_counts_not_the_name(tmp_path, voice, names):
    right, wrong = (tmp_path / name for name in names)
    ffmpeg("-i", voice, right)
    right.rename(wrong)
    assert np.abs(late_by(driven(wrong), SAMPLE_RATE)).max() < SAME


def test_stereo_keeps_its_sides(tmp_path, result):
    both = bursts(HEARD_RATE, 2)
    both[:, 1] = 0.1 * np.random.default_rng(1).standard_normal(len(both))
    sides = decoded(result(write_wav(tmp_path / "a.wav", both)), HEARD_RATE, 2)
    assert np.abs(late_by(sides[:, 0], HEARD_RATE)).max() < SAME
    assert sides[:, 1].std() == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize(("name", "options"), [("a.wav", ()), ("a.m4a", ()), ("a.opus", ("-c:a", "libopus"))])
def test_the_middle_of_surround_sound_is_heard_on_both_sides(tmp_path, voice, result, name, options):
    path = tmp_path / name
    ffmpeg("-i", voice, "-af", "pan=5.1|FC=c0", *options, path)
    assert np.abs(late_by(driven(path), SAMPLE_RATE)).max() < SAME
    sides = decoded(result(path), HEARD_RATE, 2)
    assert [np.abs(side).max() for side in sides.T] == pytest.approx([0.6 * 0.71] * 2, rel=0.1)


@pytest.mark.parametrize("channels", [3, 4, 6, 8, 16])
def test_many_channels_at_full_scale_are_not_clipped(tmp_path, result, channels):
    path = write_wav(tmp_path / "a.wav", 1.5 * bursts(HEARD_RATE, channels))
    sides = decoded(result(path), HEARD_RATE, 2)
    assert 0.4 < np.abs(sides).max() < 1.06  # the codec adds a little
    assert np.abs(late_by(sides[:, 0], HEARD_RATE)).max() < SAME


def test_channels_wired_the_wrong_way_round_still_drive_the_mouth(tmp_path):
    both = bursts(HEARD_RATE, 2) * (1, -1)
    assert np.abs(late_by(driven(write_wav(tmp_path / "a.wav", both)), SAMPLE_RATE)).max() < SAME


def test_samples_that_are_no_numbers_are_silence(tmp_path, result):
    samples = bursts(HEARD_RATE)
    samples[50_000:50_010], samples[120_000], samples[121_000], samples[122_000] = np.nan, np.inf, -np.inf, 1e30
    path = write_floats(tmp_path / "a.wav", samples)
    assert np.isfinite(driven(path)).all()
    assert np.abs(late_by(decoded(result(path), HEARD_RATE), HEARD_RATE)).max() < SAME


def test_a_constant_offset_is_gone_and_alone_it_is_silence(tmp_path):
    moved = driven(write_wav(tmp_path / "a.wav", 0.3 + bursts(HEARD_RATE)))
    assert abs(moved.mean()) < 1e-6
    assert np.abs(moved - driven(write_wav(tmp_path / "b.wav", bursts(HEARD_RATE)))).max() < 0.02
    with pytest.raises(UnusableInput) as caught:
        check(write_wav(tmp_path / "c.wav", np.full((HEARD_RATE, 1), 0.3)))
    assert caught.value.code == "silent_sound"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.wav", b"", "empty_file"),
        ("a.wav", b"what a voice is not" * 100, "not_a_sound"),
        ("a.mp3", b"\xff\xfb" + bytes(50_000), "no_sound|not_a_sound"),
    ],
)
def test_what_is_no_sound_is_told_under_a_stable_code(tmp_path, name, content, code):
    path = tmp_path / name
    path.write_bytes(content)
    for act in (probe_voice, check):
        with pytest.raises(UnusableInput) as caught:
            act(path)
        assert caught.value.code in code.split("|")


def test_silence_and_next_to_nothing_are_told(tmp_path):
    for samples, code in ((np.zeros((HEARD_RATE, 1)), "silent_sound"), (bursts(HEARD_RATE)[:2000], "no_sound")):
        with pytest.raises(UnusableInput) as caught:
            check(write_wav(tmp_path / "a.wav", samples))
        assert caught.value.code == code


@pytest.mark.parametrize("end", ["kill -KILL $$", "exit 255"])  # as ffmpeg ends that is asked to by a signal
def test_a_decoder_that_is_ended_is_not_taken_for_the_sounds_end(voice, monkeypatch, end):
    killed = ["sh", "-c", f"head -c 64000 /dev/zero; {end}"]
    monkeypatch.setattr(sound, "ffmpeg", lambda *arguments: killed)
    with pytest.raises(ToolFailed) as caught:
        driven(voice)
    assert caught.value.code == "decoder_died"


def test_a_second_is_enough(tmp_path):
    assert check(write_wav(tmp_path / "a.wav", bursts(HEARD_RATE)[:HEARD_RATE])) == pytest.approx(1.0)
