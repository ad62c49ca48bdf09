"""What a file is, and why it is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from lipsync.errors import EnvironmentFault, ToolFailed, UnusableInput
from lipsync.media import ffmpeg as tools
from lipsync.media import probe, probe_clip, probe_voice, save_still
from lipsync.media.ffmpeg import run
from tests.lipsync.media import REAL_CLIPS, counting_clip, ffmpeg, real, tone


def refusal(call, path: Path) -> UnusableInput:
    with pytest.raises(UnusableInput) as caught:
        call(path)
    assert str(caught.value).endswith(".")
    return caught.value


def test_a_clip_tells_its_size_rate_and_length(tmp_path):
    facts = probe_clip(counting_clip(tmp_path / "a.mp4", frames=48, rate="24000/1001"))
    assert (facts.width, facts.height) == (128, 96)
    assert facts.frame_rate == Fraction(24000, 1001)
    assert facts.frames == 48
    assert not facts.has_sound
    assert not facts.variable_rate


def test_a_turned_clip_is_told_upright(tmp_path):
    plain = counting_clip(tmp_path / "a.mp4", frames=10)
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
    facts = probe_clip(turned)
    assert (facts.width, facts.height) == (96, 128)


def test_a_clip_with_dropped_frames_is_worked_on_at_its_nominal_rate(tmp_path):
    path = tmp_path / "dropped.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=128x96:r=30:d=4", "-vf", "select='not(eq(mod(n,3),2))'", "-fps_mode", "vfr"),
        *("-video_track_timescale", "30000", path),
    )
    facts = probe_clip(path)
    assert facts.variable_rate
    assert facts.frame_rate == 30


def test_a_text_renamed_to_mp4_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("this is a text\n" * 50)
    assert refusal(probe_clip, path).code == "not_a_video"
    assert refusal(probe_voice, path).code == "not_a_sound"


def test_an_empty_file_is_told_as_empty(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    assert refusal(probe_clip, path).code == "empty_file"


def test_a_path_that_leads_nowhere_is_unreadable(tmp_path):
    assert refusal(probe_clip, tmp_path / "none.mp4").code == "unreadable"
    assert refusal(probe_clip, tmp_path).code == "unreadable"


def test_a_sound_is_no_clip_and_a_silent_film_no_voice(tmp_path):
    assert refusal(probe_clip, tone(tmp_path / "a.wav")).code == "no_video"
    assert refusal(probe_voice, counting_clip(tmp_path / "a.mp4", frames=5)).code == "no_sound"


def test_a_cover_picture_is_no_video(tmp_path):
    picture = tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x128", "-frames:v", "1", picture)
    song = tmp_path / "song.mp3"
    ffmpeg("-i", tone(tmp_path / "a.wav"), "-i", picture, "-map", "0", "-map", "1", "-disposition:v:0", "attached_pic", song)
    assert refusal(probe_clip, song).code == "no_video"
    assert probe_voice(song).duration == pytest.approx(2.0, abs=0.1)


def test_a_sound_of_zero_length_is_refused(tmp_path):
    path = tmp_path / "nothing.wav"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "0", path)
    assert refusal(probe_voice, path).code in ("no_sound", "not_a_sound")


def test_a_picture_beyond_all_bounds_is_refused(tmp_path):
    path = tmp_path / "huge.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=8192x8192:r=1", "-frames:v", "1", "-c:v", "mjpeg", path)
    assert refusal(probe_clip, path).code == "too_large_picture"


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
def test_a_playlist_never_opens_another_file(tmp_path, name):
    counting_clip(tmp_path / "secret.mp4", frames=10)
    playlist = tmp_path / name
    playlist.write_text(
        "ffconcat version 1.0\nfile secret.mp4\n"
        if name.endswith("concat")
        else f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n"
    )
    assert refusal(probe_clip, playlist).code == "not_a_video"


def test_a_comment_as_long_as_the_file_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "MOST_TOLD_BYTES", 100_000)
    comment = tmp_path / "comment.txt"
    comment.write_text(f";FFMETADATA1\ncomment={'x' * 200_000}\n")
    ffmpeg(
        "-f", "ffmetadata", "-i", comment, "-i", counting_clip(tmp_path / "a.mp4", frames=5), "-map", "1", tmp_path / "b.mp4"
    )
    assert (tmp_path / "b.mp4").stat().st_size > 200_000
    assert probe_clip(tmp_path / "b.mp4").frames == 5
    assert len(str(probe._report(tmp_path / "b.mp4", ("", "")))) < 5000


def test_of_a_program_that_tells_too_much_only_so_much_is_kept(monkeypatch):
    monkeypatch.setattr(tools, "MOST_TOLD_BYTES", 100_000)
    done = run(["head", "-c", "3000000", "/dev/zero"])
    assert done.returncode == 1
    assert 0 < len(done.stdout) <= 100_000


def test_a_missing_ffmpeg_says_what_to_install(tmp_path, monkeypatch):
    path = counting_clip(tmp_path / "a.mp4", frames=5)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault) as caught:
        probe_clip(path)
    assert caught.value.code == "ffmpeg_missing"
    assert "apt-get install ffmpeg" in str(caught.value)


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_a_program_that_is_ended_tells_nothing_of_the_file(tmp_path, monkeypatch, number):
    """A file that was refused for it would have to be uploaded again."""
    path = counting_clip(tmp_path / "a.mp4", frames=5)
    monkeypatch.setattr(probe, "program", lambda name: str(ended))
    ended = tmp_path / "ended"
    ended.write_text(f"#!/bin/sh\nkill -{number} $$\n")
    ended.chmod(0o755)
    with pytest.raises(ToolFailed) as caught:
        probe_clip(path)
    assert caught.value.code == "decoder_died"


def test_a_file_is_asked_once_and_anew_when_it_was_exchanged(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(probe, "run", lambda command, **options: (asked.append(command), run(command, **options))[1])
    path = counting_clip(tmp_path / "a.mp4", frames=10)
    assert (probe_clip(path).frames, probe_clip(path).frames, len(asked)) == (10, 10, 1)
    counting_clip(tmp_path / "b.mp4", frames=20).replace(path)
    assert (probe_clip(path).frames, len(asked)) == (20, 2)


def test_a_still_is_upright_and_leaves_no_part_behind(tmp_path):
    clip = counting_clip(tmp_path / "a.mp4", frames=20)
    save_still(clip, 0.4, tmp_path / "still.jpg", width=64)
    assert (tmp_path / "still.jpg").stat().st_size > 100
    assert not list(tmp_path.glob("*.part"))


def test_real_takes_tell_what_they_are():
    vfr = probe_clip(real(REAL_CLIPS, "hard/variable_frame_rate.mp4"))
    assert vfr.variable_rate
    assert vfr.frame_rate == 30
    assert probe_clip(real(REAL_CLIPS, "portrait_10s_1080x1920.mp4")).colour["colorspace"] == "bt709"
