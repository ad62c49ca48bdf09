"""A voice is cleaned for the ear where its owner asks for it, and nothing else of it changes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync.media import SoundChoice, cleaned, read_sound
from lipsync.media.cleaning import LOUDNESS_LUFS
from lipsync.media.noise import noise_profile, without_noise
from lipsync.media.sound import HEARD_RATE, read_heard
from tests.lipsync.bursts import SECONDS, bursts, decoded, late_by, write_wav
from tests.lipsync.media import REAL_SPEECH, ffmpeg, real

BOTH = SoundChoice(denoise=True, loudness=True)
MEASURED = re.compile(r"I:\s+(-?[\d.]+) LUFS.*Peak:\s+(-?[\d.]+) dBFS", re.DOTALL)


def measured(path: Path) -> tuple[float, float]:
    """Loudness in LUFS and true peak in dBTP."""
    command = ["ffmpeg", "-nostdin", "-nostats", "-i", str(path), "-map", "0:a", "-af", "ebur128=peak=true:framelog=verbose"]
    log = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    found = MEASURED.search(log)
    assert found, log
    return float(found[1]), float(found[2])


def pink(count: int, level: float, seed: int = 2) -> np.ndarray:
    """Steady noise, (count,), with as much power in each octave above 20 Hz, of the given root mean square."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / HEARD_RATE), 20)), count)
    return level * noise / noise.std()


def distance(wanted: np.ndarray, found: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio, dB (Le Roux et al. 2019)."""
    scaled = wanted * (wanted @ found) / (wanted @ wanted)
    return float(10 * np.log10((scaled @ scaled) / ((found - scaled) @ (found - scaled))))


def denoised(samples: np.ndarray, cuts: tuple[int, ...] = ()) -> np.ndarray:
    """One channel without its noise, given in blocks that end at the cuts."""
    blocks = [block[:, None] for block in np.split(samples.astype(np.float32), cuts)]
    return np.concatenate(list(without_noise(blocks, noise_profile(blocks))))[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> np.ndarray:
    """Twenty seconds of real speech at 48 kHz."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    ffmpeg("-i", real(REAL_SPEECH, "en_60s.wav"), "-t", "20", path)
    return decoded(path, HEARD_RATE).astype(np.float64)


def test_nothing_is_done_unless_chosen(tmp_path):
    voice = write_wav(tmp_path / "voice.wav", bursts(HEARD_RATE))
    assert cleaned(voice, SoundChoice(), tmp_path) == voice
    assert not list(tmp_path.glob("*.flac"))


@pytest.mark.parametrize("choice", [SoundChoice(denoise=True), SoundChoice(loudness=True), BOTH])
@pytest.mark.parametrize("name", ["voice.wav", "voice.mp3", "voice.ts"])
@pytest.mark.parametrize("channels", [1, 2])
def test_length_channels_and_times_stay(tmp_path, choice, name, channels):
    samples = bursts(HEARD_RATE, channels) + pink(SECONDS * HEARD_RATE, 0.01)[:, None]
    source = write_wav(tmp_path / "source.wav", samples[:-77])
    voice = tmp_path / name
    ffmpeg("-i", source, "-c:a", "mp2" if name.endswith("ts") else "copy" if name.endswith("wav") else "mp3", voice)
    before = np.concatenate(list(read_heard(voice)))
    after = np.concatenate(list(read_heard(cleaned(voice, choice, tmp_path))))
    assert after.shape == before.shape
    assert after.shape[1] == channels
    moved = late_by(after[:, -1], HEARD_RATE) - late_by(before[:, -1], HEARD_RATE)
    assert np.abs(moved).max() < 0.0005
    assert not list(tmp_path.glob(".*"))


def test_where_there_is_no_noise_every_sample_stays():
    samples = bursts(HEARD_RATE)
    nothing = np.full(1025, 1e-20, dtype=np.float32)
    found = np.concatenate(list(without_noise(np.split(samples.astype(np.float32), [999, 60_000]), nothing)))
    assert np.abs(found - samples).max() < 1e-5


def test_it_does_not_matter_in_which_blocks_a_sound_comes():
    samples = bursts(HEARD_RATE)[:, 0] + pink(SECONDS * HEARD_RATE, 0.01)
    samples = np.tile(samples, 4)
    whole, parts = denoised(samples), denoised(samples, (1, 5000, 5001, 300_000))
    assert len(whole) == len(samples)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_steady_noise_is_turned_down_and_the_voice_is_not():
    clean = bursts(HEARD_RATE)[:, 0]
    noise = pink(len(clean), 0.02)
    found = denoised(clean + noise)
    pause = slice(round(2.5 * HEARD_RATE), round(3.2 * HEARD_RATE))
    assert found[pause].std() < 0.2 * noise[pause].std()
    assert np.abs(found).max() == pytest.approx(np.abs(clean).max(), rel=0.15)


def test_two_channels_keep_their_places():
    clean = bursts(HEARD_RATE, 2) * (1, 0.3)
    noise = np.stack([pink(len(clean), 0.01, seed) for seed in (3, 4)], axis=1)
    blocks = [(clean + noise).astype(np.float32)]
    found = np.concatenate(list(without_noise(blocks, noise_profile(blocks))))
    loud = np.abs(clean[:, 0]) > 0.3
    assert np.median(found[loud, 1] / found[loud, 0]) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("below", [10, 20])
def test_real_speech_comes_out_clearer_than_it_went_in(speech, below):
    noisy = speech + pink(len(speech), speech.std() * 10 ** (-below / 20))
    assert distance(speech, denoised(noisy)) > distance(speech, noisy) + (5 if below == 10 else 2.5)


def test_clean_speech_hardly_changes(speech):
    assert distance(speech, denoised(speech)) > 35


def quiet_and_loud(peak: float, dips: float = 1.0) -> np.ndarray:
    """Speech-like sound in which every other second is quieter; dips: how much its loudness changes within a tenth of one."""
    time = np.arange(12 * HEARD_RATE) / HEARD_RATE
    voice = np.sign(np.sin(2 * np.pi * 130 * time)) * np.exp(-dips * (time % 0.1) * 40)
    voice = np.convolve(voice, np.hanning(48) / 24, "same") * np.where(time % 2 < 1, 1, 0.5)
    return (peak * voice / np.abs(voice).max())[:, None]


@pytest.mark.parametrize(("peak", "dips"), [(0.05, 0.0), (0.98, 0.0), (0.1, 1.0), (0.9, 1.0)])
def test_the_loudness_is_the_standards(tmp_path, peak, dips):
    voice = write_wav(tmp_path / "voice.wav", quiet_and_loud(peak, dips))
    loudness, true_peak = measured(cleaned(voice, SoundChoice(loudness=True), tmp_path))
    assert loudness == pytest.approx(LOUDNESS_LUFS, abs=0.5)
    assert true_peak <= -1.4


@pytest.mark.parametrize("name", ["en_60s.wav", "french.wav", "zh_short.wav", "zh_news.wav", "en_female_10s.mp3"])
def test_real_voices_meet_the_standard(tmp_path, name):
    loudness, true_peak = measured(cleaned(real(REAL_SPEECH, name), SoundChoice(loudness=True), tmp_path))
    assert loudness == pytest.approx(LOUDNESS_LUFS, abs=0.5)
    assert true_peak <= -1.4


def test_what_is_quiet_stays_quieter_than_what_is_loud(tmp_path):
    voice = quiet_and_loud(0.1)
    path = cleaned(write_wav(tmp_path / "voice.wav", voice), SoundChoice(loudness=True), tmp_path)
    found = decoded(path, HEARD_RATE)
    loud, quiet = (found[HEARD_RATE * at : HEARD_RATE * (at + 1)].std() for at in (4, 5))
    assert quiet / loud == pytest.approx(0.5, abs=0.02)


def test_what_is_next_to_silence_is_not_turned_up_without_end(tmp_path):
    whisper = write_wav(tmp_path / "voice.wav", pink(2 * HEARD_RATE, 0.0002)[:, None])
    assert measured(cleaned(whisper, SoundChoice(loudness=True), tmp_path))[0] < -25


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "length"), [("check(voice)", 3600), ("cleaned(voice, SoundChoice(True, True), voice.parent)", 300)]
)
def test_a_long_voice_takes_no_more_memory_than_a_short_one(tmp_path, act, length):
    program = (
        "import resource, sys; from pathlib import Path; from lipsync.hearing import check; "
        "from lipsync.media import SoundChoice, cleaned; voice = Path(sys.argv[1]); "
        f"{act}; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    peaks = []
    for seconds in (60, length):
        voice = tmp_path / f"{seconds}.flac"
        ffmpeg("-stream_loop", "-1", "-i", write_wav(tmp_path / "a.wav", bursts(HEARD_RATE)), "-t", str(seconds), voice)
        done = subprocess.run([sys.executable, "-c", program, voice], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 40


def test_the_mouth_is_driven_by_the_voice_as_it_came(tmp_path):
    voice = write_wav(tmp_path / "voice.wav", bursts(HEARD_RATE))
    before = np.concatenate(list(read_sound(voice)))
    cleaned(voice, BOTH, tmp_path)
    np.testing.assert_array_equal(np.concatenate(list(read_sound(voice))), before)
