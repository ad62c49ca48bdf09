"""Segments become one video, their coded pictures untouched, with the new sound encoded once over the whole length."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipsync.errors import ToolFailed
from lipsync.media.encoding import Encoding
from lipsync.media.facts import ClipFacts
from lipsync.media.ffmpeg import Tool, ffmpeg, guarded_input, program, run
from lipsync.media.probe import count_frames
from lipsync.media.sound import sound_arguments
from lipsync.media.timing import PICTURE, SCAN_TIMEOUT_SECONDS
from lipsync.media.writer import PartFile, container_arguments

JOIN_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class _Segment:
    """What joining must know of a segment.

    frames: coded pictures; headers: a digest of the decoder's parameters; lead: frames by which decoding runs ahead
    """

    frames: int
    headers: str
    lead: int


def join(
    segments: Sequence[Path],
    output: Path,
    facts: ClipFacts,
    *,
    sound: Path | None,
    start: float = 0.0,
    seconds: float | None = None,
    encoding: Encoding | None = None,
) -> int:
    """Join what `FrameWriter` wrote without sound, in order, and give the number of frames; frame k is shown at k / rate.

    segments: files of one folder
    start, seconds: from where on and how much of the sound is taken; encoding: what the segments were written with

    Raises EnvironmentFault (`no_space`, `not_writable`, `damaged_segment`, `segments_differ`, `encoder_failed`).
    """
    if not segments:
        raise ValueError("there is nothing to join")
    parts = [_inspect(path, facts.frame_rate) for path in segments]
    frames = sum(part.frames for part in parts)
    heard = ([], []) if sound is None else sound_arguments(sound.absolute(), seconds, start)
    with PartFile(output.absolute()) as file:
        command = _command(parts, file.path, facts, heard, encoding or Encoding())
        with Tool(command, feeding=True, folder=segments[0].parent) as tool:
            with contextlib.suppress(ConnectionError):
                tool.feed(_list(segments, parts, facts.frame_rate))
            tool.end_of_input()
            if tool.wait(timeout=JOIN_TIMEOUT_SECONDS) != 0:
                raise file.failure(tool.log())
        # Under a limit of memory ffmpeg may fail and still exit with success.
        if count_frames(file.path) != frames:
            raise _damaged(segments[0])
        file.keep()
    return frames


def _command(
    parts: list[_Segment], output: Path, facts: ClipFacts, heard: tuple[list[str], list[str]], encoding: Encoding
) -> list[str]:
    # Players expect a file's parameters once, in its header; only where segments differ each must bring its own.
    same = len({part.headers for part in parts}) == 1
    lead = max(part.lead for part in parts)
    # Each segment's times come rounded to microseconds; they are laid back on the grid.
    frame = f"(({facts.frame_rate})*TB)"
    times = f"setts=pts=round(round(PTS*{frame})/{frame}):dts=round((N-{lead})/{frame})"
    guard = ("-protocol_whitelist", "file,pipe", "-format_whitelist", "concat,mov")
    command = ["-y", *guard, "-f", "concat", "-safe", "0", "-auto_convert", str(int(not same)), "-i", "pipe:0"]
    second, encoded = heard
    command += [*second, "-map", "0:v:0", *encoded, "-c:v", "copy", "-bsf:v", times]
    if encoding.codec == "hevc":
        if not same:  # the one place for parameters that QuickTime accepts in hevc is the header
            raise ToolFailed("segments_differ", "Parts of the result were encoded in different ways. Start the render again.")
        command += ["-tag:v", "hvc1"]
    return ffmpeg(*command, *container_arguments(facts), f"file:{output}")


def _list(segments: Sequence[Path], parts: Sequence[_Segment], rate: Fraction) -> bytes:
    lines = ["ffconcat version 1.0"]
    for path, part in zip(segments, parts, strict=True):
        # By its name alone: a list cannot tell every folder's, such as one with a line break.
        quoted = path.name.replace("'", "'\\''")
        # A file tells its length in milliseconds, which add up to frames over many joints.
        lines += [f"file 'file:{quoted}'", f"duration {float(part.frames / rate):.6f}"]
    return "\n".join([*lines, ""]).encode()


def _inspect(path: Path, rate: Fraction) -> _Segment:
    entries = "stream=extradata_hash,nb_frames:packet=dts_time"
    command = [program("ffprobe"), "-v", "error", "-select_streams", PICTURE, "-show_data_hash", "sha256"]
    result = run([*command, "-show_entries", entries, "-of", "json", *guarded_input(path)], timeout=SCAN_TIMEOUT_SECONDS)
    report = json.loads(result.stdout or b"{}")
    streams, packets = report.get("streams", []), report.get("packets", [])
    if result.stderr or not streams or not packets or streams[0].get("nb_frames") != str(len(packets)):
        raise _damaged(path)
    lead = max(0, round(-float(packets[0]["dts_time"]) * rate))
    return _Segment(len(packets), str(streams[0].get("extradata_hash", "")), lead)


def _damaged(path: Path) -> ToolFailed:
    return ToolFailed("damaged_segment", f"A part of the result, {path.name}, is damaged. Start the render again.")
