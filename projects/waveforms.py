"""What voices look like: a file goes in; how high its waveform is comes out, kept with its row.

A short voice is drawn as it is taken in. A long one, and what an earlier version took in, are drawn by the housekeeping lane.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from lipsync.errors import LipsyncError, UnusableInput
from lipsync.media import sound_peaks
from projects import objects
from projects.errors import Missing, ProjectError
from projects.models import AudioTrack

AT_ONCE_SECONDS = 300.0
NOTHING = b""

logger = logging.getLogger(__name__)


def of_new(path: Path, duration: float) -> bytes | None:
    """The waveform of a voice that is being taken in; None where it is left for later."""
    if duration > AT_ONCE_SECONDS:
        return None
    try:
        return sound_peaks(path)
    except UnusableInput:
        return NOTHING
    except LipsyncError:
        logger.warning("the waveform of %s is drawn later", path.name, exc_info=True)
        return None


def draw_missing(seconds: float) -> int:
    """Draw what was not drawn yet, the newest first, for so many seconds at most. Returns how many."""
    deadline, count = time.monotonic() + seconds, 0
    missing = AudioTrack.objects.kept().filter(peaks__isnull=True)
    while time.monotonic() < deadline and (track := missing.first()) is not None:
        try:
            with objects.local(str(track.file), track.sha256) as path:
                peaks = sound_peaks(path)
        except (UnusableInput, Missing):
            peaks = NOTHING
        except (LipsyncError, ProjectError, OSError):
            logger.warning("the waveform of the voice %s could not be drawn now", track.pk, exc_info=True)
            return count
        AudioTrack.objects.filter(pk=track.pk).update(peaks=peaks)
        count += 1
    return count
