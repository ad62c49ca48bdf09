"""A take and a voice become a video."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.media import FrameReader, probe_clip, probe_voice, read_sound
from lipsync.resynth import render
from tests.lipsync.media import REAL_CLIPS, REAL_SPEECH, counting_clip, ffmpeg, real, tone


class Listener(SilentReporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.last: tuple[str, int, int] = ("", 0, 0)

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, stage: str, done: int, total: int) -> None:
        self.last = (stage, done, total)


@pytest.fixture(scope="module")
def rendered(synthetic_take, tmp_path_factory):
    output = tmp_path_factory.mktemp("rendered") / "out.mp4"
    listener = Listener()
    options = RenderOptions(measure=True, cache=output.parent / "cache")
    report = render(synthetic_take.clip, synthetic_take.voice, output, options, listener)
    return synthetic_take, output, report, listener


def test_the_video_is_as_long_as_the_voice(rendered):
    take, output, report, _ = rendered
    clip, voice = probe_clip(output), probe_voice(take.voice)
    assert (clip.codec, probe_voice(output).codec) == ("h264", "aac")
    assert abs(clip.duration - voice.duration) <= 1 / 25
    assert abs(probe_voice(output).duration - voice.duration) <= 1 / 25
    assert (clip.width, clip.height, clip.frame_rate) == (512, 512, 25)
    assert report.frames == clip.frames
    assert report.size == output.stat().st_size


def test_the_stages_come_in_order_and_to_their_end(rendered):
    _, _, report, listener = rendered
    assert listener.stages == ["look", "listen", "plan", "render", "finish", "measure"]
    assert listener.last == ("render", report.frames, report.frames)
    assert set(report.timings) == {"look", "listen", "plan", "render", "finish", "measure"}


def test_the_mouth_does_what_was_wanted(rendered):
    report = rendered[2]
    assert report.quality["face_found"] == 1.0
    assert report.quality["aperture_followed"] > 0.9
    assert report.quality["sharpness"] > 0.8
    assert report.quality["own_sound_aperture_fit"] > 0.5


def test_nothing_above_the_mouth_changes_but_by_the_codec(rendered):
    take, output, _, _ = rendered
    pairs = zip(
        FrameReader(output, probe_clip(output)).forward(0, 50),
        FrameReader(take.clip, probe_clip(take.clip)).forward(0, 50),
        strict=True,
    )
    for made, filmed in pairs:
        assert np.abs(made.y[:200].astype(int) - filmed.y[:200]).mean() < 2.0


def test_an_excerpt_is_a_part_of_the_whole_with_its_sound(rendered, tmp_path):
    take, whole, _, _ = rendered
    output = tmp_path / "out.mp4"
    options = RenderOptions(excerpt=1.0, overview=True, cache=whole.parent / "cache")
    report = render(take.clip, take.voice, output, options, SilentReporter())
    first = report.overview["runs"][0][1]  # of the take, which runs on evenly under the whole
    assert (report.frames, report.duration) == (25, 1.0)
    pairs = zip(
        FrameReader(output, probe_clip(output)).forward(),
        FrameReader(whole, probe_clip(whole)).forward(first, 25),
        strict=True,
    )
    assert max(np.abs(made.y.astype(int) - shown.y).mean() for made, shown in pairs) < 1.0
    heard, all_of_it = (np.concatenate(list(read_sound(path))) for path in (output, whole))
    lag = np.argmax(np.correlate(all_of_it, heard, "valid")) / 16000
    assert lag == pytest.approx(first / 25, abs=0.003)


def test_a_voice_longer_than_the_clip_bounces(rendered, tmp_path):
    take = rendered[0]
    short, output = tmp_path / "short.mp4", tmp_path / "out.mp4"
    ffmpeg("-i", take.clip, "-t", "3", "-c:v", "libx264", "-crf", "12", "-c:a", "aac", short)
    report = render(short, take.voice, output, RenderOptions(), SilentReporter())
    assert report.frames > 2 * 75
    assert any("forwards and backwards" in notice for notice in report.notices)
    shown = list(FrameReader(output, probe_clip(output)).forward())
    above = [frame.y[:200].astype(int) for frame in shown]
    assert np.abs(above[70] - above[78]).mean() < np.abs(above[70] - above[0]).mean()


def test_two_renders_are_the_same_to_the_byte(rendered, tmp_path):
    take, output, _, _ = rendered
    again = tmp_path / "again.mp4"
    render(take.clip, take.voice, again, RenderOptions(), SilentReporter())
    assert again.read_bytes() == output.read_bytes()


def refused(clip, voice, output) -> str:
    with pytest.raises(UnusableInput) as caught:
        render(clip, voice, output, RenderOptions(), SilentReporter())
    assert not list(output.parent.glob("*out*")), "something half-written was left"
    return caught.value.code


def test_a_clip_without_a_face_is_refused(tmp_path):
    clip = counting_clip(tmp_path / "a.mp4", frames=40)
    assert refused(clip, tone(tmp_path / "a.wav"), tmp_path / "out.mp4") == "no_face"


def test_a_silent_voice_is_refused_before_the_long_look(synthetic_take, tmp_path):
    silence = tmp_path / "silence.wav"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "2", silence)
    assert refused(synthetic_take.clip, silence, tmp_path / "out.mp4") == "silent_sound"


def test_a_clip_of_few_frames_is_refused(synthetic_take, tmp_path):
    clip = tmp_path / "a.mp4"
    ffmpeg("-i", synthetic_take.clip, "-frames:v", "6", "-an", clip)
    assert refused(clip, synthetic_take.voice, tmp_path / "out.mp4") == "too_short"


def test_a_face_that_is_mostly_away_is_refused_with_the_time(synthetic_take, tmp_path):
    clip = tmp_path / "a.mp4"
    ffmpeg(
        *("-i", synthetic_take.clip, "-t", "4", "-vf", "drawbox=c=gray:t=fill:enable='gt(t,1)'", "-c:v", "libx264", "-an", clip)
    )
    with pytest.raises(UnusableInput) as caught:
        render(clip, synthetic_take.voice, tmp_path / "out.mp4", RenderOptions(), SilentReporter())
    assert caught.value.code == "face_rarely_seen"
    assert caught.value.at == pytest.approx(1.0, abs=0.1)


def test_where_the_face_is_lost_the_clip_passes_unchanged(synthetic_take, tmp_path):
    clip, output = tmp_path / "a.mp4", tmp_path / "out.mp4"
    ffmpeg(
        *(
            "-i",
            synthetic_take.clip,
            "-t",
            "5",
            "-vf",
            "drawbox=c=gray:t=fill:enable='between(t,2,3)'",
            "-crf",
            "10",
            "-c:a",
            "aac",
            clip,
        )
    )
    report = render(clip, synthetic_take.voice, output, RenderOptions(), SilentReporter())
    assert 0.7 < report.quality["face_found"] < 0.9
    assert any("80%" in notice or "passes unchanged" in notice for notice in report.notices)
    hidden = list(FrameReader(output, probe_clip(output)).forward(55, 15))
    assert max(float(frame.y.std()) for frame in hidden) < 2


def test_a_clip_without_sound_uses_the_general_model(synthetic_take, tmp_path):
    clip, output = tmp_path / "a.mp4", tmp_path / "out.mp4"
    ffmpeg("-i", synthetic_take.clip, "-t", "6", "-an", "-c:v", "copy", clip)
    report = render(clip, synthetic_take.voice, output, RenderOptions(measure=True), SilentReporter())
    assert report.quality["sound_offset_seconds"] is None
    assert report.quality["aperture_followed"] > 0.7
    assert any("no sound of its own" in notice for notice in report.notices)


def test_a_folder_that_cannot_be_written_is_the_machines_fault(synthetic_take, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault) as caught:
        render(synthetic_take.clip, synthetic_take.voice, tmp_path / "file" / "out.mp4", RenderOptions(), SilentReporter())
    assert caught.value.code == "not_writable"


def test_a_real_take_says_something_else(tmp_path):
    clip, voice = real(REAL_CLIPS, "head_en_7s_700.mp4"), real(REAL_SPEECH, "japan.wav")
    report = render(clip, voice, tmp_path / "out.mp4", RenderOptions(measure=True), SilentReporter())
    assert report.quality["aperture_followed"] > 0.9
    assert report.quality["sound_match"] > 0.2
    assert [notice.split(" ")[0] for notice in report.notices] == ["Only"], "nothing but its length is to be said of it"
