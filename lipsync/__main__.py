"""The engine from the command line: `python -m lipsync render CLIP VOICE -o OUT.mp4`.

`python -m lipsync preflight CLIP` judges a clip before any render;
`python -m lipsync teach CLIP` learns more of the person, once, so that later renders follow a voice better;
`python -m lipsync speech VOICE` tells as JSON what is spoken when;
`python -m lipsync sheet A.mp4 B.mp4 -o SHEET.jpg` puts the same moments of several videos side by side;
`python -m lipsync weights list` tells which weights other engines need, `weights install NAME` brings them here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lipsync import __version__
from lipsync.contracts import (
    DEVICES,
    ENGINES,
    ENHANCERS,
    PRECISIONS,
    TRACKERS,
    RenderOptions,
    RenderReport,
    SpeakerPoint,
)
from lipsync.errors import EXIT_BUG, EnvironmentFault, LipsyncError
from lipsync.media import Encoding, SoundChoice
from lipsync.weights import command as weights_command

# A picture of more would be wider than a jpg can be.
MOST_MOMENTS = 200
MOST_WORKERS = 256
VIDEO_SUFFIXES = (".mp4", ".m4v")
STAGE_WORDS = {
    "load": "loading the network",
    "look": "looking at the clip",
    "listen": "listening to the voice",
    "plan": "choosing mouths",
    "render": "rendering",
    "finish": "closing the file",
    "measure": "checking the result",
    "teach": "learning from the clip's own sound",
}


@dataclass(slots=True)
class TerminalReporter:
    """One line that counts up on a terminal; a line per stage elsewhere."""

    quiet: bool
    _shown: int = -1

    def stage(self, name: str) -> None:
        """See `lipsync.contracts.Reporter`."""
        self._shown = -1
        if not self.quiet and not sys.stderr.isatty():
            sys.stderr.write(f"{STAGE_WORDS.get(name, name)}\n")

    def progress(self, stage: str, done: int, total: int) -> None:
        """See `lipsync.contracts.Reporter`."""
        percent = 100 * done // max(1, total)
        if not self.quiet and sys.stderr.isatty() and percent != self._shown:
            self._shown = percent
            sys.stderr.write(f"\r\x1b[K{STAGE_WORDS.get(stage, stage)} {percent}%")
            if done >= total:
                sys.stderr.write("\n")

    def segments(self, done: int, total: int, task: Path | None) -> None:
        """See `lipsync.contracts.Reporter`."""

    def note(self, level: str, message: str) -> None:
        """See `lipsync.contracts.Reporter`."""
        if not self.quiet:
            sys.stderr.write(f"{level}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Parse, render, report. The exit code: 0 done, 1 bug, 2 the input, 3 the machine, 128 + n ended by signal n."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # who started it may want one ignored, as nohup does
            signal.signal(number, _end)
    try:
        chosen = _parser().parse_args(arguments)
        verbs = {"sheet": _sheet, "preflight": _preflight, "render": _render, "speech": _speech, "teach": _teach}
        verbs["weights"] = _weights
        _tell(verbs[chosen.verb](chosen))
    except LipsyncError as error:
        place = f" (at {error.at:.1f} s)" if error.at is not None else ""
        sys.stderr.write(f"error {error.code}: {error.message}{place}\n{error.log}")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        return 130
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception:  # the command line's edge
        traceback.print_exc()
        return EXIT_BUG
    return 0


def _tell(answer: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text that the terminal can show
    sys.stdout.write(answer)
    sys.stdout.flush()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by the usual way, so that every context removes what it made; asked again, end at once."""
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lipsync", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    render = verbs.add_parser("render", help="make the person in CLIP say what VOICE says")
    render.add_argument("clip", type=_resolved, help="a video of one person speaking")
    render.add_argument("voice", type=_resolved, help="a sound file, or a video whose sound is taken")
    render.add_argument("-o", "--output", type=_video, required=True, help="the mp4 to write")
    render.add_argument("--quality", type=int, default=Encoding().quality, help="x264 rate factor, 0 best to 51 (%(default)s)")
    render.add_argument("--preset", default=Encoding().preset, help="x264 speed preset (%(default)s)")
    _add_choices(render)
    _add_networks(render)
    render.add_argument("--codec", default=Encoding().codec, help="h264, hevc or h264_nvenc (%(default)s)")
    render.add_argument(
        "--measure", action="store_true", help="look at some frames of the result and report how well the mouth follows"
    )
    render.add_argument("--json", action="store_true", help="print the report as JSON")
    render.add_argument("--quiet", action="store_true", help="print nothing but the report")
    render.add_argument("--verbose", action="store_true", help="let the libraries' own messages through")
    preflight = verbs.add_parser("preflight", help="judge CLIP before any render")
    preflight.add_argument("clip", type=_resolved, help="a video of one person speaking")
    preflight.add_argument("--picture", type=_resolved, help="write a strip of pictures with the found face, jpg or png")
    _add_part(preflight)
    preflight.add_argument("--json", action="store_true", help="print the card as JSON")
    preflight.add_argument("--quiet", action="store_true", help="print nothing but the card")
    preflight.add_argument("--verbose", action="store_true", help="let the libraries' own messages through")
    teach = verbs.add_parser("teach", help="learn more of the person in CLIP, once: later renders follow a voice better")
    teach.add_argument("clip", type=_resolved, help="a video of one person speaking, with its own sound")
    teach.add_argument("--quiet", action="store_true", help="print nothing but what came of it")
    _add_keeping(teach)
    speech = verbs.add_parser("speech", help="tell what is spoken when in VOICE, as JSON")
    speech.add_argument("voice", type=_resolved, help="a sound file, or a video whose sound is taken")
    sheet = verbs.add_parser("sheet", help="write the same moments of several videos side by side")
    sheet.add_argument("videos", type=_resolved, nargs="+", help="one row each; the window is cut around the first one's face")
    sheet.add_argument("-o", "--output", type=_resolved, required=True, help="the picture to write, jpg or png")
    sheet.add_argument("--start", type=_seconds, default=0.5, help="first moment, seconds (%(default)s)")
    sheet.add_argument("--step", type=_seconds, default=0.4, help="seconds between moments (%(default)s)")
    sheet.add_argument("--count", type=_count, default=8, help=f"number of moments, {MOST_MOMENTS} at most (%(default)s)")
    sheet.add_argument("--verbose", action="store_true", help="let the libraries' own messages through")
    weights_command.add_words(verbs.add_parser("weights", help="files of weights: which there are, and their licences"))
    return parser


def _add_networks(render: argparse.ArgumentParser) -> None:
    """Engines that run on torch, and where."""
    render.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="what makes the mouths (%(default)s)")
    render.add_argument("--enhancer", choices=ENHANCERS, default="", help="what restores them afterwards (nothing)")
    render.add_argument("--tracker", choices=TRACKERS, default=TRACKERS[0], help="what finds the landmarks (%(default)s)")
    render.add_argument("--weights", default="", help="name of the engine's weights (the first that are installed)")
    render.add_argument(
        "--device", type=_device, default="auto", help="where networks run: auto, cpu, cuda:0 and so on (%(default)s)"
    )
    render.add_argument("--precision", choices=PRECISIONS, default="auto", help="of networks (%(default)s)")


def _add_choices(render: argparse.ArgumentParser) -> None:
    """What of clip and voice is used and how, and what is kept for the next time."""
    render.add_argument(
        "--longer", default="bounce", help="a voice longer than the clip: bounce, loop, hold, cut (%(default)s)"
    )
    render.add_argument("--shorter", default="cut", help="voice shorter than the clip: cut or keep (%(default)s)")
    _add_part(render)
    render.add_argument("--denoise", action="store_true", help="turn down steady noise in the voice that is heard")
    render.add_argument("--loudness", action="store_true", help="bring the voice that is heard to -16 LUFS (EBU R128)")
    render.add_argument("--workers", type=_workers, default=0, help="processes that render (one for two cores)")
    render.add_argument("--segments", type=_resolved, help="folder where finished parts wait, to resume a render that failed")


def _add_part(verb: argparse.ArgumentParser) -> None:
    """Which part of the clip and which person, and where what was seen is kept."""
    verb.add_argument("--from", dest="start", type=float, help="first second of the clip to use (its start)")
    verb.add_argument("--to", dest="end", type=float, help="last second of the clip to use (its end)")
    _add_keeping(verb)


def _add_keeping(verb: argparse.ArgumentParser) -> None:
    """Which person it is about, and where what was seen is kept."""
    verb.add_argument("--speaker", type=_point, help="where the speaker is: X,Y or X,Y,SECONDS, 0 to 1 from the upper left")
    verb.add_argument("--cache", type=_resolved, default=_default_cache(), help="folder where analyses are kept (%(default)s)")
    verb.add_argument("--no-cache", action="store_const", const=None, dest="cache", help="keep no analysis")


def _point(text: str) -> SpeakerPoint:
    return SpeakerPoint.of(text.split(","))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError("give seconds, 0 or more")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_MOMENTS:
        raise argparse.ArgumentTypeError(f"give a number from 1 to {MOST_MOMENTS}")
    return count


def _workers(text: str) -> int:
    workers = int(text)
    if not 0 <= workers <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"give a number from 0 to {MOST_WORKERS}")
    return workers


def _device(text: str) -> str:
    """Said at once, though only networks ask for it."""
    if not re.fullmatch(DEVICES, text):
        raise argparse.ArgumentTypeError("give auto, cpu, or cuda:0, cuda:1 and so on")
    return text


def _video(text: str) -> Path:
    """An mp4 under another name would be taken for something else."""
    if Path(text).suffix.lower() not in VIDEO_SUFFIXES:
        raise argparse.ArgumentTypeError(f"the video is an mp4: give a name that ends in {' or '.join(VIDEO_SUFFIXES)}")
    return _resolved(text)


def _resolved(text: str) -> Path:
    """A path that means the same in every process."""
    return Path(text).resolve()


def _default_cache() -> Path:
    """Where analyses are kept when nothing is said: the user's folder for what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(home) / "heygem-studio" / "analysis").resolve()


def _sheet(chosen: argparse.Namespace) -> str:
    with contextlib.nullcontext() if chosen.verbose else _libraries_silenced():
        from lipsync.sheet import contact_sheet  # noqa: PLC0415 - heavy

        moments = [chosen.start + chosen.step * number for number in range(chosen.count)]
        contact_sheet(chosen.videos, chosen.output, moments)
    return f"{chosen.output}\n"


def _teach(chosen: argparse.Namespace) -> str:
    if chosen.cache is None:
        raise EnvironmentFault("nothing_kept", "What is learnt must be kept somewhere. Leave --no-cache away.")
    with _libraries_silenced():
        from lipsync.teaching import teach_clip  # noqa: PLC0415 - heavy

        options = RenderOptions(point=chosen.speaker, cache=chosen.cache)
        return json.dumps(teach_clip(chosen.clip, options, TerminalReporter(chosen.quiet))) + "\n"


def _speech(chosen: argparse.Namespace) -> str:
    from lipsync.hearing import hear  # noqa: PLC0415 - heavy
    from lipsync.sound.utterance import utterance_of  # noqa: PLC0415

    return json.dumps(utterance_of(hear(chosen.voice)).as_dict()) + "\n"


def _weights(chosen: argparse.Namespace) -> str:
    for line in weights_command.carry_out(chosen):
        sys.stdout.write(line + "\n")
    return ""


def _preflight(chosen: argparse.Namespace) -> str:
    options = RenderOptions(start=chosen.start, end=chosen.end, point=chosen.speaker, cache=chosen.cache)
    with contextlib.nullcontext() if chosen.verbose else _libraries_silenced():
        from lipsync.judging import preflight  # noqa: PLC0415 - heavy
        from lipsync.preflight import card_in_words  # noqa: PLC0415

        card = preflight(chosen.clip, options, TerminalReporter(chosen.quiet), chosen.picture)
        return json.dumps(card.as_dict(), indent=2) + "\n" if chosen.json else card_in_words(card)


def _render(chosen: argparse.Namespace) -> str:
    options = RenderOptions(
        encoding=Encoding(chosen.quality, chosen.preset, chosen.codec),
        sound=SoundChoice(chosen.denoise, chosen.loudness),
        measure=chosen.measure,
        longer=chosen.longer,
        shorter=chosen.shorter,
        start=chosen.start,
        end=chosen.end,
        point=chosen.speaker,
        cache=chosen.cache,
        segments=chosen.segments,
        workers=chosen.workers,
        engine=chosen.engine,
        enhancer=chosen.enhancer,
        tracker=chosen.tracker,
        weights=chosen.weights,
        device=chosen.device,
        precision=chosen.precision,
    )
    with contextlib.nullcontext() if chosen.verbose else _libraries_silenced():
        from lipsync.engines import render  # noqa: PLC0415 - heavy; --help and wrong arguments shall answer at once

        report = render(chosen.clip, chosen.voice, chosen.output, options, TerminalReporter(chosen.quiet))
    return json.dumps(report.as_dict(), indent=2) + "\n" if chosen.json else _summary(report)


@contextlib.contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Native libraries write to descriptor 2 past Python; send that to nowhere and keep our own messages."""
    own = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    kept, sys.stderr = sys.stderr, own
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(own.fileno(), 2)
        sys.stderr = kept
        os.close(nowhere)
        own.close()


def _summary(report: RenderReport) -> str:
    lines = [f"{report.output}: {report.duration:.2f} s, {report.width} x {report.height}, {report.frame_rate} frames/s"]
    lines += ["  " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.timings.items())]
    lines += [f"  {name}: {value}" for name, value in report.quality.items() if value is not None]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
