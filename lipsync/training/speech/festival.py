"""festival: recorded voices of nine languages, as Debian's main archive has them.

festvox-kallpc16k is left out: flite's kal16 is the same recording.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from lipsync.synthetic.speech import Utterance
from lipsync.training.speech import phones
from lipsync.training.speech.speakers import Request, Speaker, between, from_ends, read_wav

STRETCH = (0.8, 1.3)
TIMEOUT_SECONDS = 300
QUOTES = re.compile(r'["\\]')
MARK = "utterance "


@dataclass(frozen=True, slots=True)
class Voice:
    """label; function that selects it in Scheme; language of its texts; phone set; encoding of its texts."""

    label: str
    function: str
    language: str
    to_ipa: dict[str, str]
    encoding: str
    held_out: bool = False


VOICES = (
    Voice("kdlpc16k", "voice_ked_diphone", "en", phones.ARPABET, "ascii"),
    Voice("us-slt-hts", "voice_cmu_us_slt_arctic_hts", "en", phones.ARPABET, "ascii"),
    Voice("ca-ona-hts", "voice_upc_ca_ona_hts", "ca", phones.CATALAN, "iso-8859-15"),
    Voice("hi-nsk", "voice_hindi_NSK_diphone", "hi", phones.INDIC, "utf-8"),
    Voice("mr-nsk", "voice_marathi_NSK_diphone", "mr", phones.INDIC, "utf-8"),
    Voice("te-nsk", "voice_telugu_NSK_diphone", "te", phones.INDIC, "utf-8"),
    Voice("suopuhe-lj", "voice_suo_fi_lj_diphone", "fi", phones.FINNISH, "iso-8859-15"),
    Voice("suopuhe-mv", "voice_hy_fi_mv_diphone", "fi", phones.FINNISH, "iso-8859-15"),
    Voice("itapc16k", "voice_pc_diphone", "it", phones.ITALIAN, "iso-8859-15"),
    Voice("czech-dita", "voice_czech_dita", "cs", phones.CZECH, "iso-8859-2"),
    Voice("czech-krb", "voice_czech_krb", "cs", phones.CZECH, "iso-8859-2"),
    Voice("czech-ph", "voice_czech_ph", "cs", phones.CZECH, "iso-8859-2"),
    Voice("italp16k", "voice_lp_diphone", "it", phones.ITALIAN, "iso-8859-15", held_out=True),
    Voice("czech-machac", "voice_czech_machac", "cs", phones.CZECH, "iso-8859-2", held_out=True),
    Voice("ru", "voice_msu_ru_nsh_clunits", "ru", phones.RUSSIAN, "utf-8", held_out=True),
)
_BY_FUNCTION = {voice.function: voice for voice in VOICES}
SCRIPT = """
(define (tell segment) (format t "%s %f\\n" (item.name segment) (item.feat segment "end")))
(define (speak number text)
  (unwind-protect
    (begin
      (set! spoken (utt.synth (eval (list 'Utterance 'Text text))))
      (utt.save.wave spoken (string-append folder "/" number ".wav") 'riff)
      (format t "utterance %s\\n" number)
      (mapcar tell (utt.relation.items spoken 'Segment)))
    nil))
"""


def speakers() -> tuple[Speaker, ...]:
    """Those whose voices are installed."""
    installed = _installed()
    return tuple(
        Speaker(f"festival:{voice.label}", voice.function, voice.language, held_out=voice.held_out)
        for voice in VOICES
        if voice.function in installed
    )


def missing_packages() -> list[str]:
    """Debian packages of the voices that are not installed."""
    installed = _installed()
    return [f"festvox-{voice.label}" for voice in VOICES if voice.function not in installed]


def _installed() -> set[str]:
    if not shutil.which("festival"):
        return set()
    listing = _run("(print (voice.list))").stdout.decode(errors="replace")
    return {f"voice_{name}" for name in re.findall(r"[\w-]+", listing)}


def speak(requests: Sequence[Request]) -> list[Utterance | None]:
    """One process for each speaker. None: its text failed, or festival has crashed there or before."""
    spoken: list[Utterance | None] = [None] * len(requests)
    order = sorted(range(len(requests)), key=lambda number: requests[number].speaker.name)
    for function, numbers in groupby(order, key=lambda number: requests[number].speaker.name):
        with tempfile.TemporaryDirectory() as folder:
            for number, utterance in _speak(_BY_FUNCTION[function], list(numbers), requests, Path(folder)):
                spoken[number] = utterance
    return spoken


def _speak(voice: Voice, numbers: list[int], requests: Sequence[Request], folder: Path) -> list[tuple[int, Utterance]]:
    lines = [f'(set! folder "{folder}")', SCRIPT, f"({voice.function})"]
    for number in numbers:
        request = requests[number]
        lines.append(f"(Parameter.set 'Duration_Stretch {between(*STRETCH, 1 - request.tempo):.2f})")
        lines.append(f'(speak "{number}" "{QUOTES.sub(" ", request.text)}")')
    script = folder / "script.scm"
    script.write_bytes("\n".join(lines).encode(voice.encoding, errors="ignore"))
    done = _run(str(script))
    parts = done.stdout.decode(errors="replace").split(MARK)[1:]
    spoken = []
    for part in parts if done.returncode == 0 else parts[:-1]:
        name, *rows = part.splitlines()
        ends = [(phone, float(end)) for phone, end in (row.split() for row in rows)]
        samples, sample_rate = read_wav(folder / f"{name}.wav")
        phonemes = from_ends(ends, voice.to_ipa, len(samples) / sample_rate)
        spoken.append((int(name), Utterance(samples, sample_rate, phonemes)))
    return spoken


def _run(script: str) -> subprocess.CompletedProcess[bytes]:
    command = ["festival", "--batch", script]
    try:
        return subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, -1, error.output or b"", b"")
