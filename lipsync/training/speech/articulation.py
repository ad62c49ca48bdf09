"""What the mouth does, 100 times a second, for phonemes with their times.

The channels are those of the drawn person (`lipsync.synthetic.articulation`, after Cohen and Massaro 1993), with the lips
really closed at p, b and m; the classes are those of `lipsync.sound.phonemes`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lipsync.sound.phonemes import CLASSES
from lipsync.synthetic.articulation import GESTURES, channels, segments
from lipsync.synthetic.speech import SILENCE, Phoneme

CHANNELS = ("aperture", "width", "protrusion", "jaw", "closure", "tuck")
SEALED = 0.97
"""Share of the aperture that a closure takes away."""
SPELLINGS = {
    "c\u0327": "ç",
    "ᵻ": "ɨ",
    "ε": "ɛ",
    "ʦ": "ts",
    "ᵐ": "m",
    "ᵑ": "ŋ",
    "ⁿ": "n",
    "g": "ɡ",
    "nɡ": "ŋ",
    "tsh": "ts",
    "aa": "a",
    "eo": "ɵ",
    "A": "ɑ",
    "N": "ŋ",
    "S": "ʃ",
    "X": "χ",
    "Z": "ʒ",
}
"""espeak-ng's own letters, here and there, for IPA."""
MEMBERS = {
    "p": "pbɓʙʘ",
    "m": "mɱ",
    "f": "fvʋɸβⱱ",
    "w": "wʍɥ",
    "sh": "ʃʒɕʑʂʐɧ",
    "s": "sz",
    "t": "tdɗʈɖɟcɾʄǀǃǂ",
    "n": "nɳɲŋɴ",
    "l": "lɫʎɭɬɮʟǁ",
    "r": "rʀʁɽɺɹɻ",
    "k": "kɡgxɣqχɢɠʛçʝɰ",
    "h": "hɦʔħʕʜʢʡ",
    "th": "θð",
    "j": "j",
    "i": "iɪ",
    "e": "e",
    "eh": "ɛæ",
    "a": "aɐ",
    "aa": "ɑʌ",
    "ax": "əɚɜɝɘ",
    "ao": "ɔɒ",
    "o": "oɵ",
    "u": "uʊʉ",
    "y": "yʏøœɶɞ",
    "ih2": "ɯɨɤɿʅ",
}
CLASS_OF = {symbol: CLASSES.index(name) for name, symbols in MEMBERS.items() for symbol in symbols} | {SILENCE: 0}


def tidy(phonemes: Iterable[Phoneme]) -> list[Phoneme]:
    """Only pauses and sounds with a gesture; what else a synthesiser names (tones, length) belongs to the sound before it."""
    kept: list[Phoneme] = []
    for phoneme in phonemes:
        symbol = phoneme.symbol if phoneme.symbol == SILENCE else spelt(phoneme.symbol)
        before = kept[-1] if kept else Phoneme(SILENCE, phoneme.start, phoneme.start)
        if not symbol or symbol == before.symbol == SILENCE:
            kept[-1:] = [Phoneme(before.symbol, before.start, phoneme.end)]
        else:
            kept.append(Phoneme(symbol, phoneme.start, phoneme.end))
    return kept


def spelt(symbol: str) -> str:
    """The letters of one phoneme that have a gesture; empty for a mark that is no sound."""
    if symbol.startswith("("):
        return ""  # espeak-ng changes its language
    if symbol == "ʲ":
        return "j"
    letters = unicodedata.normalize("NFD", symbol)
    for spelling, ipa in SPELLINGS.items():
        letters = letters.replace(spelling, ipa)
    return "".join(letter for letter in letters if letter in GESTURES)


def targets(
    phonemes: Iterable[Phoneme], times: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """(m, 6) CHANNELS and (m,) numbers of CLASSES at each time, in seconds; silence where there is no phoneme."""
    known = tidy(phonemes)
    path = channels(known, times)
    path[:, 0] *= 1 - SEALED * path[:, 4]
    classes = np.zeros(len(times), np.uint8)
    for segment in segments(known):
        classes[(times >= segment.start) & (times < segment.end)] = CLASS_OF[segment.symbol]
    return path, classes
