"""Reading and writing media: the only door to ffmpeg."""

from lipsync.media.frames import Frame, FrameReader, FrameWriter
from lipsync.media.join import join
from lipsync.media.probe import ClipFacts, VoiceFacts, probe_clip, probe_voice
from lipsync.media.sound import read_sound
from lipsync.media.still import save_still

__all__ = [
    "ClipFacts",
    "Frame",
    "FrameReader",
    "FrameWriter",
    "VoiceFacts",
    "join",
    "probe_clip",
    "probe_voice",
    "read_sound",
    "save_still",
]
