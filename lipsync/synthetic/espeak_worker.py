"""Runs libespeak-ng in a process of its own, because the library crashes on some texts. Standard library only.

Enters on stdin: a line of JSON {text, voice, rate, pitch, range} for each text. Leaves on stdout, for each: one line of
JSON {sample_rate, samples, phonemes: [[symbol, seconds], ...]}, then the samples as little-endian int16. Exit codes: see
speech.py.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

EXIT_NO_LIBRARY = 3
EXIT_NO_VOICE = 4
LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS = 2
PHONEME_EVENTS_IN_IPA = 1 | 2
EVENT_PHONEME = 7
UTF8 = 1
RATE, PITCH, RANGE = 1, 3, 4
"""Numbers from espeak-ng's speak_lib.h."""


class _Identifier(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    )


def synthesise(library: ctypes.CDLL, request: dict[str, Any]) -> tuple[bytes, list[tuple[str, float]]]:
    """int16 samples and (IPA symbol, seconds of its beginning) of a text."""
    sound = bytearray()
    phonemes: list[tuple[str, float]] = []

    def receive(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            sound.extend(ctypes.string_at(wave, 2 * count))
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == EVENT_PHONEME:
                phonemes.append((event.id.string.decode("utf-8", "ignore"), event.audio_position / 1000))
            index += 1
        return 0

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
    callback = kind(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        sys.exit(EXIT_NO_VOICE)
    for number, name in ((RATE, "rate"), (PITCH, "pitch"), (RANGE, "range")):
        library.espeak_SetParameter(number, int(request[name]), 0)
    text = request["text"].encode() + b"\0"
    library.espeak_Synth(text, len(text), 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()
    return bytes(sound), phonemes


def main() -> None:
    """Serve the requests on stdin, one after the other."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        sys.exit(EXIT_NO_LIBRARY)
    sample_rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS_IN_IPA)
    if sample_rate <= 0:
        sys.exit(EXIT_NO_LIBRARY)
    for line in sys.stdin:
        sound, phonemes = synthesise(library, json.loads(line))
        header = {"sample_rate": sample_rate, "samples": len(sound) // 2, "phonemes": phonemes}
        sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + sound)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
