"""What every engine does with a take and a voice. Adding one to `ENGINES`, or to `ENHANCERS`, puts it through these tests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lipsync.contracts import ENGINES, ENHANCERS, RenderOptions, RenderReport, SilentReporter
from lipsync.engines import method_of, render
from lipsync.errors import EnvironmentFault, LipsyncError
from lipsync.media import FrameReader, probe_clip, probe_voice
from lipsync.networks.gfpgan import Gfpgan
from lipsync.networks.opened import KINDS, opened
from lipsync.weights import weights_named
from tests.lipsync.media import ROOT, ffmpeg
from tests.lipsync.networks import NARROW, install_made_up

# A face that is hidden for a fifth of a second.
HIDDEN = range(8, 12)
# A voice, and one of three frames for what takes seconds for each.
VOICE_SECONDS, SHORT_VOICE_SECONDS = 0.6, 0.1


class Listener(SilentReporter):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def note(self, level: str, message: str) -> None:
        self.notes.append(message)


@dataclass
class Made:
    take: Path
    voice: Path
    output: Path
    report: RenderReport
    listener: Listener
    options: RenderOptions


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with made-up weights, where the engine looks for them."""
    folder = tmp_path_factory.mktemp("weights")
    install_made_up(folder, tmp_path_factory.mktemp("checkpoints"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIPSYNC_WEIGHTS", str(folder))
        patch.delenv("LIPSYNC_FORBIDDEN_LICENCES", raising=False)
        patch.setitem(KINDS, "gfpgan", replace(KINDS["gfpgan"], build=partial(Gfpgan, narrow=NARROW)))
        yield folder


@pytest.fixture(scope="module")
def media(synthetic_take, tmp_path_factory):
    """A short take with a gap, a voice, and a folder for what is seen in the take."""
    folder = tmp_path_factory.mktemp("media")
    hidden = f"drawbox=c=gray:t=fill:enable='between(n,{HIDDEN.start},{HIDDEN.stop - 1})'"
    ffmpeg("-i", synthetic_take.clip, "-t", "3", "-vf", hidden, "-crf", "10", "-c:a", "aac", folder / "take.mp4")
    for name, seconds in (("voice.wav", VOICE_SECONDS), ("short.wav", SHORT_VOICE_SECONDS)):
        ffmpeg("-ss", "0.5", "-i", synthetic_take.voice, "-t", str(seconds), folder / name)
    return folder


def made_by(engine: str, enhancer: str, media: Path, folder: Path) -> Made:
    options = RenderOptions(engine=engine, enhancer=enhancer, cache=media / "cache", segments=folder / "segments")
    listener, output = Listener(), folder / "out.mp4"
    voice = media / ("short.wav" if enhancer else "voice.wav")
    report = render(media / "take.mp4", voice, output, options, listener)
    return Made(media / "take.mp4", voice, output, report, listener, options)


@pytest.fixture(
    scope="module",
    params=[*((engine, "") for engine in ENGINES), *(("resynth", one) for one in ENHANCERS)],
    ids=lambda chosen: "-".join(filter(None, chosen)),
)
def made(request, media, installed, tmp_path_factory) -> Made:
    return made_by(*request.param, media, tmp_path_factory.mktemp("made"))


def frames_of(path: Path, count: int | None = None) -> list:
    return list(FrameReader(path, probe_clip(path)).forward(0, count))


def test_the_video_is_as_long_as_the_voice_and_as_large_as_the_take(made):
    clip, take = probe_clip(made.output), probe_clip(made.take)
    assert abs(clip.duration - probe_voice(made.voice).duration) <= 1 / 25
    assert (clip.width, clip.height, clip.frame_rate, clip.codec) == (take.width, take.height, take.frame_rate, "h264")
    assert clip.frames == made.report.frames and made.report.size == made.output.stat().st_size
    assert probe_voice(made.output).codec == "aac"


def test_the_stages_come_in_order_and_nothing_is_left(made):
    known = ["load", "look", "listen", "plan", "render", "finish"]
    assert [name for name in known if name in made.listener.stages] == list(dict.fromkeys(made.listener.stages))
    assert made.listener.stages[-3:] == ["plan", "render", "finish"]
    assert set(made.report.timings) == set(made.listener.stages)
    assert list((made.output.parent / "segments").iterdir()) == []


def test_only_the_lower_face_changes_and_a_hidden_face_not_at_all(made):
    pairs = list(zip(frames_of(made.output), frames_of(made.take, made.report.frames), strict=True))
    changes = [np.abs(one.y.astype(int) - other.y) for one, other in pairs]
    assert max(change[:200].mean() for change in changes) < 2, "above the mouth it is the codec alone"
    assert max(change[300:360, 200:310].mean() for change in changes) > 3, "the mouth is another"
    for number in HIDDEN:
        if number < len(changes):
            assert changes[number].mean() < 2


def test_bad_input_is_refused_as_by_all(made, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "1", tmp_path / "silence.wav")
    with pytest.raises(LipsyncError) as caught:
        render(made.take, tmp_path / "silence.wav", tmp_path / "out.mp4", made.options, SilentReporter())
    assert caught.value.code == "silent_sound"
    assert not list(tmp_path.glob("*out*"))


def test_of_a_networks_mouths_it_is_told_how_sharp_and_steady_they_are(media, installed, tmp_path):
    options = RenderOptions(engine="wav2lip", measure=True, overview=True, cache=media / "cache")
    report = render(media / "take.mp4", media / "voice.wav", tmp_path / "out.mp4", options, SilentReporter())
    rows = report.overview["quality"]
    assert rows["sync"] == (None,) and report.quality["aperture_followed"] is None
    assert None not in rows["sharpness"] + rows["flicker"]


# --- engines that run on torch -----------------------------------------------------------------------------------------
def test_a_second_render_loads_nothing(media, installed, tmp_path):
    weights = weights_named("made_up_wav2lip")
    assert opened(weights, "cpu", "auto") is opened(weights, "auto", "fp32")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"engine": "sora"}, "unknown_engine"),
        ({"engine": "wav2lip", "weights": "other"}, "unknown_weights"),
        ({"engine": "wav2lip", "weights": "wav2lip_gan"}, "weights_missing"),
        ({"engine": "wav2lip", "device": "cuda:77"}, "no_such_device"),
        ({"enhancer": "photoshop"}, "unknown_enhancer"),
        ({"tracker": "bloodhound"}, "unknown_tracker"),
    ],
)
def test_what_cannot_be_is_refused_before_the_long_look(media, installed, tmp_path, options, code):
    listener = Listener()
    with pytest.raises(LipsyncError) as caught:
        render(media / "take.mp4", media / "voice.wav", tmp_path / "out.mp4", RenderOptions(**options), listener)
    assert caught.value.code == code and "look" not in listener.stages


def test_another_tracker_is_the_one_that_looks(media, installed, tmp_path):
    with pytest.raises(EnvironmentFault) as caught:
        render(media / "take.mp4", media / "voice.wav", tmp_path / "out.mp4", RenderOptions(tracker="fan"), SilentReporter())
    assert caught.value.code == "weights_missing" and "weights install fan" in caught.value.message


def test_who_may_not_use_weights_for_money_is_told(media, installed, tmp_path, monkeypatch):
    monkeypatch.setattr("lipsync.weights.is_installed", lambda *unused: True)
    (notice,) = method_of(RenderOptions(engine="wav2lip", weights="wav2lip")).notices
    assert "may not be used commercially" in notice and "wav2lip" in notice


def test_without_torch_the_engine_says_what_to_install(media, installed, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("lipsync.networks", "torch"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EnvironmentFault) as caught:
        render(media / "take.mp4", media / "voice.wav", tmp_path / "o.mp4", RenderOptions(engine="wav2lip"), SilentReporter())
    assert caught.value.code == "torch_missing" and "requirements/gpu.txt" in caught.value.message


def test_a_missing_engine_is_told_on_the_command_line(media, tmp_path, monkeypatch):
    monkeypatch.setenv("LIPSYNC_WEIGHTS", str(tmp_path))
    command = [sys.executable, "-m", "lipsync", "render", media / "take.mp4", media / "voice.wav", "--engine", "wav2lip"]
    done = subprocess.run(
        [*map(str, command), "-o", str(tmp_path / "out.mp4")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "weights_missing" in done.stderr and "weights install wav2lip" in done.stderr
    assert not list(tmp_path.glob("*out*")), "something half-written was left"
