"""Stored sentences in the reader's language: what the engine or a worker wrote in English goes in, a translation comes out.

The engine knows no languages and a worker no reader, so their errors and notices are stored in English. What is unknown
here is shown as it is. A test compares this list with the engine's sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from django.utils.translation import gettext, gettext_noop

PLACE = re.compile(r"\{(\w+)[^}]*\}")

SENTENCES = (
    # the clip
    gettext_noop("The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg."),
    gettext_noop("The clip has no moving picture. Choose a video of a person speaking."),
    gettext_noop("The clip does not say how long it is. Export it again as mp4."),
    gettext_noop("The clip's picture is too large. Scale it down to 4K."),
    gettext_noop("The clip's picture is {width} x {height} pixels. Use a video of at least 256 x 256."),
    gettext_noop("No picture of the clip can be decoded. Export it again as mp4."),
    gettext_noop("The clip cannot be decoded from frame {frame} on. Export it again as mp4."),
    gettext_noop("The clip is shorter than half a second. Film at least 10 seconds."),
    gettext_noop("No face was found in the clip. Film one person, face to the camera, larger in the picture."),
    gettext_noop("The face in the clip is too small to work on. Come closer, so that the face fills a quarter of the height."),
    gettext_noop(
        "The face is seen in only {share} of the clip, first lost at {gap} s. "
        "Film again with the face to the camera throughout."
    ),
    # the voice
    gettext_noop("The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg."),
    gettext_noop("The voice file has no sound. Choose a recording of a voice."),
    gettext_noop("The voice file has a sound track of zero length. Choose another recording."),
    gettext_noop("There is no sound that can be decoded. Choose another recording."),
    gettext_noop("The voice has no length. Choose another recording."),
    gettext_noop("The voice is silent throughout. Choose another recording."),
    # either, and the machine
    gettext_noop("The file is empty. Copy or upload it again."),
    gettext_noop("{program} is not installed. Install it, on Debian or Ubuntu with: apt-get install ffmpeg"),
    gettext_noop("{program} did not finish within {seconds} s."),
    gettext_noop("ffprobe gave no usable answer. Reinstall ffmpeg."),
    gettext_noop("A media program stopped answering."),
    gettext_noop("The video could not be encoded. See the log for what ffmpeg said."),
    gettext_noop("The video has {found} instead of {expected} frames. Start the render again."),
    gettext_noop("The engine met a fault of its own. Send the log of this job to whoever looks after the installation."),
    # notices on a finished video
    gettext_noop("The face is seen in {share} of the clip; elsewhere the clip passes unchanged."),
    gettext_noop("The clip has no sound of its own; the mouth follows a general model instead of this speaker's habits."),
    gettext_noop("The clip is too short to learn this speaker's habits; film 30 seconds of speech or more."),
    gettext_noop("The clip's sound does not match its mouth; the mouth follows a general model instead."),
    gettext_noop("The mouth hardly moves in this clip; film the person speaking to get open mouths to borrow from."),
    gettext_noop("The voice is longer than the clip, which is therefore played forwards and backwards."),
    # what workers write themselves, where it has values; the rest stands where it is written
    gettext_noop("The render took longer than {hours} hours and was stopped. Use a shorter voice."),
    gettext_noop(
        "The worker died {count} times on this render. Try again; if it happens again, tell the administrator the "
        "render's number."
    ),
    gettext_noop("The server cannot store the file. Tell the administrator: {reason}."),
)

# Paths of the server mean nothing to whoever reads a page.
WITHOUT_PATHS = {
    "{path} cannot be read ({reason}). Check the path and its permissions.": gettext_noop(
        "The server cannot read the file ({reason}). Tell the administrator."
    ),
    "Nothing can be written to {path} ({reason}). Choose another folder or change its permissions.": gettext_noop(
        "The server cannot store the video ({reason}). Tell the administrator."
    ),
    "The disk with {path} is full. Free some room and try again.": gettext_noop(
        "The server's disk is nearly full. Ask the administrator to make room, then try again."
    ),
}


def shown(text: str) -> str:
    """A stored sentence in the language that is active, itself where it is not known."""
    if not text:
        return text  # to gettext, nothing means the catalogue's head
    translated = gettext(text)
    if translated != text:
        return translated
    for pattern, sentence in _with_values().items():
        match = pattern.fullmatch(text)
        if match:
            return _filled(gettext(sentence), match.groupdict())
    return text


def is_known(text: str) -> bool:
    """Whether a sentence is in the list, as it is or with other values."""
    return text in SENTENCES or any(pattern.fullmatch(text) for pattern in _with_values())


@cache
def _with_values() -> dict[re.Pattern[str], str]:
    """What a sentence with values looks like once it is filled, and what is shown for it."""
    templates = {sentence: sentence for sentence in SENTENCES if PLACE.search(sentence)} | WITHOUT_PATHS
    return {_pattern(template): sentence for template, sentence in templates.items()}


def _pattern(template: str) -> re.Pattern[str]:
    parts = PLACE.split(template)
    places = (f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile("".join(places), re.DOTALL)


def _filled(template: str, values: Mapping[str, str]) -> str:
    return PLACE.sub(lambda place: values.get(place[1], ""), template)
