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

OF_THE_ENGINE = (
    # the clip as a file
    gettext_noop("The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg."),
    gettext_noop("The clip has no moving picture. Choose a video of a person speaking."),
    gettext_noop("The clip does not say how long it is. Export it again as mp4."),
    gettext_noop("The clip's picture is too large. Scale it down to 4K."),
    gettext_noop("The clip's picture is {width} x {height} pixels. Use a video of at least 256 x 256."),
    gettext_noop("No picture of the clip can be decoded. Export it again as mp4."),
    gettext_noop("The clip cannot be decoded from frame {frame} on. Export it again as mp4."),
    gettext_noop("The file is empty. Copy or upload it again."),
    # what is changed of the clip on the way in
    gettext_noop("The clip's frame rate varies; it is made constant at {rate} frames per second."),
    gettext_noop("The clip was filmed at {filmed} frames per second; the result has {rate}."),
    gettext_noop("The clip is HDR ({kind}); its colours are converted to standard range (BT.709)."),
    gettext_noop("The clip has wide colours (BT.2020); they are converted to BT.709."),
    gettext_noop("The clip is interlaced; its fields are joined into whole pictures at the same frame rate."),
    gettext_noop("The clip has {bits} bits per sample; the result has 8."),
    gettext_noop("The clip's colour is stored more finely than the result's, which is 4:2:0."),
    gettext_noop("The clip's size is odd; its last column or row is dropped, which leaves {width} x {height}."),
    # why a take is refused
    gettext_noop("The clip is shorter than half a second. Film at least 10 seconds."),
    gettext_noop("No face was found in the clip. Film one person, face to the camera, larger in the picture."),
    gettext_noop("The face in the clip is too small to work on. Come closer, so that the face fills a quarter of the height."),
    gettext_noop("The face is turned too far to the side in most of the clip. Film again with the face to the camera."),
    gettext_noop("The mouth is outside the picture in most of the clip. Film again with the whole face in the picture."),
    gettext_noop("The mouth is covered in most of the clip. Film again with hands, microphone and paper away from the mouth."),
    gettext_noop("Too little of the mouth is seen to work with. Film again with the face to the camera."),
    gettext_noop(
        "The face is seen in only {share} of the clip, first lost at {gap} s. "
        "Film again with the face to the camera throughout."
    ),
    # what limits a take
    gettext_noop("Only {seconds} s are there to borrow mouths from. Film 30 seconds of natural speech or more."),
    gettext_noop("The mouth hardly moves in this clip; film the person speaking to get open mouths to borrow from."),
    gettext_noop("The clip shows few different shapes of the mouth. Film 30 seconds of natural speech or more."),
    gettext_noop(
        "The face is not seen in places, where the clip passes unchanged. Film with the face in the picture throughout."
    ),
    gettext_noop(
        "The face is turned too far to the side in places, where the clip passes unchanged. Film with the face to the camera."
    ),
    gettext_noop(
        "The face is too small in places, where the clip passes unchanged. Film closer, without changing the distance."
    ),
    gettext_noop("The mouth leaves the picture in places, where the clip passes unchanged. Leave room around the face."),
    gettext_noop(
        "The mouth is covered in places, where the clip passes unchanged. Keep hands, microphone and paper away from it."
    ),
    gettext_noop("The head is often turned far to the side, where the mouth fits less well. Film with the face to the camera."),
    gettext_noop("The face is small in the picture, so the mouth has few pixels. Come closer or film in a higher resolution."),
    gettext_noop("The face is dark. Film with soft light from the front."),
    gettext_noop("The face is overexposed. Film with less light or a shorter exposure."),
    gettext_noop("The face is blurred. Focus on the eyes, clean the lens, and film without zoom or heavy compression."),
    gettext_noop("The clip is cut. Film in one go, or choose a part without a cut."),
    gettext_noop("One stretch of the clip can be used as it is. Choose its start and end for the clip."),
    gettext_noop("The head moves at the clip's start or end, where a longer voice turns back. Begin and end the take at rest."),
    gettext_noop("No two moments of the clip are alike enough to loop unseen. Let a longer voice play it to and fro."),
    # who the speaker is
    gettext_noop("Several faces are seen; the one that moves with the clip's sound was taken for the speaker."),
    gettext_noop("Several faces are seen; the largest was taken for the speaker. If it is another, film the speaker alone."),
    gettext_noop(
        "There is no face at the point chosen at {seconds} s. Choose the middle of the speaker's face, at a moment when it is "
        "turned to the camera."
    ),
    gettext_noop("The place of the speaker is given as X,Y or X,Y,SECONDS, with X and Y from 0 to 1. Choose it again."),
    # the clip's own sound
    gettext_noop("The clip has no sound of its own, so the mouth follows a general model. Film with the speaker's own sound."),
    gettext_noop("The clip's own sound is silent, so the mouth follows a general model. Film with the speaker's own sound."),
    gettext_noop(
        "The clip's own sound does not clearly match its mouth, so the mouth follows a general model. "
        "Film with the speaker's own voice, without music or other voices."
    ),
    gettext_noop("The clip's own sound is {milliseconds} ms off its picture. The result will be in time."),
    # the voice
    gettext_noop("The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg."),
    gettext_noop("The voice file has no sound. Choose a recording of a voice."),
    gettext_noop("The voice file has a sound track of zero length. Choose another recording."),
    gettext_noop("There is no sound that can be decoded. Choose another recording."),
    gettext_noop("The voice has no length. Choose another recording."),
    gettext_noop("The voice is silent throughout. Choose another recording."),
    gettext_noop(
        "The voice's file should last {told} s, but only {heard} s of it can be read, and the result ends there. "
        "Copy or upload the voice again."
    ),
    # its length and the clip's
    gettext_noop("The voice is longer than the clip, which is therefore played forwards and backwards."),
    gettext_noop("The voice is longer than the clip, which is therefore played again and again."),
    gettext_noop("The voice is longer than the clip, whose last seconds therefore go to and fro."),
    gettext_noop(
        "The voice is longer than the clip and was cut at {seconds} s. Choose another way to fill the length to hear all of it."
    ),
    gettext_noop("The way to fill the length is unknown. Choose one of: {choices}."),
    gettext_noop("The start must lie within the clip, which lasts {seconds} s. Choose another start."),
    gettext_noop("The end must lie within the clip, which lasts {seconds} s. Choose another end."),
    gettext_noop("The part chosen is shorter than half a second. Choose a later end or an earlier start."),
    gettext_noop("A draft lasts half a second or longer. Choose a longer one."),
    # how the result is encoded
    gettext_noop("There is no codec {codec}. Choose one of {choices}."),
    gettext_noop("There is no preset {preset}. Choose one of {choices}."),
    gettext_noop("Quality goes from 0 (best) to {worst}. Choose a number between."),
    gettext_noop("Encoding threads go from 0 (usual) to {largest}. Choose a number between."),
    gettext_noop("No NVIDIA video encoder can be opened on this machine. Choose the codec h264 or hevc."),
    gettext_noop("The output would overwrite a file that is read. Choose another name for it."),
    # the machine
    gettext_noop("{program} is not installed. Install it, on Debian or Ubuntu with: apt-get install ffmpeg"),
    gettext_noop("{program} cannot be started ({reason}). Free some memory and disk, and try again."),
    gettext_noop("{program} did not finish within {seconds} s."),
    gettext_noop("ffprobe gave no usable answer. Reinstall ffmpeg."),
    gettext_noop("The ffmpeg of this machine cannot convert HDR clips. Install one with zscale, or export the clip as SDR."),
    gettext_noop("A media program stopped answering."),
    gettext_noop("A file could not be read to its end. Start the render again."),
    gettext_noop("The loudness of the voice could not be measured. Start the render again."),
    gettext_noop("The video could not be encoded. See the log for what ffmpeg said."),
    gettext_noop("The video has {found} instead of {expected} frames. Start the render again."),
    gettext_noop("A process that rendered part of the video ended. Start the render again."),
    gettext_noop("Parts of the result were encoded in different ways. Start the render again."),
    gettext_noop("Another process has held a part of this video for minutes. End it, then start the render again."),
    gettext_noop("The machine has too little free memory for this. Try again when less else runs on it."),
    # engines that run on networks
    gettext_noop("There is no {what} named {name}. Choose one of: {choices}."),
    gettext_noop("What was chosen needs torch. Run: pip install -r requirements/gpu.txt"),
    gettext_noop("There are no weights named {name}. Choose one of: {choices}."),
    gettext_noop("The weights {name} are not for {architecture}. Choose others."),
    gettext_noop("The weights {name} may not be used commercially. Their licence: {licence}."),
    gettext_noop("The weights {name} are not installed. Run: manage.py weights install {how}."),
    gettext_noop("This installation does not use weights under the licence of {architecture}. Choose another engine."),
    gettext_noop(
        "The file of the weights {name} is not what it should be. Run: manage.py weights remove {again}, then install it again."
    ),
    gettext_noop("No weights can be read from {file}. Install them again."),
    gettext_noop(
        "The weights in {file} are not for {network}: {count} parts differ, {part} for one. Install the published file."
    ),
    gettext_noop("{name} is no device. Choose auto, cpu, or cuda:0, cuda:1 and so on."),
    gettext_noop("{name} is no precision. Choose one of: {choices}."),
    gettext_noop("This machine has no graphics card {name} that torch can use. Choose another device, or auto."),
    gettext_noop("The graphics card does not answer any more. The worker is started anew and tries again."),
    gettext_noop("The engine met a fault of its own. Send the log of this job to whoever looks after the installation."),
)

# Paths of the server mean nothing to whoever reads a page.
WITHOUT_PATHS = {
    "{path} cannot be read ({reason}). Check the path and its permissions.": gettext_noop(
        "The server cannot read the file ({reason}). Tell the administrator."
    ),
    "Nothing can be written to {path} ({reason}). Choose another folder or change its permissions.": gettext_noop(
        "The server cannot store the video ({reason}). Tell the administrator."
    ),
    "{path} cannot be written ({reason}). Choose another name or folder.": gettext_noop(
        "The server cannot store the file. Tell the administrator: {reason}."
    ),
    "What was written to {path} cannot be read back. Check the disk.": gettext_noop(
        "The server's disk does not give back what was written to it. Tell the administrator."
    ),
    "The disk with {path} is full. Free some room and try again.": gettext_noop(
        "The server's disk is nearly full. Ask the administrator to make room, then try again."
    ),
    "The analysis in {path} cannot be read. Start the render again.": gettext_noop(
        "What was stored about the clip cannot be read. Start the render again."
    ),
    "{path} cannot be read. Remove it, then install your own weights again.": gettext_noop(
        "The list of the installation's own weights cannot be read. Tell the administrator."
    ),
    "A part of the result, {path}, is damaged. Start the render again.": gettext_noop(
        "A part of the result is damaged. Start the render again."
    ),
}

# What workers write themselves, where it has values; the rest stands where it is written.
OF_WORKERS = (
    gettext_noop("No valid consent of {speaker} is on record. Record it on the lecturer's page, then try again."),
    gettext_noop("The render took longer than {hours} hours and was stopped. Use a shorter voice."),
    gettext_noop(
        "This render was broken off {count} times without getting any further. Try again; if it happens again, tell the "
        "administrator the render's number."
    ),
    gettext_noop("The server cannot store the file. Tell the administrator: {reason}."),
    gettext_noop(
        "The storage for finished files does not answer ({reason}). Try again in a few minutes, or tell the administrator."
    ),
    gettext_noop("A stored file is missing. Ask the administrator to bring it back from a backup."),
    gettext_noop("A stored file is damaged. Ask the administrator to bring it back from a backup."),
)

SENTENCES = OF_THE_ENGINE + OF_WORKERS


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


def pattern_of(template: str) -> re.Pattern[str]:
    """What matches a sentence with whatever values it is filled."""
    parts = PLACE.split(template)
    places = (f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile("".join(places), re.DOTALL)


@cache
def _with_values() -> dict[re.Pattern[str], str]:
    """What a sentence with values looks like once it is filled, and what is shown for it."""
    templates = {sentence: sentence for sentence in SENTENCES if PLACE.search(sentence)} | WITHOUT_PATHS
    return {pattern_of(template): sentence for template, sentence in templates.items()}


def _filled(template: str, values: Mapping[str, str]) -> str:
    return PLACE.sub(lambda place: values.get(place[1], ""), template)
