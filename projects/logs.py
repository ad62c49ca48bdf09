"""One log for all: a step goes in, a JSON line in the log file and a row on the job's page come out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from projects import reconnecting
from projects.models import JobLogLine, RenderJob

LINES_PER_JOB = 2000
TEXT_LENGTH = 4000
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

logger = logging.getLogger("projects.jobs")


def record(job: RenderJob, level: str, text: str, *, stage: str = "", with_traceback: bool = False) -> None:
    """Write one line about a job to the log file and to the job's page.

    with_traceback: add the exception that is being handled, to the file only
    """
    level = level if level in LEVELS else "info"
    text = text.strip()[:TEXT_LENGTH]
    stage = stage or job.stage
    context = {"job": str(job.pk), "stage": stage, "attempt": job.attempts}
    logger.log(LEVELS[level], "%s", text, extra={"context": context}, exc_info=with_traceback)
    try:
        if JobLogLine.objects.filter(job_id=job.pk).count() < LINES_PER_JOB:
            JobLogLine.objects.create(job_id=job.pk, level=level, stage=stage, text=text)
    except (DatabaseError, InterfaceError):
        # The page misses a line; the file has it, and the job goes on.
        reconnecting.drop_if_dead()
        logger.warning("a log line could not be stored", extra={"context": context}, exc_info=True)


def record_taken(job_id: UUID, attempt: int) -> None:
    """Write that a worker has taken this job, with what says so in its row or not at all. attempt: 1 for the first"""
    line = JobLogLine.objects.create(job_id=job_id, text=f"taken by a worker, attempt {attempt}")
    logger.info("%s", line.text, extra={"context": {"job": str(job_id), "stage": "", "attempt": attempt}})


def record_each(told: Sequence[tuple[RenderJob, str]]) -> None:
    """Write a line about each of several jobs, in one statement for however many, and with the rows or not at all."""
    lines = [JobLogLine(job=job, stage=job.stage, text=text) for job, text in told]
    JobLogLine.objects.bulk_create(lines)
    for line in lines:
        context = {"job": str(line.job_id), "stage": line.stage, "attempt": line.job.attempts}
        logger.info("%s", line.text, extra={"context": context})
