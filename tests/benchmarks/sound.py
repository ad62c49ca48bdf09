"""How well a mouth is predicted from sound: `python -m tests.benchmarks.sound [own] [taught] [generic] [disturbed] ... [NPZ]`.

Own: parts of a take predicted from the rest of it, in blocks of time. Generic: by weights that know nothing of the speaker.
Disturbed: the same with the sound in noise, through a telephone and so on; means of all takes come last.
Offset: pieces of five seconds against the whole take. Voices: synthesisers with recorded voices that were never trained on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lipsync.analysis import Analysis
from lipsync.cache import analysed
from lipsync.clock import Clock
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.hearing import hear
from lipsync.media import probe_clip, read_sound
from lipsync.media.sound import SAMPLE_RATE
from lipsync.sound.features import SoundFeatures, sound_features
from lipsync.sound.generic import generic_mouth
from lipsync.sound.mouth import teach
from lipsync.sound.offset import estimate_offset
from lipsync.sound.own import closing, correlation
from lipsync.sound.pauses import stillness
from lipsync.sound.phonemes import CLASSES
from lipsync.sound.restoration import restore_opening, restore_range
from tests.benchmarks.disturbed import CASES

ROOT = Path(__file__).parents[2]
CLIPS = ROOT.parent / "shared" / "clips"
SPEECH = ROOT.parent / "shared" / "speech" / "en_60s.wav"
TAKES = (
    "anchor_en_71s_512",
    "anchor_de_20s_512",
    "turning_ja_20s_720p",
    "portrait_beard_20s_1080x1920",
    "portrait_10s_1080x1920",
    "phone_zh_12s_544x960_vfr",
    "head_en_7s_700",
    "head_en_5s_524",
    "head_en_5s_844",
    "room_en_5s_1080p",
)
PIECE_SECONDS = 5.0
WITHIN_SECONDS = 0.04
NOISE_DECIBEL = 5.0


@dataclass(frozen=True, slots=True)
class Take:
    """A take's mouth and sound. times: (n,) seconds in the sound, unmatched; opening: (n, 3); samples: 16 kHz"""

    name: str
    analysis: Analysis
    times: DoubleArray
    opening: DoubleArray
    samples: FloatArray

    @property
    def shown(self) -> DoubleArray:
        return (self.opening - self.opening.mean(axis=0)) / (self.opening.std(axis=0) + 1e-6)


def with_take(name: str, cache: Path, measure: Callable[[Take, SoundFeatures], dict[str, object]]) -> dict[str, object]:
    clip = CLIPS / f"{name}.mp4"
    facts = probe_clip(clip)
    with analysed(clip, facts, None, cache, Clock(_Silent())) as found:
        assert isinstance(found, Analysis)
        some = found.space.usable()
        times = facts.video_start + some / float(facts.frame_rate)
        samples = np.concatenate(list(read_sound(clip)))
        take = Take(name, found, times, found.space.opening[some].astype(np.float64), samples)
        return {"take": name, **measure(take, sound_features([samples]))}


class _Silent:
    def stage(self, name: str) -> None: ...

    def progress(self, stage: str, done: int, total: int) -> None: ...

    def note(self, level: str, text: str) -> None: ...


def own(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """Frames left out of the learning against the take, before and after the range is restored."""
    predictor = take.analysis.predictor
    if predictor.own is None:
        return {"note": "its own sound is not used"}
    known, held_out = predictor.known, predictor.own.held_out
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    restored = np.stack(
        [
            restore(held_out[:, k] * deviation[k] + mean[k], held_out[:, k] * deviation[k] + mean[k], known[:, k])
            for k, restore in ((0, restore_opening), (1, restore_range))
        ],
        axis=1,
    )
    offset = predictor.own.offset
    still = stillness(sound, take.times + offset.seconds, predictor.own.habit)
    lips = (
        restored[:, 0] * (1 - still) + np.percentile(known[:, 0], 15) * still if len(still) == len(restored) else restored[:, 0]
    )
    return {
        "aperture_r": round(predictor.own.aperture_fit, 3),
        "width_r": round(predictor.own.width_fit, 3),
        "restored_aperture_r": round(correlation(lips, known[:, 0]), 3),
        "restored_width_r": round(correlation(restored[:, 1], known[:, 1]), 3),
        "std_ratio": round(float(lips.std() / known[:, 0].std()), 2),
        "closure_f1": round(closure_f1(lips, known[:, 0]), 2),
        "habit": round(predictor.own.habit, 2),
        "offset": round(offset.seconds, 3),
        "margin": round(offset.margin, 2),
    }


def closure_f1(predicted: DoubleArray, true: DoubleArray) -> float:
    """Agreement on which frames are closed: below 15 % of the true aperture's range."""
    low, high = np.percentile(true, (2, 98))
    limit = low + 0.15 * (high - low)
    closed, said = true < limit, predicted < limit
    return float(2 * (closed & said).sum() / max(1, closed.sum() + said.sum()))


def generic(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """The shipped weights alone, in the clean sound and with noise."""
    offset = take.analysis.survey.observed.offset
    times = take.times + (offset.seconds if offset else 0.0)
    random = np.random.default_rng(7)
    pink = _pink(len(take.samples), random)
    level = np.sqrt((take.samples**2).mean()) / np.sqrt((pink**2).mean()) * 10 ** (-NOISE_DECIBEL / 20)
    noisy = sound_features([(take.samples + level * pink).astype(np.float32)])
    row: dict[str, object] = {}
    for name, heard in (("", sound), ("noisy_", noisy)):
        answers = generic_mouth()(heard.at(times))
        row |= {
            f"{name}{what}_r": round(correlation(answers[:, k], take.shown[:, k]), 3)
            for k, what in ((0, "aperture"), (1, "width"))
        }
    return row


def disturbed(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """Aperture and width by the shipped weights, for every way in which the sound might have come."""
    offset = take.analysis.survey.observed.offset
    times = take.times + (offset.seconds if offset else 0.0)
    row: dict[str, object] = {}
    for name, change in CASES.items():
        answers = generic_mouth()(sound_features([change(take.samples)]).at(times))
        row[name] = [round(correlation(answers[:, k], take.shown[:, k]), 3) for k in (0, 1)]
    return row


def _means(rows: list[dict[str, object]]) -> dict[str, object]:
    """Of every case over all takes."""
    return {"take": "mean"} | {
        name: np.mean([row[name] for row in rows], axis=0).round(3).tolist()  # type: ignore[arg-type]
        for name in CASES
    }


def taught(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """The same parts when the network is taught as well, and what that costs."""
    began = time.process_time()
    predictor, facts = take.analysis.predictor, take.analysis.facts
    times = facts.video_start + np.arange(len(take.analysis)) / float(facts.frame_rate)
    found = teach(predictor, take.analysis.space, sound, times, lambda done, total: None)
    if found is None or predictor.own is None:
        return {"note": "too short, or its own sound is not used"}
    return {
        "aperture_r_before": round(predictor.own.aperture_fit, 3),
        "aperture_r": round(found.aperture_fit, 3),
        "width_r_before": round(predictor.own.width_fit, 3),
        "width_r": round(found.width_fit, 3),
        "cpu_s": round(time.process_time() - began, 1),
    }


def offset(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """How many pieces of five seconds, each heard by itself, agree with the whole take."""
    whole = take.analysis.survey.observed.offset
    if whole is None or not whole.trusted:
        return {"note": "no sure offset to compare with"}
    pieces, near = 0, 0
    for start in np.arange(0, take.times[-1] - PIECE_SECONDS + 0.01, PIECE_SECONDS):
        inside = (take.times >= start) & (take.times < start + PIECE_SECONDS)
        first = max(0, int((start - 1) * SAMPLE_RATE))
        part = sound_features([take.samples[first : int((start + PIECE_SECONDS + 1) * SAMPLE_RATE)]])
        opening = take.opening[inside]
        if inside.sum() < PIECE_SECONDS * 20 or opening[:, 0].std() < 1e-6:
            continue
        shown = (opening - opening.mean(axis=0)) / (opening.std(axis=0) + 1e-6)
        found = estimate_offset(part, take.times[inside] - first / SAMPLE_RATE, shown, generic_mouth())
        pieces += 1
        near += abs(found.seconds - whole.seconds) <= WITHIN_SECONDS
    return {"pieces": pieces, "within_40_ms": near}


def voices(shard: Path) -> list[dict[str, object]]:
    """Recorded voices never trained on: where p, b and m lie among the predicted apertures, and r with the phonemes' timing."""
    with np.load(shard) as held_out:
        lengths, spoken, levels = held_out["lengths"], held_out["voices"], held_out["levels"].astype(np.float32)
        channels, classes, voicing = held_out["channels"].astype(np.float64), held_out["classes"], held_out["voicing"]
    rows: dict[str, list[tuple[float, ...]]] = {}
    start = 0
    for length, name in zip(lengths.tolist(), spoken.tolist(), strict=True):
        part = slice(start, start + length)
        start += length
        heard = SoundFeatures.of_rows(_rows(levels[part], voicing[part]))
        times = np.arange(0, length) / 100
        features = heard.at(times)
        answers = closing(generic_mouth()(features), features)
        lips = np.isin(classes[part], [CLASSES.index("p"), CLASSES.index("m")])
        quarter = np.quantile(answers[:, 0], 0.25)
        starts = np.flatnonzero(np.diff(np.concatenate([[0], lips.astype(int)])) == 1)
        ends = np.flatnonzero(np.diff(np.concatenate([lips.astype(int), [0]])) == -1)
        low = [float(answers[first : last + 1, 0].min() <= quarter) for first, last in zip(starts, ends, strict=True)]
        fits = [correlation(answers[:, k], channels[part][:, k]) for k in (0, 1)]
        rows.setdefault(name, []).append((*fits, sum(low), float(len(low))))
    return [
        {
            "voice": name,
            "aperture_r": round(float(np.mean([row[0] for row in found])), 3),
            "width_r": round(float(np.mean([row[1] for row in found])), 3),
            "p_b_m": int(sum(row[3] for row in found)),
            "in_lowest_quarter": round(sum(row[2] for row in found) / max(1, sum(row[3] for row in found)), 3),
        }
        for name, found in sorted(rows.items())
    ]


def _rows(levels: FloatArray, voicing: FloatArray) -> FloatArray:
    decibel = 20 * levels
    energy = 10 * np.log10((10 ** (decibel / 10)).sum(axis=1, keepdims=True))
    return np.concatenate([decibel, energy, voicing[:, None]], axis=1, dtype=np.float32)


def cost(take: Take, sound: SoundFeatures) -> dict[str, object]:
    """CPU per second of a voice: hearing it, and what the mouth shall do."""
    began = time.process_time()
    voice = hear(SPEECH)
    heard = time.process_time()
    seconds = len(voice.loudness) / 100
    take.analysis.predictor.follow(voice, np.arange(0, seconds, 0.04))
    followed = time.process_time()
    return {"hear": round((heard - began) / seconds, 4), "follow": round((followed - heard) / seconds, 4)}


def _pink(count: int, random: np.random.Generator) -> FloatArray:
    spectrum = np.fft.rfft(random.standard_normal(count))
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), count), dtype=np.float32)


def _show(title: str, rows: list[dict[str, object]]) -> None:
    sys.stdout.write(f"\n{title}\n")
    names = list(max(rows, key=len)) if rows else []
    for row in [{name: name for name in names}, *rows]:
        sys.stdout.write(" | ".join(str(row.get(name, row.get("note", ""))) for name in names) + "\n")
    sys.stdout.flush()


def main(wanted: list[str]) -> None:
    """Print the tables and keep them as JSON."""
    names = [name for name in wanted if not name.endswith(".npz")]
    result: dict[str, object] = {"date": datetime.now(UTC).isoformat(timespec="seconds")}
    with tempfile.TemporaryDirectory() as folder:
        for measure in (own, taught, generic, disturbed, offset, cost):
            name = measure.__name__
            if not names or name in names:
                takes = TAKES[:1] if measure is cost else TAKES
                rows = [with_take(take, Path(folder), measure) for take in takes if (CLIPS / f"{take}.mp4").exists()]
                rows += [_means(rows)] if measure is disturbed and rows else []
                result[name] = rows
                _show(name, rows)
    for shard in (Path(name) for name in wanted if name.endswith(".npz")):
        result["voices"] = rows = voices(shard)
        _show("voices never trained on", rows)
    place = ROOT / "media" / "benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"sound-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json").write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
