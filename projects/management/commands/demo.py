"""`manage.py demo`: one take and one voice through the real path, with the figures at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from projects import accounts, consents, jobs, lanes, schema, uploads
from projects.errors import NoRoom, ProjectError, Unavailable
from projects.lanes import Wanted
from projects.members import LaneMember
from projects.models import Family, JobLogLine, Kind, RenderJob, RenderOutput, Status
from projects.models.lanes import RENDERING
from projects.supervisor import Supervisor

EXIT_BUG, EXIT_INPUT, EXIT_ENVIRONMENT = 1, 2, 3
EXIT_CODES = {Family.INPUT: EXIT_INPUT, Family.ENVIRONMENT: EXIT_ENVIRONMENT}
USER_NAME = "demo"
POLL_SECONDS = 0.5


class Command(BaseCommand):
    """Makes a video and says how it went."""

    help = "Runs the main job: a take and a new voice in, a lip-synced video out. Makes its own take unless given one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The user's own files."""
        parser.add_argument("--clip", type=Path, help="a video of one person speaking")
        parser.add_argument("--voice", type=Path, help="what they should say")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; the exit code is that of the engine's own command: 0, 2 input, 3 environment, 1 bug."""
        schema.bring_up_to_date()
        clip_path, voice_path = self._media(options["clip"], options["voice"])
        try:
            job = self._submit(clip_path, voice_path)
        except ProjectError as error:
            code = EXIT_ENVIRONMENT if isinstance(error, (NoRoom, Unavailable)) else EXIT_INPUT
            raise CommandError(f"{error.message} ({error.code})", returncode=code) from error
        try:
            with _worker() as supervisor:
                self._watch(job, supervisor)
        except KeyboardInterrupt as interrupt:
            jobs.cancel(job=job)
            raise CommandError("Cancelled.", returncode=EXIT_BUG) from interrupt
        self._report(job)

    def _media(self, clip: Path | None, voice: Path | None) -> tuple[Path, Path]:
        """The user's files; the project's own where none is given."""
        folder = Path(settings.MEDIA_ROOT) / "demo"
        if clip is None or voice is None:
            self.stdout.write("Making a synthetic test take (about a minute the first time).")
            made = subprocess.run([sys.executable, "-m", "lipsync.synthetic", str(folder)], cwd=settings.BASE_DIR, check=False)
            if made.returncode != 0:
                raise CommandError("The test take could not be made; see above.", returncode=EXIT_ENVIRONMENT)
        chosen = (clip or folder / "take.mp4", voice or folder / "voice.wav")
        for path in chosen:
            if not path.is_file():
                raise CommandError(f"{path} is not a file. Check its name. (unreadable)", returncode=EXIT_INPUT)
        return chosen

    def _submit(self, clip_path: Path, voice_path: Path) -> RenderJob:
        project = accounts.first_project(_demo_user())
        try:
            with clip_path.open("rb") as file:
                incoming = File(file, name=clip_path.name)
                clip = uploads.add_clip(project=project, speaker="Demo", uploaded_file=incoming, title="")
                consents.state(speaker=clip.speaker, by=project.owner)
            with voice_path.open("rb") as file:
                track = uploads.add_track(project=project, uploaded_file=File(file, name=voice_path.name), title="")
        except OSError as error:
            text = f"{error.filename} cannot be read ({error.strerror}). Check its permissions. (unreadable)"
            raise CommandError(text, returncode=EXIT_INPUT) from error
        self.stdout.write(
            f"Clip:  {clip_path}  {clip.width}x{clip.height}, {clip.frame_rate} frames/s, {clip.duration:.2f} s\n"
            f"Voice: {voice_path}  {track.duration:.2f} s"
        )
        return jobs.submit(project=project, clip=clip, track=track, created_by=project.owner)

    def _watch(self, job: RenderJob, supervisor: Supervisor) -> None:
        """Print what happens until the job has ended."""
        seen = 0
        shown = -1
        while True:
            job.refresh_from_db()
            for line in JobLogLine.objects.filter(job=job, pk__gt=seen):
                seen = line.pk
                if line.level != JobLogLine.Level.DEBUG:
                    self.stdout.write(f"  {line.at:%H:%M:%S} {line.text.splitlines()[0] if line.text else ''}")
            if job.is_final:
                return
            tenth = int(job.progress * 10)
            if tenth > max(0, shown):
                shown = tenth
                self.stdout.write(f"           {job.progress:.0%}")
            supervisor.tick()
            time.sleep(POLL_SECONDS)

    def _report(self, job: RenderJob) -> None:
        output = job.finished_output()
        if job.status != Status.SUCCEEDED or output is None:
            if job.status == Status.CANCELLED:
                raise CommandError("Cancelled.", returncode=EXIT_BUG)
            place = f" At {job.error_at:.1f} s of the clip." if job.error_at is not None else ""
            raise CommandError(
                f"{job.error_message}{place} ({job.error_code})",
                returncode=EXIT_CODES.get(Family(job.error_family), EXIT_BUG),
            )
        self.stdout.write(_figures(job, output))


def _figures(job: RenderJob, output: RenderOutput) -> str:
    """What was made and how, as text."""
    lines = [
        "",
        f"Video:    {output.path}",
        f"Duration: {output.duration:.3f} s, {output.frames} frames at {output.frame_rate} per second, "
        f"{output.width}x{output.height}, {output.size / 1e6:.1f} MB",
        "Seconds per stage:",
        *(f"  {stage:<12}{seconds:8.2f}" for stage, seconds in output.timings.items()),
    ]
    if job.running_seconds is not None:
        lines.append(f"  {'in all':<12}{job.running_seconds:8.2f}")
    lines.append("Quality:")
    lines += [f"  {name:<28}{_value(value)}" for name, value in output.quality.items()]
    if output.notices:
        lines += ["Notices:", *(f"  {notice}" for notice in output.notices)]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:8.3f}"
    return f"{value if value is not None else 'not measured':>8}"


def _demo_user() -> User:
    """The demo's own account, which nobody can sign in with."""
    user, made = get_user_model().objects.get_or_create(username=USER_NAME)
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


@contextmanager
def _worker() -> Iterator[Supervisor]:
    """A lane for the time of the block, unless one works already; call its `tick`."""
    own = [] if lanes.working(*RENDERING).exists() else [LaneMember(Wanted("cpu-demo", Kind.CPU))]
    supervisor = Supervisor(own)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
