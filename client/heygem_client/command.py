"""The command `heygem`. What is made goes to standard output, one line each; words for people and bars to standard error.

Exit codes: 0 done, 1 a fault of ours, 2 what was asked for cannot be done as asked, 3 the studio is out of reach or cannot
serve now, 4 not signed in or not allowed, 5 a render ended without a video, 6 gave up waiting, 130 interrupted.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from heygem_client import course, showing, signing_in
from heygem_client.connection import checked
from heygem_client.errors import NotAllowed, Refused, StudioError
from heygem_client.rows import How, Job, Kind, Medium, Project, Quota, Room
from heygem_client.studio import AS_USUAL, Cell, Studio, require_videos

SOUND_ENDINGS = frozenset(
    (".wav", ".wave", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wma", ".aiff", ".aif")
    + (".mka", ".weba", ".caf", ".w64")
)
INTERRUPTED = 130
WORDS = Console(stderr=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command in ("login", "logout"):
            chosen.run(chosen)
            return 0
        who = signing_in.kept()
        with Studio(who.url, who.token, bar=showing.bars(WORDS)) as studio:
            chosen.run(studio, chosen)
    except StudioError as error:
        _say(f"{error.message} [{error.code}]")
        return error.exit_code
    except KeyboardInterrupt:
        _say("Stopped. Nothing is lost: the same command goes on where it was.")
        return INTERRUPTED
    return 0


# --- commands ----------------------------------------------------------------------------------------------------------
def _login(chosen: argparse.Namespace) -> None:
    if signing_in.travels_open(chosen.url):
        _say("This address is not encrypted: whoever is on the way can read the token. Better use https.")
    if chosen.token:
        who = signing_in.SignedIn(checked(chosen.url), _secret("Token: "))
        signing_in.require_valid(who)
    else:
        user = chosen.user or (input("Name: ") if sys.stdin.isatty() else "")
        if not user:
            raise Refused("no_name", "Say who you are: --user NAME.")
        who = signing_in.sign_in(chosen.url, user, _secret("Password: "))
    _say(f"Signed in at {who.url}. The token is in {signing_in.keep(who)}.")


def _logout(_chosen: argparse.Namespace) -> None:
    there = signing_in.forget()
    _say("The token is forgotten here. Revoke it on your account page." if there else "Nobody was signed in.")


def _projects(studio: Studio, chosen: argparse.Namespace) -> None:
    rows = studio.projects()
    _print([asdict(row) for row in rows], chosen, [f"{row.id}\t{row.role}\t{row.name}" for row in rows])


def _upload(studio: Studio, chosen: argparse.Namespace) -> None:
    project = _project(studio, chosen)
    for path in chosen.files:
        kind: Kind = chosen.kind or ("voice" if path.suffix.lower() in SOUND_ENDINGS else "clip")
        medium = studio.upload(
            path,
            project=project,
            kind=kind,
            title=chosen.title,
            lecturer=chosen.lecturer,
            language=chosen.language,
            consent=chosen.consent,
        )
        _print(asdict(medium), chosen, [f"{medium.id}\t{medium.kind}\t{medium.title}"])


def _render(studio: Studio, chosen: argparse.Namespace) -> None:
    project = _project(studio, chosen)
    clip = _medium(studio, chosen, project, course.source(chosen.clip, chosen.lecturer), "clip")
    voice = _medium(studio, chosen, project, course.source(chosen.voice, chosen.language), "voice")
    job = studio.render(clip, voice, how=_chosen(chosen), retry=chosen.retry)
    _follow(studio, chosen, [job], [chosen.name])


def _batch(studio: Studio, chosen: argparse.Namespace) -> None:
    lines = course.read(chosen.list, matrix=chosen.matrix)
    project = _project(studio, chosen)
    clips, voices = course.sources(lines)
    media = {source: _medium(studio, chosen, project, source, "clip") for source in clips}
    heard = {source: _medium(studio, chosen, project, source, "voice") for source in voices}
    cells = [Cell(media[line.clip], heard[line.voice], line.name) for line in lines]
    name = chosen.name or chosen.list.stem
    made = studio.batch(cells, name=name, how=_chosen(chosen), retry=chosen.retry)
    _say(f"{len(made.jobs)} videos, {made.new} of them new.")
    _follow(studio, chosen, list(made.jobs), [cell.name for cell in cells])


def _wait(studio: Studio, chosen: argparse.Namespace) -> None:
    chosen.wait, chosen.download = True, None
    _follow(studio, chosen, _asked(studio, chosen), [])


def _download(studio: Studio, chosen: argparse.Namespace) -> None:
    chosen.wait, chosen.download = False, chosen.output
    _follow(studio, chosen, _asked(studio, chosen), [])


def _quota(studio: Studio, chosen: argparse.Namespace) -> None:
    quota: Quota = studio.quota()
    lines = [
        f"room\t{_amount(quota.bytes, 2**20, 'MB')}",
        f"video this month\t{_amount(quota.video_seconds, 60, 'minutes')}",
    ]
    _print(asdict(quota), chosen, lines)


# --- steps --------------------------------------------------------------------------------------------------------------
def _project(studio: Studio, chosen: argparse.Namespace) -> Project:
    return studio.project(chosen.project, make=chosen.make_project)


def _medium(studio: Studio, chosen: argparse.Namespace, project: Project, source: course.Source, kind: Kind) -> Medium:
    if source.path is None:
        return studio.medium(kind, source.id)
    if kind == "voice":
        return studio.upload(source.path, project=project, kind=kind, language=source.said or chosen.language)
    lecturer = source.said or chosen.lecturer
    return studio.upload(source.path, project=project, kind=kind, lecturer=lecturer, consent=chosen.consent)


def _chosen(chosen: argparse.Namespace) -> How:
    return How(
        preset=chosen.preset,
        denoise=chosen.denoise,
        loudness=chosen.loudness,
        longer=chosen.longer,
        shorter=chosen.shorter,
        codec=chosen.codec,
        excerpt=chosen.draft,
        engine=chosen.engine,
        enhancer=chosen.enhancer,
    )


def _asked(studio: Studio, chosen: argparse.Namespace) -> list[Job]:
    """The renders that were named, and the newest of every cell of a batch."""
    jobs = [studio.job(job_id) for job_id in chosen.renders]
    for batch in chosen.batch:
        jobs += studio.batch_jobs(batch)
    if not jobs:
        raise Refused("no_render", "Name a render by its id, or a batch: --batch ID.")
    return jobs


def _follow(studio: Studio, chosen: argparse.Namespace, jobs: list[Job], names: list[str]) -> None:
    """Wait for renders and fetch their videos, as far as that is wanted, and print what there is then."""
    if chosen.wait:
        jobs = studio.wait(jobs, timeout=chosen.timeout)
    if chosen.download is None:
        _print([asdict(job) for job in jobs], chosen, [f"{job.id}\t{job.status}" for job in jobs])
    else:
        paths = studio.download(jobs, chosen.download, names=names)
        _print([str(path) for path in paths], chosen, [str(path) for path in paths])
        unfinished = sum(not job.is_final for job in jobs)
        if unfinished:
            _say(f"{unfinished} of {len(jobs)} videos are not finished yet. Run the command again later, or with --wait.")
    require_videos(jobs)


def _secret(prompt: str) -> str:
    """Typed without being shown, or the first line of what is piped in."""
    word = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not word:
        raise NotAllowed("no_secret", f"No {prompt.rstrip(': ').lower()} was given.")
    return word


def _amount(room: Room, unit: float, name: str) -> str:
    limit = "no limit" if room.limit is None else f"of {room.limit / unit:.0f} {name}"
    return f"{room.used / unit:.1f} {name}, {limit}"


def _say(text: str) -> None:
    WORDS.print(text, markup=False, soft_wrap=True)


def _print(told: Any, chosen: argparse.Namespace, lines: Sequence[str]) -> None:
    text = json.dumps(told, ensure_ascii=False) if chosen.json else "\n".join(lines)
    sys.stdout.write(f"{text}\n" if text else "")


# --- words of the command line ----------------------------------------------------------------------------------------
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="heygem", description="Send clips and voices to a HeyGem Studio and fetch the videos."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    login = commands.add_parser("login", help="sign in; the token is kept in a file that only you may read")
    login.add_argument("url", help="address of the studio, e.g. http://127.0.0.1:7860")
    login.add_argument("--user", help="your name there; the password is asked for, or read from standard input")
    login.add_argument("--token", action="store_true", help="give a token of your account page instead of a password")
    login.set_defaults(run=_login)
    commands.add_parser("logout", help="forget the token").set_defaults(run=_logout)

    _command(commands, "projects", "list the projects", _projects)

    upload = _command(commands, "upload", "send files; one that was broken off goes on where it was", _upload)
    upload.add_argument("files", nargs="+", type=Path, metavar="FILE")
    upload.add_argument("--kind", choices=("clip", "voice"), help="what they are; by their endings when not given")
    upload.add_argument("--title", default="", help="what to call it; the file's name when not given")
    _where(upload)

    render = _command(commands, "render", "have a clip say a voice", _render)
    render.add_argument("clip", help="a file, or the id of a clip")
    render.add_argument("voice", help="a file, or the id of a voice")
    render.add_argument("--name", default="", help="what to call the file, without an ending")
    _where(render)
    _how(render)

    batch = _command(commands, "batch", "render a list of videos", _batch)
    batch.add_argument("list", type=Path, metavar="LIST.csv", help=f"columns: {', '.join(course.COLUMNS)}")
    batch.add_argument("--matrix", action="store_true", help="every clip of the list with every voice of it")
    batch.add_argument("--name", default="", help="what to call the batch; the list's name when not given")
    _where(batch)
    _how(batch)

    for name, help_text, run in (("wait", "wait until renders have ended", _wait), ("download", "fetch videos", _download)):
        command = _command(commands, name, help_text, run)
        command.add_argument("renders", nargs="*", metavar="RENDER", help="ids of renders")
        command.add_argument("--batch", action="append", default=[], metavar="ID", help="all renders of a batch")
        if name == "wait":
            _timeout(command)
        else:
            command.add_argument("-o", "--output", type=Path, default=Path(), metavar="FOLDER", help="where to; here")

    _command(commands, "quota", "what may still be used", _quota)
    return parser


def _command(commands: Any, name: str, help_text: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=f"{help_text.capitalize()}.")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=run)
    return command


def _where(command: argparse.ArgumentParser) -> None:
    command.add_argument("--project", default="", help="name or id; not needed where there is only one")
    command.add_argument("--make-project", action="store_true", help="make the project where there is none of this name")
    command.add_argument("--lecturer", default="", help="name of the person filmed")
    command.add_argument("--language", default="", help="of the voice, e.g. de")
    command.add_argument("--consent", action="store_true", help="the person filmed agreed to videos being made of them")


def _how(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default=AS_USUAL.preset, help=f"how to make it; {AS_USUAL.preset} when not given")
    switch = argparse.BooleanOptionalAction
    command.add_argument("--denoise", action=switch, help="turn steady noise of the voice down; else as the preset says")
    command.add_argument("--loudness", action=switch, help="bring the voice to -16 LUFS; else as the preset says")
    command.add_argument("--longer", choices=("bounce", "loop", "hold", "cut"), help="where the voice is longer than the clip")
    command.add_argument("--shorter", choices=("cut", "keep"), help="where it is shorter")
    command.add_argument("--codec", choices=("h264", "hevc"), help="how the picture is coded")
    command.add_argument("--engine", help="which engine renders; else as the preset says")
    command.add_argument("--enhancer", help="what makes the mouth sharper; else as the preset says")
    command.add_argument("--draft", type=float, metavar="SECONDS", help="only the hardest so many seconds")
    command.add_argument("--retry", action="store_true", help="render again what failed or was cancelled")
    command.add_argument("--wait", action="store_true", help="wait until all have ended")
    command.add_argument("--download", type=Path, metavar="FOLDER", help="fetch the videos that are finished")
    _timeout(command)


def _timeout(command: argparse.ArgumentParser) -> None:
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="how long to wait at most")
