"""Reading and writing media: the only door to ffmpeg."""

from lipsync.media.cleaning import SoundChoice, cleaned
from lipsync.media.encoding import Encoding, nvenc_opens
from lipsync.media.facts import ClipFacts, VoiceFacts, intake_notices
from lipsync.media.frames import Frame, FrameReader
from lipsync.media.join import join
from lipsync.media.peaks import sound_peaks
from lipsync.media.probe import probe_clip, probe_voice
from lipsync.media.rendition import is_heavy, plays_in_browsers, save_rendition
from lipsync.media.sound import read_sound
from lipsync.media.still import save_still
from lipsync.media.writer import FrameWriter

__all__ = [
    "ClipFacts",
    "Encoding",
    "Frame",
    "FrameReader",
    "FrameWriter",
    "SoundChoice",
    "VoiceFacts",
    "cleaned",
    "intake_notices",
    "is_heavy",
    "join",
    "nvenc_opens",
    "plays_in_browsers",
    "probe_clip",
    "probe_voice",
    "read_sound",
    "save_rendition",
    "save_still",
    "sound_peaks",
]
