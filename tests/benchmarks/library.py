"""What a large library costs: `python -m tests.benchmarks.library`, in a SQLite database of its own.

31 people, of whom one has a project of 200 lecturers with 10,000 clips, 300 voices and 50,000 finished videos: each page's
queries and time, a submission under a quota, and a cleaning of all videos with the memory that it takes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

PEOPLE, LECTURERS, CLIPS, VOICES, VIDEOS, TIMES = 30, 200, 10_000, 300, 50_000, 3
BATCH_CELLS = 500


def main() -> None:
    """Measure in a process of its own, which has a data folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "HEYGEM_DATA": folder,
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "heygem_site.settings",
        }
        subprocess.run([sys.executable, "-m", "tests.benchmarks.library", "--measure"], env=environment, check=True)


def measure() -> None:
    """Fill the database and print a line for each page."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext, setup_test_environment

    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    client, pages, act = _fill()
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores: {CLIPS} clips, {VIDEOS} videos\n")
    sys.stdout.write("what | queries | median ms | worst ms\n")
    for name, url in pages.items():
        seconds = []
        for _ in range(TIMES):
            with CaptureQueriesContext(connection) as asked:
                begun = time.perf_counter()
                answer = client.get(url)
                seconds.append(time.perf_counter() - begun)
            assert answer.status_code == 200, (url, answer.status_code)
        sys.stdout.write(f"{name} | {len(asked)} | {1000 * median(seconds):.0f} | {1000 * max(seconds):.0f}\n")
    for name, do in act.items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        do()
        took = time.perf_counter() - begun
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        sys.stdout.write(f"{name}: {took:.2f} s, peak memory grew by {grown} MB\n")


def _fill() -> tuple[object, dict[str, str], dict[str, Callable[[], object]]]:
    from django.test import Client
    from django.utils import timezone

    from projects import accounts, jobs, retention
    from projects.models import (
        AudioTrack,
        Consent,
        QuotaPlan,
        RenderBatch,
        RenderJob,
        RenderOutput,
        RetentionPolicy,
        Speaker,
        SpeakerClip,
    )

    owner = accounts.create_user(username="olga", password="correct horse battery", administrator=True)
    for number in range(PEOPLE):
        accounts.create_user(username=f"person{number:02}", password="correct horse battery")
    home = accounts.first_project(owner)
    picture = {"width": 1920, "height": 1080, "frame_rate": "25", "codec": "h264"}
    speakers = Speaker.objects.bulk_create(Speaker(project=home, name=f"Lecturer {number:03}") for number in range(LECTURERS))
    agreed = {"scope": "Videos in this project", "given_on": timezone.localdate()}
    Consent.objects.bulk_create(Consent(speaker=speaker, given_by=speaker.name, **agreed) for speaker in speakers)
    clips = SpeakerClip.objects.bulk_create(
        (
            SpeakerClip(
                **picture,
                speaker=speakers[number % LECTURERS],
                title=f"Take {number}",
                file=f"clips/{number}.mp4",
                still=f"clips/{number}.jpg",
                sha256=f"{number:064x}",
                size=50_000_000 + number,
                frames=750,
                duration=30.0,
                has_sound=True,
            )
            for number in range(CLIPS)
        ),
        batch_size=500,
    )
    facts = {"duration": 60.0, "sample_rate": 48_000, "codec": "aac", "size": 1_000_000}
    tracks = AudioTrack.objects.bulk_create(
        AudioTrack(
            **facts, project=home, title=f"Lesson {number}", file=f"audio/{number}.m4a", sha256=f"{number:064x}", language="en"
        )
        for number in range(VOICES)
    )
    now = timezone.now()
    batch = RenderBatch.objects.create(project=home, created_by=owner, name="Course", name_pattern="{clip}")
    final = {"status": "succeeded", "fence": 1, "attempts": 1, "started_at": now, "finished_at": now, "progress": 1.0}

    def rows() -> Iterator[RenderJob]:
        for number in range(VIDEOS):
            chosen = {"clip": clips[number % CLIPS], "track": tracks[number % VOICES], "project": home, "created_by": owner}
            yield RenderJob(id=uuid.UUID(int=number + 1), batch=batch if number < BATCH_CELLS else None, **chosen, **final)

    RenderJob.objects.bulk_create(rows(), batch_size=500)
    video = {"width": 1920, "height": 1080, "frame_rate": "25", "frames": 1500, "duration": 60.0, "sha256": "b" * 64}
    RenderOutput.objects.bulk_create(
        (
            RenderOutput(job_id=uuid.UUID(int=number + 1), file=f"renders/{number}.mp4", size=9_000_000 + number, **video)
            for number in range(VIDEOS)
        ),
        batch_size=500,
    )
    RenderOutput.objects.update(created_at=now - timedelta(days=40))
    QuotaPlan.objects.create(
        name="Usual", is_usual=True, bytes_per_person=10**13, bytes_per_project=10**13, minutes_per_month=10**6
    )
    RetentionPolicy.objects.create(for_all=True, video_days=30)
    client = Client()
    client.force_login(owner)
    here = f"/projects/{home.pk}"
    pages = {
        "quick render": "/",
        "lecturers": f"{here}/",
        "voices": f"{here}/voices/",
        "batches": f"{here}/batches/",
        "new batch": f"{here}/batches/new/",
        "a batch of 500": f"/batches/{batch.pk}/",
        "renders": f"{here}/renders/",
        "queue": "/queue/",
        "a render": f"/jobs/{uuid.UUID(int=1)}/",
        "storage": "/storage/",
        "API: clips": "/api/v1/clips/",
        "API: jobs": "/api/v1/jobs/",
        "API: usage": "/api/v1/usage/",
        "admin: overview": "/admin/",
        "admin: people": "/admin/auth/user/",
        "admin: people by bytes": "/admin/auth/user/?o=-3",
        "admin: people by share": "/admin/auth/user/?o=-6",
        "admin: people by minutes": "/admin/auth/user/?o=-7",
        "admin: projects": "/admin/projects/project/",
        "admin: projects by share": "/admin/projects/project/?o=-7",
        "admin: lecturers": "/admin/projects/speaker/",
        "admin: renders": "/admin/projects/renderjob/",
        "admin: finished videos": "/admin/projects/renderoutput/",
    }
    act: dict[str, Callable[[], object]] = {
        "a submission under a quota": lambda: jobs.submit(project=home, clip=clips[0], track=tracks[0], created_by=owner),
        "dry run": lambda: retention.run(dry_run=True),
        "all videos put into the bin": retention.run,
    }
    return client, pages, act


if __name__ == "__main__":
    measure() if "--measure" in sys.argv else main()
