"""`manage.py doctor`: every finding is brought about and found, with its gravity, and gone when the cause is."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as installation
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from projects import claims, cleanup, doctor, lanes
from projects.doctor import Finding, Gravity
from projects.lanes import Wanted
from projects.models import AudioTrack, Kind, Lane, RenderJob, RenderOutput, SpeakerClip
from tests.projects.test_sweep import leave

LONG_AGO = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def swept(db: None) -> None:
    """The sweep ran a moment ago."""
    cleanup.run_due()


def found(check: str) -> list[Finding]:
    """What one check finds now."""
    return [finding for finding in doctor.examine() if finding.check == check]


def only(check: str) -> Finding:
    """The one finding of a check."""
    (finding,) = found(check)
    return finding


def test_a_well_installation_has_no_findings(lane: Wanted, output: RenderOutput, settings: Settings) -> None:
    settings.CACHES = {"default": {**installation.FILE_CACHE, "LOCATION": settings.MEDIA_ROOT / "cache"}}
    cleanup.run_due()
    settings.MEDIA_ROOT.chmod(0o700)
    assert [finding for finding in doctor.examine() if finding.gravity is not Gravity.FINE] == []


def test_every_finding_says_what_to_do(job: RenderJob, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    settings.FREE_SPACE_FLOOR_BYTES = 2**60
    job.clip.path.unlink()
    findings = [finding for finding in doctor.examine() if finding.gravity is not Gravity.FINE]
    assert len(findings) >= 5
    assert all(finding.advice for finding in findings)


# --- programs and weights ---------------------------------------------------------------------------------------------
def test_missing_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [finding.gravity for finding in found("programs")] == [Gravity.FINE] * 2
    assert all("version" in finding.text for finding in found("programs"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {finding.text for finding in found("programs")} == {"ffmpeg is not installed.", "ffprobe is not installed."}


def test_a_program_that_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ffmpeg", "ffprobe"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert all(finding.gravity is Gravity.ERROR and "does not run" in finding.text for finding in found("programs"))


def test_weights_that_were_changed_or_are_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert only("weights").gravity is Gravity.FINE
    folder = shutil.copytree(doctor.WEIGHTS, tmp_path / "weights")
    monkeypatch.setattr(doctor, "WEIGHTS", folder)
    first, second = json.loads((folder / "registry.json").read_text())[:2]
    (folder / first["file"]).unlink()
    with (folder / second["file"]).open("ab") as file:
        file.write(b"x")
    missing, changed = found("weights")
    assert (missing.gravity, changed.gravity) == (Gravity.ERROR, Gravity.ERROR)
    assert first["file"] in missing.text
    assert second["file"] in changed.text


# --- the data folder --------------------------------------------------------------------------------------------------
def test_a_data_folder_that_cannot_be_written_to(settings: Settings, media_root: Path) -> None:
    clips = media_root / "clips"
    shutil.rmtree(clips, ignore_errors=True)
    clips.write_text("a file where a folder belongs")
    finding = only("data_folder")
    assert finding.gravity is Gravity.ERROR
    assert str(clips) in finding.text
    clips.unlink()


def test_a_data_folder_that_everybody_may_read(media_root: Path) -> None:
    media_root.chmod(0o755)
    assert only("data_folder").gravity is Gravity.WARNING
    media_root.chmod(0o700)
    assert only("data_folder").gravity is Gravity.FINE


def test_a_key_that_others_may_read(media_root: Path) -> None:
    key = media_root / "secret_key"
    key.write_text("k" * 50)
    key.chmod(0o644)
    assert only("secret_key").gravity is Gravity.WARNING
    key.chmod(0o600)
    assert only("secret_key").gravity is Gravity.FINE


def test_a_disk_that_is_nearly_full(settings: Settings) -> None:
    settings.FREE_SPACE_FLOOR_BYTES = 2**60
    assert only("room").gravity is Gravity.WARNING


def test_rows_whose_files_are_gone(output: RenderOutput, clip: SpeakerClip, track: AudioTrack) -> None:
    assert only("rows_without_files").gravity is Gravity.FINE
    for path in (output.path, clip.path, Path(clip.still.path), track.path):
        path.unlink()
    findings = found("rows_without_files")
    assert [finding.gravity for finding in findings] == [Gravity.ERROR] * 4
    assert any(clip.file.name in finding.text for finding in findings)


def test_files_that_belong_to_nothing(media_root: Path, clip: SpeakerClip) -> None:
    leave(media_root / "renders" / "x.1.mp4")
    leave(media_root / "audio" / "x.wav")
    leave(media_root / "audio" / "fresh.wav", age=60)
    finding = only("files_without_rows")
    assert finding.gravity is Gravity.WARNING
    assert finding.text.startswith("2 files of 8 bytes")
    cleanup.remove_orphan_files()
    assert only("files_without_rows").gravity is Gravity.FINE


# --- servers ----------------------------------------------------------------------------------------------------------
def test_a_cache_of_each_process_alone() -> None:
    assert "LocMemCache" in only("shared_cache").text


def test_a_cache_that_keeps_nothing(settings: Settings, media_root: Path) -> None:
    media_root.mkdir(exist_ok=True)
    (media_root / "cache").write_text("a file where a folder belongs")
    settings.CACHES = {"default": {**installation.FILE_CACHE, "LOCATION": media_root / "cache"}}
    assert only("shared_cache").gravity is Gravity.ERROR
    (media_root / "cache").unlink()
    assert only("shared_cache").gravity is Gravity.FINE


@pytest.fixture
def skewed(transactional_db: None) -> Iterator[None]:
    """A database whose clock is nine minutes late, on a connection of its own: prepared statements keep the right one."""
    connection.close()
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.create_function("STRFTIME", 2, lambda shape, at: str(timezone.now() - timedelta(minutes=9))[:23])
        yield
    else:
        late = "pg_catalog.statement_timestamp() - interval ''9 minutes''"
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA late; SET search_path = late, public, pg_catalog")
            cursor.execute(f"CREATE FUNCTION late.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT {late}'")
            yield
            cursor.execute("DROP SCHEMA late CASCADE")
    connection.close()


def test_clocks_that_disagree(skewed: None) -> None:
    (finding,) = doctor.clock()  # alone: the queue's check takes a new connection
    assert finding.gravity is Gravity.WARNING
    assert re.search(r"5[34]\d s apart", finding.text)


def test_messages_that_nobody_reads(lane: Wanted) -> None:
    for _ in range(doctor.MOST_MESSAGES + 1):
        OrmQ.objects.create(key=lane.queue, payload="x", lock=timezone.now())
    assert only("queue_broker").gravity is Gravity.WARNING


# --- work -------------------------------------------------------------------------------------------------------------
def test_no_lanes_is_grave_only_when_renders_wait(settings: Settings, job: RenderJob) -> None:
    finding = only("lanes")
    assert (finding.gravity, "1 renders wait" in finding.text) == (Gravity.ERROR, True)
    job.delete()
    assert only("lanes").gravity is Gravity.WARNING


def test_a_lane_that_has_fallen_silent(lane: Wanted) -> None:
    lanes.enter(Wanted("cpu-2", Kind.CPU), 5)
    Lane.objects.filter(name="cpu-2").update(seen_at=Now() - LONG_AGO)
    finding = only("lanes")
    assert finding.gravity is Gravity.WARNING
    assert "cpu-2" in finding.text


def test_lanes_without_a_sweep(lane: Wanted) -> None:
    assert only("lanes").gravity is Gravity.FINE
    cache.clear()
    assert only("lanes").gravity is Gravity.ERROR


def test_a_machine_that_rests(lane: Wanted) -> None:
    lanes.pause_node(lanes.NO_SPACE, Now() + LONG_AGO)
    finding = only("pauses")
    assert finding.gravity is Gravity.WARNING
    assert "no_space" in finding.text


def test_a_render_that_waits_beside_an_idle_lane(lane: Wanted, job: RenderJob) -> None:
    assert only("waiting_renders").gravity is Gravity.FINE
    RenderJob.objects.update(created_at=timezone.now() - LONG_AGO)
    assert only("waiting_renders").gravity is Gravity.FINE, "the lane has only just become idle"
    Lane.objects.update(since=Now() - LONG_AGO)
    assert only("waiting_renders").gravity is Gravity.ERROR


def test_a_render_whose_worker_is_gone(lane: Wanted, job: RenderJob) -> None:
    claims.claim()
    assert only("expired_leases").gravity is Gravity.FINE
    RenderJob.objects.update(lease_until=Now() - LONG_AGO)
    finding = only("expired_leases")
    assert finding.gravity is Gravity.ERROR
    assert str(job.pk) in finding.text


# --- the command ------------------------------------------------------------------------------------------------------
def manage(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command on a data folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=installation.BASE_DIR,
        env={**kept, "HEYGEM_DATA": str(folder), "FREE_SPACE_FLOOR_MB": "0", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def unused_port() -> int:
    """A port at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_database_without_its_tables_is_an_error_and_so_is_its_exit_code(tmp_path: Path) -> None:
    done = manage(tmp_path, "doctor", "--json")
    assert done.returncode == 1
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert "migrations are missing" in findings["database"]["text"]
    assert findings["database"]["gravity"] == "error"
    assert "lanes" not in findings


def test_servers_that_do_not_answer_are_errors(tmp_path: Path) -> None:
    port = unused_port()
    away = {"DATABASE_URL": f"postgres://postgres@127.0.0.1:{port}/x", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    done = manage(tmp_path, "doctor", **away)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "The database does not answer" in done.stdout
    assert "The cache keeps nothing" in done.stdout


def test_a_queue_that_does_not_answer_is_an_error(tmp_path: Path, tables: Path) -> None:
    shutil.copy(tables, tmp_path)
    well = manage(tmp_path, "doctor")
    assert (well.returncode, "No lane for renders runs" in well.stdout) == (0, True), well.stdout
    done = manage(tmp_path, "doctor", REDIS_URL=f"redis://127.0.0.1:{unused_port()}/0")
    assert done.returncode == 1
    assert "The queue does not answer" in done.stdout


def test_warnings_alone_leave_the_exit_code_at_nothing(
    lane: Wanted, settings: Settings, media_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CACHES = {"default": {**installation.FILE_CACHE, "LOCATION": media_root / "cache"}}
    cleanup.run_due()
    lanes.pause_node(lanes.NO_SPACE, Now() + LONG_AGO)
    call_command("doctor")
    assert "warning" in capsys.readouterr().out
