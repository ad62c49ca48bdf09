"""Mail: what happened since the last one, in one message, to those who asked for it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from projects import mails, preferences, tasks
from projects.models import (
    AudioTrack,
    Mail,
    Membership,
    Preferences,
    Project,
    QuotaPlan,
    RenderBatch,
    RenderJob,
    Speaker,
    SpeakerClip,
    Status,
)

Ended = Callable[..., RenderJob]
Later = Callable[..., None]


@pytest.fixture
def later() -> Iterator[Later]:
    """Time stands still, tomorrow at noon, so that some hours more are the same day; call it to move on."""
    noon = (timezone.now() + timedelta(days=1)).replace(hour=12, minute=0)
    with time_machine.travel(noon, tick=False) as traveller:
        yield lambda **span: traveller.shift(timedelta(**span))


@pytest.fixture(autouse=True)
def _reader(settings: Settings, owner: User, later: Later) -> None:
    """The owner wishes to be told of everything."""
    settings.EMAIL_HOST, settings.PUBLIC_URL = "mail.example.com", "https://studio.example.com"
    User.objects.filter(pk=owner.pk).update(email="olga@example.com")
    preferences.choose_mails(owner, Mail.values)
    later(seconds=10)


@pytest.fixture
def ended(project: Project, clip: SpeakerClip, track: AudioTrack, owner: User, later: Later) -> Ended:
    """A render that has ended just now."""

    def end(status: Status = Status.SUCCEEDED, **fields: Any) -> RenderJob:
        why = {"error_code": "no_face", "error_message": "No face was found."} if status == Status.FAILED else {}
        whose = {"project": project, "clip": clip, "track": track, "created_by": owner} | why | fields
        row = RenderJob.objects.create(status=status, finished_at=timezone.now(), **whose)
        later(seconds=10)
        return row

    return end


def told() -> str:
    """Look whether there is something to tell, and read it."""
    before = len(mail.outbox)
    mails.send_due()
    assert len(mail.outbox) <= before + 1
    return str(mail.outbox[-1].body) if len(mail.outbox) > before else ""


def test_a_finished_video_is_told_at_once_with_its_page(ended: Ended) -> None:
    job = ended()
    text = told()
    assert f"https://studio.example.com/jobs/{job.pk}/" in text
    assert "Finished videos" in text
    assert mail.outbox[0].subject == "HeyGem Studio: a video is finished"
    assert told() == ""


def test_the_housekeeping_lane_sends_it(ended: Ended, settings: Settings) -> None:
    settings.MAKE_PREVIEWS = False
    ended()
    tasks.sweep()
    assert len(mail.outbox) == 1


def test_many_videos_in_a_row_make_few_mails(ended: Ended, later: Later) -> None:
    ended()
    assert told()
    assert [told() for _number in range(mails.MOST_LINES + 5) if ended()] == [""] * (mails.MOST_LINES + 5)
    later(minutes=10)
    told()
    assert len(mail.outbox) == 2
    assert "and 5 more" in str(mail.outbox[1].body)
    assert mail.outbox[1].subject == f"HeyGem Studio: {mails.MOST_LINES + 5} videos are finished"


def test_a_failed_render_is_told_with_its_cause(ended: Ended) -> None:
    ended(Status.FAILED)
    assert "No face was found." in told()


def test_a_cancelled_one_is_not(ended: Ended) -> None:
    ended(Status.CANCELLED)
    assert told() == ""


def test_a_batch_is_told_of_once_when_it_is_done(
    ended: Ended, project: Project, owner: User, clip: SpeakerClip, track: AudioTrack, later: Later
) -> None:
    batch = RenderBatch.objects.create(project=project, created_by=owner, name="Course 1", name_pattern="{clip}")
    ended(batch=batch)
    other = AudioTrack.objects.create(project=project, title="2", file="audio/2.wav", duration=1.0, sample_rate=1, size=1)
    last = RenderJob.objects.create(project=project, clip=clip, track=other, created_by=owner, batch=batch)
    assert told() == ""
    RenderJob.objects.filter(pk=last.pk).update(
        status=Status.FAILED, error_code="no_face", error_message="x", finished_at=timezone.now()
    )
    later(seconds=10)
    text = told()
    assert "Course 1: 1 of 2 videos, 1 without a video" in text
    assert "Finished videos" not in text
    assert told() == ""


def test_a_batch_that_ends_at_this_moment_is_told_of_once_too(
    ended: Ended, project: Project, owner: User, later: Later
) -> None:
    batch = RenderBatch.objects.create(project=project, created_by=owner, name="Course 1", name_pattern="{clip}")
    first = ended(batch=batch)
    RenderJob.objects.filter(pk=ended(batch=batch, retry_of=first).pk).update(finished_at=timezone.now())
    told()
    later(minutes=11)
    told()
    assert ["Course 1" in str(message.body) for message in mail.outbox] == [True]


def test_a_draft_is_looked_at_on_the_page_and_not_told_of(ended: Ended) -> None:
    ended(excerpt=5.0)
    assert told() == ""


def test_only_what_was_asked_for_is_told(ended: Ended, owner: User) -> None:
    preferences.choose_mails(owner, [Mail.FAILURES])
    ended()
    assert told() == ""
    ended(Status.FAILED)
    assert "Failed renders" in told()


def test_what_happened_before_one_asked_is_not_told(ended: Ended, owner: User) -> None:
    preferences.choose_mails(owner, [])
    ended()
    preferences.choose_mails(owner, Mail.values)
    assert told() == ""


def test_a_project_that_one_may_no_longer_see_is_not_told_of(ended: Ended, project: Project, stranger: User) -> None:
    User.objects.filter(pk=stranger.pk).update(email="stefan@example.com")
    preferences.choose_mails(stranger, Mail.values)
    Membership.objects.create(project=project, user=stranger, role="editor")
    ended(created_by=stranger)
    Membership.objects.filter(user=stranger).delete()
    assert told() == ""


def test_a_nearly_full_plan_is_told_once_until_there_was_room(ended: Ended, owner: User, later: Later, clip: object) -> None:
    plan = QuotaPlan.objects.create(name="Tiny", bytes_per_person=10, is_usual=True)
    later(hours=2)
    assert "100% full" in told().replace("99%", "100%")
    later(hours=2)
    assert told() == ""
    QuotaPlan.objects.filter(pk=plan.pk).update(bytes_per_person=10**12)
    later(hours=2)
    assert told() == ""
    QuotaPlan.objects.filter(pk=plan.pk).update(bytes_per_person=10)
    later(hours=2)
    assert "full" in told()


def test_a_consent_that_ends_within_thirty_days_is_told_once(speaker: Speaker, later: Later) -> None:
    speaker.consents.update(expires_on=timezone.localdate() + timedelta(days=31))
    later(hours=2)
    assert told() == ""
    later(days=1)
    assert f"https://studio.example.com/lecturers/{speaker.pk}/" in told()
    later(days=1)
    assert told() == ""


def test_what_could_not_be_sent_is_told_with_the_next_one(ended: Ended, settings: Settings, later: Later) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    job = ended()
    assert mails.send_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert told() == ""  # not again at once: the server is down
    later(minutes=11)
    assert str(job.pk) in told()


def test_nobody_is_written_to_without_an_address_or_a_server(ended: Ended, owner: User, settings: Settings) -> None:
    ended()
    settings.EMAIL_HOST = ""
    assert told() == ""
    settings.EMAIL_HOST = "mail.example.com"
    User.objects.filter(pk=owner.pk).update(email="")
    assert told() == ""
    assert Preferences.objects.get().mailed_at is None


def test_it_is_in_the_readers_language_and_zone(ended: Ended, owner: User) -> None:
    preferences.choose_language(owner, "zh-hans")
    ended()
    told()
    assert "视频" in mail.outbox[0].subject


class OneMailServer(socketserver.StreamRequestHandler):
    """As much of SMTP as one message takes."""

    taken: list[str] = []

    def handle(self) -> None:
        """Answer until the other one leaves."""
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            if line == "data":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.taken.append("".join(lines))
            self._say("250 well")
            if line == "quit":
                return

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


def test_it_goes_out_to_a_real_server(ended: Ended, settings: Settings, later: Later) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), OneMailServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND, settings.EMAIL_USE_TLS = "django.core.mail.backends.smtp.EmailBackend", False
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        job = ended()
        assert mails.send_due() == 1
        server.shutdown()
    assert "To: olga@example.com" in OneMailServer.taken[0]
    assert str(job.pk) in OneMailServer.taken[0].replace("=\r\n", "")
