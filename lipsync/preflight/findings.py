"""What the card says: evidence goes in; a refusal, warnings and notes, with reason and what to film instead, come out."""

from __future__ import annotations

import numpy as np

from lipsync.gate import REASONS, SMALLEST_IOD_PIXELS
from lipsync.open_mouth import LITTLE_MOVEMENT_IOD
from lipsync.preflight.card import Card, Figures, Finding, Severity, Span, Verdict
from lipsync.preflight.evidence import Evidence
from lipsync.preflight.figures import MOST_PLACES, measure_figures, runs
from lipsync.sound.offset import UNNOTICED_SECONDS
from lipsync.sound.own import FEWEST_OWN_SECONDS
from lipsync.timeline import SHORTEST_PART_SECONDS

# The code of what is changed in every clip of this kind on the way in: its frame rate, its colours.
MEDIA = "media"

# The thresholds were set on the figures of thirty real takes, half of them good and half hard.
SMALLEST_COVERAGE = 0.5
# Landmarks say less than the true angle where a face is far turned: at 30 degrees a viewer sees about 40.
NEAR_PROFILE_DEGREES = 30.0
SHORT_SECONDS = 10.0
SMALL_IOD_PIXELS = 40.0
STRONG_TURN_DEGREES, STRONG_TURN_SHARE = 25.0, 0.1
DARK, BRIGHT, CLIPPED_SHARE = 50.0, 205.0, 0.05
BLURRED = 1.0
FEW_SHAPES = 0.5
GOOD_COVERAGE = 0.9
UNTOLD_GAP_SHARE, UNTOLD_GAP_SECONDS = 0.02, 0.5
# Beyond this a turn, per frame, or the jump of a loop is seen.
TURN_IOD, TURN_DEGREES = 0.02, 1.2
LOOP_IOD, LOOP_DEGREES = 0.06, 5.0

_MOSTLY = {
    "turned": (
        "near_profile",
        "The face is turned too far to the side in most of the clip. Film again with the face to the camera.",
    ),
    "small": (
        "face_too_small",
        "The face in the clip is too small to work on. Come closer, so that the face fills a quarter of the height.",
    ),
    "off_picture": (
        "mouth_off_picture",
        "The mouth is outside the picture in most of the clip. Film again with the whole face in the picture.",
    ),
    "covered": (
        "mouth_covered",
        "The mouth is covered in most of the clip. Film again with hands, microphone and paper away from the mouth.",
    ),
}


_HARDLY_SEEN = (
    "face_rarely_seen",
    "Too little of the mouth is seen to work with. Film again with the face to the camera.",
)


def judge(evidence: Evidence) -> Card:
    """Measure, find, and say whether the take can be used. Raises nothing: a hopeless take gives a card that refuses it."""
    figures = measure_figures(evidence)
    findings = find(evidence, figures)
    severities = {finding.severity for finding in findings}
    if Severity.REFUSAL in severities:
        return Card(Verdict.REFUSED, findings, figures)
    return Card(Verdict.WARNINGS if Severity.WARNING in severities else Verdict.READY, findings, figures)


def find(evidence: Evidence, figures: Figures) -> tuple[Finding, ...]:
    """Everything to know, the weightiest first. A refusal leaves out what would not matter after filming again."""
    refusal = _refusal(evidence, figures)
    if refusal is not None:
        found = [refusal, *_of_faces(evidence), *_of_cuts(evidence, figures), *_usable_part(figures), *_notes(evidence)]
        return tuple(found)
    found = [
        *_of_length_and_speech(figures),
        *_of_gaps(evidence, figures),
        *_of_picture(evidence, figures),
        *_of_faces(evidence),
        *_of_cuts(evidence, figures),
        *_of_sound(figures),
        *_of_joints(evidence),
        *_notes(evidence),
    ]
    if figures.cuts or figures.coverage < GOOD_COVERAGE:
        found += _usable_part(figures)
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.NOTE))


def _refusal(evidence: Evidence, figures: Figures) -> Finding | None:
    part, rate = evidence.part, evidence.facts.frame_rate
    seen = evidence.seen[part.start : part.stop]
    if len(part) < SHORTEST_PART_SECONDS * rate:
        return _refused(("too_short", "The clip is shorter than half a second. Film at least 10 seconds."))
    if not seen.any():
        return _refused(
            ("no_face", "No face was found in the clip. Film one person, face to the camera, larger in the picture.")
        )
    if figures.size_median is not None and figures.size_median < SMALLEST_IOD_PIXELS:
        return _refused(_MOSTLY["small"])
    turned = np.abs(evidence.angles[part.start : part.stop, 0][seen])
    if np.median(turned) > NEAR_PROFILE_DEGREES:
        return _refused(_MOSTLY["turned"], tuple(gap for gap in figures.gaps if gap.reason == "turned"))
    if figures.coverage >= SMALLEST_COVERAGE:
        return _refused(_HARDLY_SEEN) if figures.size_median is None else None
    lost = {reason: sum(gap.end - gap.start for gap in figures.gaps if gap.reason == reason) for reason in REASONS}
    reason = max(lost, key=lambda name: lost[name])
    if reason in _MOSTLY:
        return _refused(_MOSTLY[reason], figures.gaps)
    gap = next((gap.start for gap in figures.gaps if gap.reason == "no_face"), figures.part.start)
    pair = (
        "face_rarely_seen",
        f"The face is seen in only {figures.coverage:.0%} of the clip, first lost at {gap:.1f} s. "
        "Film again with the face to the camera throughout.",
    )
    return _refused(pair, figures.gaps)


def _refused(pair: tuple[str, str], places: tuple[Span, ...] = ()) -> Finding:
    return Finding(pair[0], Severity.REFUSAL, pair[1], places)


_GAPS = {
    "no_face": (
        "face_lost",
        "The face is not seen in places, where the clip passes unchanged. Film with the face in the picture throughout.",
    ),
    "turned": (
        "turned_away",
        "The face is turned too far to the side in places, where the clip passes unchanged. Film with the face to the camera.",
    ),
    "small": (
        "small_in_places",
        "The face is too small in places, where the clip passes unchanged. Film closer, without changing the distance.",
    ),
    "off_picture": (
        "leaves_picture",
        "The mouth leaves the picture in places, where the clip passes unchanged. Leave room around the face.",
    ),
    "covered": (
        "covered_in_places",
        "The mouth is covered in places, where the clip passes unchanged. Keep hands, microphone and paper away from it.",
    ),
}


_LITTLE_MOVEMENT = (
    "little_movement",
    "The mouth hardly moves in this clip; film the person speaking to get open mouths to borrow from.",
)
_FEW_SHAPES = (
    "few_shapes",
    "The clip shows few different shapes of the mouth. Film 30 seconds of natural speech or more.",
)
_STRONG_TURN = (
    "strong_turn",
    "The head is often turned far to the side, where the mouth fits less well. Film with the face to the camera.",
)
_SMALL_FACE = (
    "small_face",
    "The face is small in the picture, so the mouth has few pixels. Come closer or film in a higher resolution.",
)
_DARK = ("dark", "The face is dark. Film with soft light from the front.")
_OVEREXPOSED = ("overexposed", "The face is overexposed. Film with less light or a shorter exposure.")
_BLURRED = (
    "blurred",
    "The face is blurred. Focus on the eyes, clean the lens, and film without zoom or heavy compression.",
)
_HEARD_SPEAKER = (
    "several_faces",
    "Several faces are seen; the one that moves with the clip's sound was taken for the speaker.",
)
_LARGEST_SPEAKER = (
    "several_faces",
    "Several faces are seen; the largest was taken for the speaker. If it is another, film the speaker alone.",
)
_CUTS = ("cuts", "The clip is cut. Film in one go, or choose a part without a cut.")
_USABLE_PART = (
    "usable_part",
    "One stretch of the clip can be used as it is. Choose its start and end for the clip.",
)
_NO_SOUND = (
    "no_own_sound",
    "The clip has no sound of its own, so the mouth follows a general model. Film with the speaker's own sound.",
)
_SILENT = (
    "silent_own_sound",
    "The clip's own sound is silent, so the mouth follows a general model. Film with the speaker's own sound.",
)
_UNMATCHED = (
    "unmatched_sound",
    "The clip's own sound does not clearly match its mouth, so the mouth follows a general model. "
    "Film with the speaker's own voice, without music or other voices.",
)
_MOVING_ENDS = (
    "moving_ends",
    "The head moves at the clip's start or end, where a longer voice turns back. Begin and end the take at rest.",
)
_NO_LOOP = (
    "no_loop",
    "No two moments of the clip are alike enough to loop unseen. Let a longer voice play it to and fro.",
)


def _warning(pair: tuple[str, str], places: tuple[Span, ...] = ()) -> Finding:
    return Finding(pair[0], Severity.WARNING, pair[1], places)


def _note(pair: tuple[str, str], places: tuple[Span, ...] = ()) -> Finding:
    return Finding(pair[0], Severity.NOTE, pair[1], places)


def _of_length_and_speech(figures: Figures) -> list[Finding]:
    found = []
    seconds = figures.part.end - figures.part.start
    if seconds < SHORT_SECONDS:
        short = (
            "short_clip",
            f"Only {seconds:.1f} s are there to borrow mouths from. Film 30 seconds of natural speech or more.",
        )
        found.append(_warning(short))
    if figures.movement is not None and figures.movement < LITTLE_MOVEMENT_IOD:
        found.append(_warning(_LITTLE_MOVEMENT))
    elif figures.richness is not None and figures.richness < FEW_SHAPES and not found:
        found.append(_warning(_FEW_SHAPES))
    return found


def _of_gaps(evidence: Evidence, figures: Figures) -> list[Finding]:
    found = []
    whole = figures.part.end - figures.part.start
    for reason, pair in _GAPS.items():
        places = tuple(gap for gap in figures.gaps if gap.reason == reason)
        seconds = sum(gap.end - gap.start for gap in places)
        shown = tuple(sorted(sorted(places, key=lambda gap: gap.start - gap.end)[:MOST_PLACES], key=lambda gap: gap.start))
        if seconds > UNTOLD_GAP_SHARE * whole or seconds > UNTOLD_GAP_SECONDS:
            found.append(_warning(pair, shown))
        elif places:
            found.append(_note(pair, shown))
    part = evidence.part
    yaw = np.abs(evidence.angles[part.start : part.stop, 0])
    far = (yaw > STRONG_TURN_DEGREES) & evidence.seen[part.start : part.stop]
    if far.mean() > STRONG_TURN_SHARE:
        found.append(_warning(_STRONG_TURN, runs(far, part.start, float(evidence.facts.frame_rate))))
    return found


def _of_picture(evidence: Evidence, figures: Figures) -> list[Finding]:
    found = []
    part = np.s_[evidence.part.start : evidence.part.stop]
    clipped = 0.0 if evidence.clipped is None else float(np.median(evidence.clipped[part][evidence.seen[part]]))
    if figures.size_median is not None and figures.size_median < SMALL_IOD_PIXELS:
        found.append(_warning(_SMALL_FACE))
    if figures.light is not None and figures.light < DARK:
        found.append(_warning(_DARK))
    elif figures.light is not None and (figures.light > BRIGHT or clipped > CLIPPED_SHARE):
        found.append(_warning(_OVEREXPOSED))
    if figures.sharpness is not None and figures.sharpness < BLURRED:
        found.append(_warning(_BLURRED))
    return found


def _of_faces(evidence: Evidence) -> list[Finding]:
    if evidence.faces < 2 or evidence.speaker == "point":
        return []
    if evidence.speaker == "sound":
        return [_note(_HEARD_SPEAKER)]
    return [_warning(_LARGEST_SPEAKER)]


def _of_cuts(evidence: Evidence, figures: Figures) -> list[Finding]:
    if not figures.cuts:
        return []
    frame = 1 / float(evidence.facts.frame_rate)
    places = tuple(Span(cut, round(cut + frame, 3)) for cut in figures.cuts[:MOST_PLACES])
    return [_warning(_CUTS, places)]


def _usable_part(figures: Figures) -> list[Finding]:
    if figures.usable_part is None or figures.usable_part == figures.part:
        return []
    return [_note(_USABLE_PART, (figures.usable_part,))]


def _of_sound(figures: Figures) -> list[Finding]:
    if figures.sound == "none":
        return [_warning(_NO_SOUND)]
    if figures.sound == "silent":
        return [_warning(_SILENT)]
    if figures.part.end - figures.part.start < FEWEST_OWN_SECONDS:
        return []  # too short to tell, and the warning about its length is there
    if figures.sound == "unmatched":
        return [_warning(_UNMATCHED)]
    offset = figures.sound_offset
    if offset is not None and abs(offset) > UNNOTICED_SECONDS:
        off = ("sound_off", f"The clip's own sound is {abs(offset) * 1000:.0f} ms off its picture. The result will be in time.")
        return [_note(off)]
    return []


def _of_joints(evidence: Evidence) -> list[Finding]:
    joints = evidence.joints
    if joints is None:
        return []
    found = []
    if max(joints.low.moved, joints.high.moved) > TURN_IOD or max(joints.low.turned, joints.high.turned) > TURN_DEGREES:
        found.append(_note(_MOVING_ENDS))
    if joints.loop.moved > LOOP_IOD or joints.loop.turned > LOOP_DEGREES:
        found.append(_note(_NO_LOOP))
    return found


def _notes(evidence: Evidence) -> list[Finding]:
    return [_note((MEDIA, sentence)) for sentence in evidence.notes]
