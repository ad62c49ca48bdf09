"""Is this installation well? Small checks go in; findings come out, each with its gravity, a sentence and what to do.

Nothing is changed here. Checks that ask the database are left out when it does not answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.core.checks import CheckMessage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_q.brokers import get_broker
from redis import RedisError

from lipsync.errors import EnvironmentFault
from lipsync.weights import is_installed, registry, verified
from projects import checks, cleanup, inventory, lanes, objects, storage, turns
from projects.errors import ProjectError
from projects.models import Lane, RenderJob, Status, WebhookDelivery
from projects.models.lanes import RENDERING

DUE_LOOKED_AT = 100
WAITS_TOO_LONG = timedelta(seconds=60)
LEASE_OVERDUE = timedelta(seconds=60)
MESSAGE_OVERDUE = timedelta(minutes=10)
MOST_SKEW = timedelta(seconds=5)
MOST_MESSAGES = 50
WEIGHTS = Path(settings.BASE_DIR) / "lipsync" / "weights"
TOOL_SECONDS = 10.0
EXAMPLES = 3


class Gravity(StrEnum):
    """How bad a finding is."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. check: its stable name; advice: what to do; empty where all is fine"""

    check: str
    gravity: Gravity
    text: str
    advice: str = ""


Check = Callable[[], list[Finding]]


def examine() -> list[Finding]:
    """Run every check."""
    found = _run(ANYWHERE) + _run([database])
    if not any(finding.gravity is Gravity.ERROR and finding.check == "database" for finding in found):
        found += _run(IN_THE_DATABASE)
    return found


def _run(some: Iterable[Check]) -> list[Finding]:
    found = []
    for check in some:
        try:
            found += check()
        except (DatabaseError, RedisError, OSError, ProjectError) as error:
            text = f"This could not be looked at: {error}"
            found.append(Finding(check.__name__, Gravity.ERROR, text, "Put right what is said beside it, then run it again."))
    return found


# --- servers ---------------------------------------------------------------------------------------------------------
def database() -> list[Finding]:
    """The database answers and has every migration."""
    name = "database"
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        advice = "Start it, and look at DATABASE_URL."
        return [Finding(name, Gravity.ERROR, f"The database does not answer: {str(error).strip()}", advice)]
    if missing:
        text = f"{len(missing)} migrations are missing, the first is {missing[0][0]}."
        return [Finding(name, Gravity.ERROR, text, "Run: python manage.py migrate (`serve` does it at its start)")]
    return [Finding(name, Gravity.FINE, f"{connection.vendor} answers and is up to date.")]


def queue_broker() -> list[Finding]:
    """Wake-ups can be sent, and somebody reads them."""
    name = "queue_broker"
    try:
        waiting = {queue: _messages(queue) for queue in [lane.queue for lane in lanes.wanted()] or ["nobody"]}
    except (RedisError, DatabaseError) as error:
        return [Finding(name, Gravity.ERROR, f"The queue does not answer: {error}", "Start Redis, and look at REDIS_URL.")]
    found = [
        Finding(name, Gravity.WARNING, f"{count} messages wait for {queue}.", "Nobody reads them: see the lanes below.")
        for queue, count in waiting.items()
        if count > MOST_MESSAGES
    ]
    return found or [Finding(name, Gravity.FINE, f"Wake-ups go through {'Redis' if settings.REDIS_URL else 'the database'}.")]


def shared_cache() -> list[Finding]:
    """What one process puts into the cache, all others see."""
    name = "shared_cache"
    backend = str(settings.CACHES["default"]["BACKEND"]).rpartition(".")[2]
    if backend in ("LocMemCache", "DummyCache"):
        text = f"The cache is a {backend}: each process has its own, and lanes cannot be watched."
        return [Finding(name, Gravity.ERROR, text, "Use the settings' own: files, or Redis by REDIS_URL.")]
    key, value = f"doctor.{uuid.uuid4().hex}", os.getpid()
    try:
        cache.set(key, value, 10)
        kept = cache.get(key)
        cache.delete(key)
    except (RedisError, OSError) as error:
        kept, reason = None, f": {error}"
    else:
        reason = ""
    if kept != value:
        return [Finding(name, Gravity.ERROR, f"The cache keeps nothing{reason}", "Look at REDIS_URL, or at the data folder.")]
    return [Finding(name, Gravity.FINE, f"The cache is a {backend} and keeps what it is given.")]


def clock() -> list[Finding]:
    """Database and machine agree about the time."""
    name = "clock"
    skew = abs(_database_time() - timezone.now())
    if skew > MOST_SKEW:
        text = f"The clocks of database and machine are {skew.total_seconds():.0f} s apart."
        return [Finding(name, Gravity.WARNING, text, "Have both set their clocks from the network (NTP).")]
    return [Finding(name, Gravity.FINE, "Database and machine agree about the time.")]


# --- work ------------------------------------------------------------------------------------------------------------
def living_lanes() -> list[Finding]:
    """Lanes for renders run, every known lane was heard of lately, and what is due is done."""
    name = "lanes"
    late = Lane.objects.exclude(pk__in=Lane.objects.alive())
    found = [
        Finding(name, Gravity.WARNING, f"{lane} was last heard of at {lane.seen_at:%H:%M:%S} UTC.", "See its machine's log.")
        for lane in late
    ]
    if not Lane.objects.alive().of(*RENDERING).exists():
        waiting = RenderJob.objects.claimable().count()
        gravity = Gravity.ERROR if waiting else Gravity.WARNING
        text = f"No lane for renders runs, and {waiting} renders wait." if waiting else "No lane for renders runs."
        found.append(Finding(name, gravity, text, "Start one: make serve, or python manage.py lanes"))
    elif not cleanup.was_run_lately():
        text = "Nobody has swept for half a minute: lost renders stay where they are."
        found.append(Finding(name, Gravity.ERROR, text, "Look for errors in the log; restarting `serve` or `lanes` helps."))
    names = ", ".join(str(lane) for lane in Lane.objects.alive())
    return found or [Finding(name, Gravity.FINE, f"These lanes run: {names}.")]


def pauses() -> list[Finding]:
    """No machine rests."""
    name = "pauses"
    found = []
    rests = Lane.objects.alive().paused().order_by().values_list("node", "paused_until", "pause_reason").distinct()
    for node, until, reason in rests:
        text = f"The lanes of {node} take no jobs until {until:%Y-%m-%d %H:%M:%S} UTC: {reason}."
        advice = "It goes on by itself then; an administrator can let it go on at once, under Lanes."
        if reason == lanes.NO_SPACE:
            advice = "Make room on its disk; it goes on by itself a minute later."
        found.append(Finding(name, Gravity.WARNING, text, advice))
    return found or [Finding(name, Gravity.FINE, "No machine rests.")]


def waiting_renders() -> list[Finding]:
    """No render waits beside idle lanes."""
    name = "waiting_renders"
    # Not those of people who have paused, or have as many running as they may: they wait for a reason.
    due = [turn.job_id for turn in turns.candidates(DUE_LOOKED_AT)]
    oldest = RenderJob.objects.claimable_since(Now() - WAITS_TOO_LONG).filter(pk__in=due).order_by("created_at").first()
    if oldest is None:
        return [Finding(name, Gravity.FINE, "No render has waited for more than a minute.")]
    idle = Lane.objects.idle().of(*RENDERING).filter(since__lt=Now() - WAITS_TOO_LONG)
    since = f"Render {oldest.pk} has waited since {oldest.created_at:%Y-%m-%d %H:%M:%S} UTC"
    if idle.exists():
        text = f"{since}, and {idle.count()} lanes do nothing."
        return [Finding(name, Gravity.ERROR, text, "The supervisor restarts them within two minutes; else restart it.")]
    return [Finding(name, Gravity.FINE, f"{since}; every lane is at work.")]


def webhook_messages() -> list[Finding]:
    """What webhooks are to be told is sent."""
    name = "webhook_messages"
    late = WebhookDelivery.objects.due().filter(next_at__lt=timezone.now() - MESSAGE_OVERDUE)
    if settings.WEBHOOKS and late.exists():
        advice = "A housekeeping lane sends them: IO_LANES=1. Then see its log."
        return [Finding(name, Gravity.WARNING, f"{late.count()} messages of webhooks should have been sent by now.", advice)]
    return [Finding(name, Gravity.FINE, f"Webhooks are {'on' if settings.WEBHOOKS else 'off'}.")]


def expired_leases() -> list[Finding]:
    """Renders whose worker is gone were noticed."""
    name = "expired_leases"
    lost = RenderJob.objects.filter(status=Status.RUNNING, lease_until__lt=Now() - LEASE_OVERDUE)
    if count := lost.count():
        text = f"{count} renders have lost their worker and nobody has taken them: {_some(lost)}."
        return [Finding(name, Gravity.ERROR, text, "Start a lane: make serve, or python manage.py lanes")]
    return [Finding(name, Gravity.FINE, "No render has lost its worker for long.")]


# --- files -----------------------------------------------------------------------------------------------------------
def rows_without_files() -> list[Finding]:
    """Every clip, voice and video is where it belongs."""
    name = "rows_without_files"
    where = "in the bucket" if objects.is_on() else "on the disk"
    advice = "Bring the files back from a backup, or delete their rows."
    if objects.is_on():
        advice = f"Those that lie in a data folder are brought there by: python manage.py bucket fill. Else: {advice}"
    found = []
    for shelf in inventory.shelves():
        count, examples = _counted(inventory.missing(shelf))
        if count:
            text = f"{count} {shelf.what} are not {where}, e.g. {examples}."
            found.append(Finding(name, Gravity.ERROR, text, advice))
    return found or [Finding(name, Gravity.FINE, f"Every clip, voice and video is {where}.")]


def files_without_rows() -> list[Finding]:
    """Nothing lies about that nobody knows."""
    name = "files_without_rows"
    orphans = list(cleanup.orphan_files())
    if orphans:
        size = sum(path.stat().st_size for path in orphans if path.exists())
        text = f"{len(orphans)} files of {size} bytes belong to nothing, e.g. {orphans[0].name}."
        return [Finding(name, Gravity.WARNING, text, "The sweep removes them within ten minutes, while a lane runs.")]
    return [Finding(name, Gravity.FINE, "Every file belongs to a row.")]


def objects_without_rows() -> list[Finding]:
    """The bucket has nothing that nobody knows."""
    name = "objects_without_rows"
    if not objects.is_on():
        return []
    count, examples = _counted(inventory.strays())
    if count:
        text = f"{count} files in the bucket belong to nothing, e.g. {examples}."
        advice = "Where the bucket is this installation's alone, remove them by: python manage.py bucket prune"
        return [Finding(name, Gravity.WARNING, text, advice)]
    return [Finding(name, Gravity.FINE, "Every file in the bucket belongs to a row.")]


def bucket() -> list[Finding]:
    """The bucket can be written to, read and listed."""
    name = "bucket"
    if not objects.is_on():
        return []
    try:
        objects.probe()
    except ProjectError as error:
        advice = (
            "Look at S3_ENDPOINT_URL, S3_BUCKET, S3_REGION and the keys; they need s3:ListBucket and to get, put and delete."
        )
        return [Finding(name, Gravity.ERROR, f"The bucket cannot be used: {error.message}", advice)]
    return [Finding(name, Gravity.FINE, f"The bucket {settings.S3_BUCKET} can be read and written to.")]


def room() -> list[Finding]:
    """There is more room than the floor."""
    free = shutil.disk_usage(settings.MEDIA_ROOT).free
    found = _from_checks("room", checks.free_space(None))
    return found or [Finding("room", Gravity.FINE, f"{free / 2**30:.1f} GiB are free.")]


def data_folder() -> list[Finding]:
    """The data folder and what is in it can be written to, and is nobody else's."""
    name = "data_folder"
    root = Path(settings.MEDIA_ROOT)
    found = []
    for kind in ("", storage.CLIPS, storage.TRACKS, storage.UPLOADS, storage.RENDERS, storage.SCRATCH, storage.ANALYSES):
        probe = root / kind / f".doctor.{uuid.uuid4().hex}"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            text = f"{probe.parent} cannot be written to ({error.strerror})."
            found.append(Finding(name, Gravity.ERROR, text, "Give this account the right, or set HEYGEM_DATA."))
    if not found and root.stat().st_mode & 0o007:
        text = f"{root} is open to every account of this machine."
        found.append(Finding(name, Gravity.WARNING, text, f"Run: chmod o-rwx {root}"))
    return found or [Finding(name, Gravity.FINE, f"{root} can be written to, and is nobody else's.")]


def secret_key() -> list[Finding]:
    """The signing key is this account's alone."""
    name = "secret_key"
    return _from_checks(name, checks.secret_key_file(None)) or [Finding(name, Gravity.FINE, "The signing key is private.")]


# --- programs --------------------------------------------------------------------------------------------------------
def programs() -> list[Finding]:
    """ffmpeg and ffprobe run."""
    return [_program(name) for name in ("ffmpeg", "ffprobe")]


def _program(program: str) -> Finding:
    advice = "On Debian or Ubuntu: sudo apt-get install ffmpeg"
    path = shutil.which(program)
    if path is None:
        return Finding("programs", Gravity.ERROR, f"{program} is not installed.", advice)
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=TOOL_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("programs", Gravity.ERROR, f"{program} does not run: {error}", advice)
    version = done.stdout.partition("\n")[0].partition(" Copyright")[0]
    return Finding("programs", Gravity.FINE, f"{version}, {path}")


def weights() -> list[Finding]:
    """The engine's weights, and those that somebody has installed, are those of the registry."""
    name = "weights"
    advice = "Bring the file back: git checkout -- lipsync/weights"
    found = []
    entries = [entry for entry in json.loads((WEIGHTS / "registry.json").read_text()) if entry.get("shipped")]
    for entry in entries:
        path = WEIGHTS / entry["file"]
        if not path.is_file():
            found.append(Finding(name, Gravity.ERROR, f"{path} is missing.", advice))
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            found.append(Finding(name, Gravity.ERROR, f"{path} is not the file that the registry names.", advice))
    installed = [
        one for one in registry(settings.WEIGHTS_ROOT).values() if not one.shipped and is_installed(one, settings.WEIGHTS_ROOT)
    ]
    for one in installed:
        try:
            verified(one, settings.WEIGHTS_ROOT)
        except EnvironmentFault as error:
            found.append(Finding(name, Gravity.ERROR, error.message, f"Run: manage.py weights remove {one.name}"))
    return found or [Finding(name, Gravity.FINE, f"{len(entries) + len(installed)} files of weights are whole.")]


ANYWHERE: tuple[Check, ...] = (programs, weights, data_folder, secret_key, room, bucket, shared_cache)
IN_THE_DATABASE: tuple[Check, ...] = (
    queue_broker,
    clock,
    living_lanes,
    pauses,
    waiting_renders,
    webhook_messages,
    expired_leases,
    rows_without_files,
    files_without_rows,
    objects_without_rows,
)


def _counted(names: Iterable[str]) -> tuple[int, str]:
    """How many, and some of them, without keeping all."""
    count, examples = 0, []
    for count, name in enumerate(names, start=1):
        if count <= EXAMPLES:
            examples.append(name)
    return count, ", ".join(examples)


def _from_checks(name: str, messages: Iterable[CheckMessage]) -> list[Finding]:
    """What Django's own checks found, in our words."""
    return [
        Finding(name, Gravity.ERROR if message.is_serious() else Gravity.WARNING, str(message.msg), str(message.hint or ""))
        for message in messages
    ]


def _messages(queue: str) -> int:
    broker = get_broker(queue)
    broker.ping()
    return int(broker.queue_size())


def _database_time() -> datetime:
    rows = MigrationRecorder.Migration.objects.annotate(now=Now())  # a table that is never empty
    now: datetime = rows.values_list("now", flat=True)[0]
    return now


def _some(rows: QuerySet[Model]) -> str:
    return ", ".join(str(row.pk) for row in rows[:EXAMPLES])
