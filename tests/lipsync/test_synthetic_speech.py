"""Sound and phoneme timing from espeak-ng."""

from __future__ import annotations

import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import EnvironmentFault, ToolFailed
from lipsync.synthetic import articulation, espeak_worker, speech
from lipsync.synthetic.speech import SILENCE, Phoneme, Utterance, Voice

ENGLISH = Voice("en-us+f2")


def beep(seconds: float) -> Utterance:
    return Utterance(np.full(round(seconds * 1000), 0.5, np.float32), 1000, (Phoneme("a", 0.0, seconds),))


def ends_with(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Make espeak-ng's process end with an exit code."""
    done = subprocess.CompletedProcess([], code, b"", b"what the library said")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


def test_phonemes_follow_each_other_through_the_whole_sound() -> None:
    spoken = speech.say("Papa bought a map.", ENGLISH)
    assert {"p", "b", "m"} <= {phoneme.symbol for phoneme in spoken.phonemes}
    assert all(before.end == after.start for before, after in pairwise(spoken.phonemes))
    assert spoken.phonemes[-1].end == pytest.approx(spoken.seconds)


def test_a_vowel_is_louder_than_the_closure_before_it() -> None:
    spoken = speech.say("Papa.", ENGLISH)

    def loudness(phoneme: Phoneme) -> float:
        first, last = (round(t * spoken.sample_rate) for t in (phoneme.start, phoneme.end))
        return float(np.sqrt(np.mean(spoken.samples[first:last] ** 2)))

    stops = [loudness(p) for p in spoken.phonemes[1:] if p.symbol == "p"]
    vowels = [loudness(p) for p in spoken.phonemes if p.symbol[0] in articulation.VOWELS]
    assert max(stops) < 0.7 * max(vowels)


def test_the_sound_has_no_silence_at_its_ends() -> None:
    spoken = speech.say("Oh!", ENGLISH)
    assert abs(spoken.samples[0]) > speech.QUIET
    assert abs(spoken.samples[-1]) > speech.QUIET


def test_sentences_are_joined_with_the_pauses_asked_for() -> None:
    joined = speech.join([beep(0.5), beep(0.3)], [0.2, 0.4], seconds=2.0)
    assert joined.seconds == 2.0
    assert [(p.symbol, round(p.start, 3), round(p.end, 3)) for p in joined.phonemes] == [
        (SILENCE, 0.0, 0.2),
        ("a", 0.2, 0.7),
        (SILENCE, 0.7, 1.1),
        ("a", 1.1, 1.4),
        (SILENCE, 1.4, 2.0),
    ]
    assert not joined.samples[720:1080].any()


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(monkeypatch, espeak_worker.EXIT_NO_LIBRARY)
    with pytest.raises(EnvironmentFault, match="apt-get install espeak-ng") as caught:
        speech.say("Hello.", ENGLISH)
    assert caught.value.code == "espeak_missing"


def test_the_worker_tells_when_the_library_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Path(espeak_worker.__file__).read_text().replace(espeak_worker.LIBRARY, "libnowhere.so.9")
    run = subprocess.run

    def without_library(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        return run([*command[:2], "-c", worker], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "run", without_library)
    with pytest.raises(EnvironmentFault) as caught:
        speech.say("Hello.", ENGLISH)
    assert caught.value.code == "espeak_missing"


def test_a_voice_that_is_not_installed_is_named() -> None:
    with pytest.raises(EnvironmentFault, match="no voice xx-nowhere"):
        speech.say("Hello.", Voice("xx-nowhere"))


def test_a_crash_of_the_library_is_reported_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(monkeypatch, -11)
    with pytest.raises(ToolFailed) as caught:
        speech.say("Hello.", ENGLISH)
    assert caught.value.code == "espeak_failed"
    assert caught.value.log == "what the library said"


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    speech.write_wav(tmp_path / "beep.wav", beep(0.25))
    with wave.open(str(tmp_path / "beep.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (1000, 1, 250)
