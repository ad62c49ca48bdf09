"""flite: four recorded speakers of English (one diphone voice, three statistical ones)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lipsync.synthetic.speech import Utterance
from lipsync.training.speech.phones import ARPABET
from lipsync.training.speech.speakers import Request, Speaker, between, from_ends, read_wav

VOICES = ("kal16", "awb", "rms", "slt")
STRETCH = (0.75, 1.3)
PITCH_HERTZ = (85.0, 230.0)
TIMEOUT_SECONDS = 60


def speakers() -> tuple[Speaker, ...]:
    """The four; none when flite is not installed."""
    return tuple(Speaker(f"flite:{voice}", voice, "en") for voice in VOICES) if shutil.which("flite") else ()


def speak(requests: Sequence[Request]) -> list[Utterance | None]:
    """One process for each. None: it failed."""
    with tempfile.TemporaryDirectory() as folder:
        return [_speak(request, Path(folder) / "spoken.wav") for request in requests]


def _speak(request: Request, path: Path) -> Utterance | None:
    stretch, pitch = between(*STRETCH, 1 - request.tempo), between(*PITCH_HERTZ, request.pitch)
    settings = ("--setf", f"duration_stretch={stretch:.2f}", "--setf", f"int_f0_target_mean={pitch:.0f}")
    command = ["flite", "-voice", request.speaker.name, "-psdur", *settings, "-t", request.text, "-o", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0 or not done.stdout.strip():
        return None
    samples, sample_rate = read_wav(path)
    ends = [(phone, float(end)) for phone, _, end in (entry.rpartition(":") for entry in done.stdout.split())]
    return Utterance(samples, sample_rate, from_ends(ends, ARPABET, len(samples) / sample_rate))
