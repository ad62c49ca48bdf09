"""Frames become a video file, which gets its name only when it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from lipsync.errors import EnvironmentFault, ToolFailed
from lipsync.machine import writing_to
from lipsync.media.colour import pixel_format
from lipsync.media.encoding import Encoding
from lipsync.media.facts import ClipFacts, even_size
from lipsync.media.ffmpeg import Tool, ffmpeg
from lipsync.media.frames import Frame
from lipsync.media.sound import sound_arguments

STALL_SECONDS = 120


class PartFile:
    """A file under a passing name; leaving the context without `keep` removes it."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.with_name(f".{output.name}.part")

    def __enter__(self) -> Self:
        with writing_to(self.output.parent):
            self.output.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        return self

    def keep(self) -> None:
        """Give the file its name, its content being on the disk."""
        with writing_to(self.output.parent):
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
            self.path.replace(self.output)

    def failure(self, log: str) -> EnvironmentFault:
        """Why the program that wrote the file failed."""
        if "No space left" in log:
            return EnvironmentFault("no_space", f"The disk with {self.output.parent} is full. Free some room and try again.")
        return ToolFailed("encoder_failed", "The video could not be encoded. See the log for what ffmpeg said.", log=log)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.path.unlink(missing_ok=True)


def container_arguments(facts: ClipFacts) -> list[str]:
    """ffmpeg's options for the file: when the clip was filmed and nothing else that the user's file tells of itself."""
    made = ["-metadata", f"creation_time={facts.creation_time}"] if facts.creation_time else []
    return ["-map_metadata", "-1", "-map_chapters", "-1", *made, "-movflags", "+faststart", "-f", "mp4"]


class FrameWriter:
    """Encodes frames to mp4 at the clip's rate, with its colour tags and shape of pixels, and adds the new sound.

    Without sound it writes a segment that `join` puts together with others: it starts with a key frame, and no picture
    refers beyond it. The file gets its name only when it is complete.
    """

    def __init__(
        self,
        output: Path,
        facts: ClipFacts,
        *,
        sound: Path | None,
        seconds: float | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        self.output = output
        self.frames = 0
        self._part = PartFile(output)
        self._encoding = encoding or Encoding()
        self._command = self._build(facts, sound, seconds)

    def _build(self, facts: ClipFacts, sound: Path | None, seconds: float | None) -> list[str]:
        width, height = even_size(facts)
        aspect = facts.sample_aspect
        tags = [part for name, value in facts.colour.items() for part in (f"-{name}", value)]
        if facts.full_range:
            tags += ["-color_range", "pc"]
        raw = ("-f", "rawvideo", "-pix_fmt", pixel_format(facts), "-s", f"{width}x{height}", "-r", str(facts.frame_rate))
        command = ["-y", *raw, "-thread_queue_size", "8", "-i", "pipe:0"]
        heard, encoded = sound_arguments(sound, seconds) if sound is not None else ([], [])
        command += [*heard, "-map", "0:v:0", *encoded]
        command += ["-vf", f"setsar={aspect.numerator}/{aspect.denominator}", "-fps_mode", "passthrough"]
        command += [*self._encoding.arguments(), "-pix_fmt", pixel_format(facts), *tags]
        return ffmpeg(*command, *container_arguments(facts), f"file:{self._part.path}")

    def __enter__(self) -> Self:
        self._part.__enter__()
        self._tool = Tool(self._command, feeding=True, graphics=self._encoding.codec == "h264_nvenc")
        return self

    def write(self, frame: Frame) -> None:
        """Encode one more frame. Raises EnvironmentFault (`no_space`, `encoder_failed`)."""
        try:
            self._tool.feed(frame.data.data)
        except ConnectionError as error:
            raise self._part.failure(self._tool.log()) from error
        self.frames += 1

    def finish(self) -> None:
        """Close the file and give it its name. Raises EnvironmentFault (`no_space`, `encoder_failed`)."""
        self._tool.end_of_input()
        if self._tool.wait(timeout=STALL_SECONDS) != 0:
            raise self._part.failure(self._tool.log())
        self._part.keep()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tool.__exit__(kind, error, trace)
        self._part.__exit__(kind, error, trace)
