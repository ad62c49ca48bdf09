"""Speech to train on: texts, voices, times, disturbance, shards."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import ToolFailed
from lipsync.sound.phonemes import CLASSES
from lipsync.synthetic.articulation import GESTURES, VOWELS
from lipsync.synthetic.speech import SILENCE, Phoneme, Utterance
from lipsync.training.speech import __main__ as command
from lipsync.training.speech import articulation, augmentation, espeak, festival, flite, generation, texts, variation
from lipsync.training.speech.generation import SYNTHESISERS, Shard
from lipsync.training.speech.speakers import Request, Speaker, draw

RATE = 16_000
SENTENCES = {
    "en": "Papa bought a big map of the moon.",
    "fr": "Papa achète une petite mappemonde.",
    "ca": "El pare ha comprat un mapa molt bonic.",
    "hi": "मेरा नाम पापा बाबा है",
    "mr": "माझे पापा आहे पाणी",
    "te": "నా పేరు బాబు మామ",
    "fi": "Isä ostaa pian ison kartan.",
    "it": "Il papà compra una mappa bella.",
    "cs": "Táta koupil mapu pěkné země.",
    "ru": "Папа купил большую карту мира.",
}
PAUSES = {"pau", "h#", "#", "##", "_", "brth", "0", "x"}
"""What the phone sets list beside sounds."""


def source(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def beeps() -> Utterance:
    """Half a second each of silence, a beep, silence, a beep, silence."""
    symbols = (SILENCE, "a", SILENCE, "i", SILENCE)
    samples = np.concatenate([np.sin(np.arange(11025) * 0.2) * (symbol != SILENCE) for symbol in symbols])
    phonemes = tuple(Phoneme(symbol, place / 2, (place + 1) / 2) for place, symbol in enumerate(symbols))
    return Utterance(samples.astype(np.float32), 22050, phonemes)


def loudness(utterance: Utterance, phoneme: Phoneme, margin: float = 0.0) -> float:
    first, last = (round(time * utterance.sample_rate) for time in (phoneme.start + margin, phoneme.end - margin))
    return float(np.sqrt(np.mean(utterance.samples[first:last].astype(np.float64) ** 2)))


def request(speaker: Speaker) -> Request:
    return Request(speaker, SENTENCES[speaker.language], "", 0.5, 0.5, 0.5)


# --- Texts


@pytest.mark.parametrize(
    ("message", "spoken"),
    [
        ("Please enter a <b>valid</b> %(field)s, or %d of them.", "Please enter a valid, or of them"),
        ("_Open the &file {name}", "Open the file"),
        ("see https://example.com/x for more", "see for more"),
        ("Don't use '%s' with a well-known name", "Don't use with a well-known name"),
        ("%s: %s", ""),
        ("123 456 789 a", ""),
        ("हिन्दी में लिखो", "हिन्दी में लिखो"),
    ],
)
def test_messages_are_read_without_their_markup(message: str, spoken: str) -> None:
    assert texts.clean(message) == spoken


def test_texts_are_long_enough_to_be_a_sentence_and_short_enough_for_a_breath() -> None:
    for sentences in (["Yes", "no"], ["word " * 60], ["汉" * 12], ["汉字" * 60]):
        for seed in range(5):
            assert (
                texts.SHORTEST_TEXT <= texts.length(texts.draw(sentences, source(seed))) <= texts.LONGEST_TEXT + texts.WIDE + 60
            )


def test_catalogues_give_sentences_in_the_language_s_own_script(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [path for path in texts.catalogues() if path.parent.parent.name in ("fr", "hi") and "django" in path.parts]
    monkeypatch.setattr(texts, "catalogues", lambda: wanted)
    found = texts.sentences_by_language()
    assert set(found) == {"en", "fr", "hi"}
    assert all(len(sentences) >= texts.FEWEST for sentences in found.values())
    assert all(re.search("[\u0900-\u097f]", sentence) for sentence in found["hi"])
    assert found == texts.sentences_by_language()


# --- What the mouth does


def test_every_sound_with_a_gesture_has_a_class_and_every_class_has_sounds() -> None:
    assert set(articulation.CLASS_OF) == set(GESTURES) | {SILENCE}
    assert set(articulation.CLASS_OF.values()) == set(range(len(CLASSES)))
    first_vowel = CLASSES.index("i")
    assert all((articulation.CLASS_OF[symbol] >= first_vowel) == (symbol in VOWELS) for symbol in GESTURES)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("(en)", ""),
        ("ʲ", "j"),
        ("tʲ", "t"),
        ("ɔ̃", "ɔ"),
        ("ç", "ç"),
        ("ä", "a"),
        ("anɡ", "aŋ"),
        ("t͡s", "ts"),
        ("ː", ""),
        ("1", ""),
    ],
)
def test_a_synthesiser_s_spelling_becomes_ipa(told: str, known: str) -> None:
    assert articulation.spelt(told) == known


def test_a_mark_that_is_no_sound_belongs_to_the_sound_before_it() -> None:
    told = [Phoneme("a", 0.0, 0.1), Phoneme("ː", 0.1, 0.2), Phoneme("_", 0.2, 0.3), Phoneme("_", 0.3, 0.5)]
    assert articulation.tidy(told) == [Phoneme("a", 0.0, 0.2), Phoneme(SILENCE, 0.2, 0.5)]


def test_lips_are_shut_at_closures_and_at_rest_and_open_at_a_vowel() -> None:
    names = (SILENCE, "p", "a", "m", "a", "f", SILENCE)
    phonemes = [Phoneme(name, 0.3 * place, 0.3 * (place + 1)) for place, name in enumerate(names)]
    path, classes = articulation.targets(phonemes, np.arange(len(names)) * 0.3 + 0.15)
    assert [CLASSES[number] for number in classes] == ["sil", "p", "a", "m", "a", "f", "sil"]
    aperture, closure, tuck = path[:, 0], path[:, 4], path[:, 5]
    assert aperture[[0, 1, 3, 6]].max() < 0.1 < 0.5 < aperture[[2, 4]].min()
    assert closure[[1, 3]].min() > 0.9
    assert tuck[5] > 0.9


# --- Variation and disturbance


@pytest.mark.parametrize("seed", range(6))
def test_times_move_along_with_the_sound(seed: int) -> None:
    varied = variation.pad(variation.vary(beeps(), source(seed)), source(seed))
    assert varied.sample_rate == RATE
    assert all(before.end == pytest.approx(after.start, abs=1 / RATE) for before, after in pairwise(varied.phonemes))
    assert varied.phonemes[-1].end == pytest.approx(varied.seconds, abs=1 / RATE)
    for phoneme in varied.phonemes:
        if phoneme.symbol != SILENCE:
            assert loudness(varied, phoneme) > 0.65
        elif phoneme.end - phoneme.start > 0.05:
            assert loudness(varied, phoneme, margin=0.01) < 0.02


def test_playing_faster_raises_the_voice() -> None:
    slow, fast = (variation.at_rate(beeps(), speed) for speed in (1.0, 1.25))
    assert fast.seconds == pytest.approx(slow.seconds / 1.25, abs=0.001)
    peaks = [np.abs(np.fft.rfft(each.samples, 65536)).argmax() for each in (slow, fast)]
    assert peaks[1] / peaks[0] == pytest.approx(1.25, rel=0.01)


def test_breath_is_heard_in_pauses_only() -> None:
    still = variation.at_rate(beeps())
    sound = sum(np.abs(augmentation.breaths(still, source(seed))) for seed in range(8))
    heard = [np.asarray(sound)[round(p.start * RATE) : round(p.end * RATE)].max() for p in still.phonemes]
    assert [level > 0 for level in heard] == [True, False, True, False, True]


@pytest.mark.parametrize("seed", range(12))
def test_disturbed_speech_stays_speech(seed: int) -> None:
    utterance = variation.at_rate(beeps())
    other = source(9).standard_normal(RATE).astype(np.float32)
    sound = augmentation.disturb(utterance, [other], source(seed))
    assert sound.shape == utterance.samples.shape
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1.03
    told = replace(utterance, samples=(sound - sound.mean()).astype(np.float32))
    beep, pause = (
        max(loudness(told, p, 0.1) for p in utterance.phonemes if (p.symbol == SILENCE) == rest) for rest in (False, True)
    )
    assert beep > pause


def test_levels_are_not_normalised() -> None:
    sound = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    loud, soft = (generation.heard(sound * gain)[0].astype(np.float64) for gain in (1.0, 0.1))
    assert loud.shape == (101, 40)
    assert np.median((loud - soft)[:, loud.mean(axis=0).argmax()]) == pytest.approx(1.0, abs=0.02)


# --- Synthesisers


def speakers_of(name: str) -> tuple[Speaker, ...]:
    speakers = generation.cast(name)
    if not speakers:
        pytest.skip(f"{SYNTHESISERS[name].package} is not installed")
    return speakers


def assert_times_fit(utterance: Utterance | None) -> None:
    """Phonemes follow each other, vowels are louder than closures and pauses are quiet."""
    assert utterance is not None
    assert all(before.end == after.start for before, after in pairwise(utterance.phonemes))
    assert utterance.phonemes[-1].end == pytest.approx(utterance.seconds, abs=0.05)
    vowels = [loudness(utterance, p) for p in utterance.phonemes if p.symbol[0] in VOWELS]
    closures = [loudness(utterance, p) for p in utterance.phonemes if p.symbol == "p"]
    pauses = [loudness(utterance, p, 0.02) for p in utterance.phonemes if p.symbol == SILENCE and p.end - p.start > 0.1]
    assert np.mean(closures) < 0.6 * np.mean(vowels)
    assert max(pauses, default=0) < 0.2 * np.mean(vowels)


@pytest.mark.parametrize("tag", ["en-us", "fr-fr"])
def test_espeak_s_times_fit_its_sound(tag: str) -> None:
    speaker = next(each for each in speakers_of("espeak") if each.label == f"espeak:{tag}")
    assert_times_fit(espeak.speak([request(speaker)])[0])


def test_espeak_speaks_in_many_languages_and_variants() -> None:
    speakers = speakers_of("espeak")
    assert len({speaker.language for speaker in speakers}) > 80
    assert all(len(speaker.variants) > 90 for speaker in speakers)
    one, other = (
        draw(list(speakers), lambda language: language, source()),
        draw(list(speakers), lambda language: language, source()),
    )
    assert one == other


@pytest.mark.parametrize("voice", flite.VOICES)
def test_flite_s_times_fit_its_sound(voice: str) -> None:
    speaker = next(each for each in speakers_of("flite") if each.name == voice)
    assert_times_fit(flite.speak([request(speaker)])[0])


@pytest.mark.parametrize("voice", festival.VOICES, ids=[voice.label for voice in festival.VOICES])
def test_festival_s_times_fit_its_sound(voice: festival.Voice) -> None:
    found = [each for each in speakers_of("festival") if each.name == voice.function]
    if not found:
        pytest.skip(f"festvox-{voice.label} is not installed")
    assert_times_fit(festival.speak([request(found[0])])[0])


@pytest.mark.parametrize("voice", festival.VOICES, ids=[voice.label for voice in festival.VOICES])
def test_every_sound_of_a_festival_voice_is_known_in_ipa(voice: festival.Voice) -> None:
    if voice.function not in {each.name for each in speakers_of("festival")}:
        pytest.skip(f"festvox-{voice.label} is not installed")
    question = f"(begin ({voice.function}) (print (mapcar car (cadr (car (PhoneSet.description '(phones)))))))"
    listing = subprocess.run(["festival", "--batch", question], capture_output=True, text=True, check=True).stdout
    listed = {phone.strip('"') for phone in re.findall(r"[^\s()]+", listing)}
    assert len(listed) > 25
    assert listed - PAUSES <= set(voice.to_ipa)
    assert all(articulation.spelt(symbol) == symbol for symbol in voice.to_ipa.values())


# --- Shards


def hum(requests: Sequence[Request]) -> list[Utterance | None]:
    """A synthesiser that is always there."""
    return [beeps() for _ in requests]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / generation.TEXTS).write_text(json.dumps({language: [text] * 3 for language, text in SENTENCES.items()}))
    return tmp_path


def humming(monkeypatch: pytest.MonkeyPatch, speak: object = hum) -> None:
    """Let the only synthesiser be one that hums, with one voice to train on and one held out."""
    voices = (Speaker("hum:a", "a", "en"), Speaker("hum:b", "b", "en", held_out=True))
    stand_in = replace(SYNTHESISERS["festival"], speakers=lambda: voices, speak=speak)
    monkeypatch.setattr(generation, "cast", lambda _: voices)
    monkeypatch.setattr(command, "cast", lambda name: voices if name == "festival" else ())
    monkeypatch.setitem(SYNTHESISERS, "festival", stand_in)
    monkeypatch.setattr(generation, "FEWEST_PHONEMES", 1)


@pytest.mark.parametrize("name", list(SYNTHESISERS))
def test_a_shard_is_the_same_whenever_it_is_made(folder: Path, name: str) -> None:
    speakers_of(name)
    shard = Shard(folder, name, 4, seed=7, count=3)
    seconds = generation.make(shard)
    first = dict(np.load(shard.path))
    generation.make(shard)
    again = dict(np.load(shard.path))
    assert {key: value.dtype.name for key, value in first.items() if key != "voices"} == {
        "levels": "float16",
        "voicing": "float16",
        "channels": "float16",
        "classes": "uint8",
        "lengths": "int32",
        "clean": "bool",
    }
    rows = first["lengths"].sum()
    assert first["levels"].shape == (rows, 40)
    assert first["channels"].shape == (rows, 6)
    assert len(first["voicing"]) == len(first["classes"]) == rows == pytest.approx(seconds * 100)
    assert all(voice.startswith(f"{name}:") for voice in first["voices"])
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_an_utterance_that_fails_is_made_up_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def crash_once(requests: Sequence[Request]) -> list[Utterance | None]:
        asked.append(len(requests))
        return [None if len(asked) == 1 and place else beeps() for place in range(len(requests))]

    humming(monkeypatch, crash_once)
    with caplog.at_level(logging.WARNING):
        generation.make(Shard(folder, "festival", 1, seed=7, count=4))
    assert asked == [4, 3]
    assert "3 of 4 utterances failed" in caplog.text
    assert len(np.load(folder / "festival-001.npz")["lengths"]) == 4


def test_a_synthesiser_that_never_speaks_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    humming(monkeypatch, lambda requests: [None for _ in requests])
    with pytest.raises(ToolFailed, match="0 of 2"):
        generation.make(Shard(folder, "festival", 1, seed=7, count=2))
    assert not list(folder.glob("*.npz"))


def test_the_mix_is_kept_from_the_first_shards_on(tmp_path: Path) -> None:
    shards = [shard for shard in generation.plan(tmp_path, 9, 7, list(SYNTHESISERS)) if shard.number]
    for part in (shards[:20], shards):
        hours = {name: sum(shard.synthesiser == name for shard in part) * SYNTHESISERS[name].seconds for name in SYNTHESISERS}
        for name, synthesiser in SYNTHESISERS.items():
            assert hours[name] / sum(hours.values()) == pytest.approx(synthesiser.hours / 9, abs=0.06)


def test_the_command_keeps_what_is_there_and_holds_voices_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    humming(monkeypatch)
    monkeypatch.setattr(generation, "UTTERANCES", 2)
    monkeypatch.setattr(generation, "HELD_OUT_UTTERANCES", 3)
    monkeypatch.setattr(command, "missing_packages", list)
    monkeypatch.setattr(sys, "argv", ["speech", str(folder), "--hours", "0.01", "--workers", "1"])
    assert command.main() == 0
    made = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    assert set(np.load(folder / "held_out.npz")["voices"]) == {"hum:b"}
    assert len(made) > 2
    (folder / "festival-002.npz").unlink()
    assert command.main() == 0
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npz")}
    assert {name for name in made if made[name] != kept[name]} == {"festival-002.npz"}
    assert all(set(np.load(folder / name)["voices"]) == {"hum:a"} for name in made if name != "held_out.npz")


def test_without_any_synthesiser_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(command, "cast", lambda _: ())
    monkeypatch.setattr(sys, "argv", ["speech", str(tmp_path)])
    with caplog.at_level(logging.WARNING):
        assert command.main() == 3
    for synthesiser in SYNTHESISERS.values():
        assert f"apt-get install {synthesiser.package}" in caplog.text
