"""Processes of every role are killed while jobs run. Nothing may be lost or done twice, and nobody lends a hand."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor

from projects.models import RenderJob
from projects.models.renders import FINAL
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.disturbing import Killer, pause

VOICES = 5
BACKLOG = 4  # jobs that have not ended
MEAN_PAUSE_SECONDS = 0.8


def run(course: Course) -> None:
    """T1."""
    course.open()
    course.take_in(voices=VOICES)
    course.learn()
    disturb(course)


def disturb(course: Course) -> None:
    """Submit and kill, the one as far as the other, then look at what is left."""
    jobs, kills = course.scale.jobs, course.scale.rounds
    killer = Killer(course.installation, course.chance)
    asked: list[Future[str]] = []
    with ThreadPoolExecutor(max_workers=1) as submitter:  # waits for pages that are away, the killer does not
        for number in range(kills):
            # As many as are due by now; more where they would run out, for an engine can only be killed while it works.
            _ask_for(course, submitter, asked, max(jobs * number // kills, _ended(asked) + BACKLOG))
            pause(course.chance, MEAN_PAUSE_SECONDS)
            killer.kill()
        _ask_for(course, submitter, asked, jobs)
    course.figure(f"{len(asked)} jobs")
    spread = " ".join(f"{role} {count}" for role, count in sorted(killer.killed.items()))
    course.figure(f"{sum(killer.killed.values())} kills ({spread})")
    course.settle()
    checks.nothing_runs_on(course)
    checks.all_done(course, [job.result() for job in asked])
    checks.rows_and_files_agree(course)


def _ended(asked: list[Future[str]]) -> int:
    """How many of them have ended."""
    known = [job.result() for job in asked if job.done()]
    return RenderJob.objects.filter(pk__in=known, status__in=FINAL).count()


def _ask_for(course: Course, submitter: Executor, asked: list[Future[str]], due: int) -> None:
    """Have so many jobs asked for in all, each with some voice."""
    while len(asked) < due:
        track = course.chance.choice(list(course.tracks))
        asked.append(submitter.submit(course.person.submit, clip=course.clip, track=track))
