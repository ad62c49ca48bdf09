"""Lanes: which there are, what they have in hand, who is woken, when a machine rests, and when one is restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from pytest_django import Settings

from heygem_site import environment
from projects import claims, cleanup, lane_locks, lanes, processes, rendering, tasks, wakeups
from projects.claims import Claim
from projects.lanes import Wanted
from projects.members import LaneMember
from projects.models import Kind, Lane, RenderJob, Status
from projects.models.lanes import GONE_AFTER, SEEN_LATELY
from tests import making

MINUTE = timedelta(minutes=1)


def enter(name: str, kind: Kind = Kind.CPU, pid: int = 2**22 + 2) -> Wanted:
    """One more lane."""
    lane = Wanted(name, kind)
    lanes.enter(lane, pid)
    return lane


def elsewhere(settings: Settings, name: str = "cpu-1", node: str = "other") -> Lane:
    """A lane of another machine."""
    here, settings.NODE_NAME = settings.NODE_NAME, node
    enter(name)
    settings.NODE_NAME = here
    return Lane.objects.get(node=node, name=name)


def age(rows: str, by: timedelta, **chosen: object) -> None:
    """Make a time of lanes older."""
    Lane.objects.filter(**chosen).update(**{rows: F(rows) - by})


def waiting() -> list[str]:
    """The queues in which a wake-up waits."""
    return sorted(OrmQ.objects.values_list("key", flat=True))


# --- which there are --------------------------------------------------------------------------------------------------
def test_the_settings_name_the_lanes_and_each_sees_its_own_graphics_card(settings: Settings) -> None:
    settings.CPU_LANES, settings.GPU_LANES, settings.IO_LANES = 2, ["0", "3"], 1
    found = lanes.wanted()
    assert [lane.name for lane in found] == ["cpu-1", "cpu-2", "gpu-0", "gpu-3", "io-1"]
    assert [lane.environment["CUDA_VISIBLE_DEVICES"] for lane in found] == ["", "", "0", "3", ""]
    assert len({lane.queue for lane in found}) == 5


@pytest.mark.parametrize(
    ("given", "meant"),
    [("", []), ("0", []), ("2", ["0", "1"]), ("0,1", ["0", "1"]), ("3,", ["3"]), ("GPU-8f4c", ["GPU-8f4c"])],
)
def test_graphics_cards_are_counted_or_named(given: str, meant: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_LANES", given)
    assert environment.devices("GPU_LANES") == meant


@pytest.mark.parametrize("given", ["1,1", "two", "0;1", "65", "-1"])
def test_a_list_of_graphics_cards_that_means_nothing_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_LANES", given)
    with pytest.raises(Exception, match="GPU_LANES must be"):
        environment.devices("GPU_LANES")


def test_a_lane_that_is_not_heard_of_does_not_work_and_is_forgotten_later(lane: Wanted) -> None:
    assert lanes.working(Kind.CPU).count() == 1
    assert not lanes.working(Kind.GPU).exists()
    age("seen_at", SEEN_LATELY + timedelta(seconds=1))
    assert not lanes.working().exists()
    assert lanes.forget_gone() == 0
    age("seen_at", GONE_AFTER)
    cleanup.sweep()
    assert not Lane.objects.exists()


def test_a_lane_that_is_not_heard_of_is_kept_while_its_render_goes_on(lane: Wanted, job: RenderJob, settings: Settings) -> None:
    settings.LANE = lane.name
    claim = claims.claim()
    assert claim is not None
    with lanes.holding(claim.job_id, claim.key):
        age("seen_at", 2 * GONE_AFTER)
        assert lanes.forget_gone() == 0


def test_a_row_that_somebody_took_away_comes_back_with_the_next_beat(lane: Wanted) -> None:
    Lane.objects.all().delete()
    lanes.beat({lane: 77})
    assert Lane.objects.get().pid == 77
    age("seen_at", MINUTE)
    lanes.beat({lane: 77})
    assert lanes.working().count() == 1


# --- what they have in hand -------------------------------------------------------------------------------------------
def take(lane: Wanted, job: RenderJob, settings: Settings) -> Claim:
    """The lane takes the job in hand, and dies with it."""
    settings.LANE = lane.name
    claim = claims.claim()
    assert claim is not None
    Lane.objects.filter(name=lane.name).update(job=job, claim=claim.key)
    return claim


def test_a_lane_shows_its_job_while_it_renders(lane: Wanted, job: RenderJob, settings: Settings) -> None:
    settings.LANE = lane.name
    claim = claims.claim()
    assert claim is not None
    with lanes.holding(claim.job_id, claim.key):
        held = Lane.objects.get()
        assert (held.job, held.claim) == (job, claim.key)
        assert not Lane.objects.idle().exists()
    assert Lane.objects.idle().get().job is None


def test_the_job_of_a_lane_that_died_can_be_taken_at_once(lane: Wanted, job: RenderJob, settings: Settings) -> None:
    first = take(lane, job, settings)
    assert claims.claim() is None
    assert lanes.let_go(lane.name) == 1
    second = claims.claim()
    assert second is not None
    assert (second.job_id, second.fence) == (job.pk, first.fence + 1)
    assert lanes.let_go(lane.name) == 0, "the lane that died does not touch its successor's claim"
    assert RenderJob.objects.filter(second.row(), lease_until__gt=Now()).exists()


def test_hands_that_are_empty_are_seen_even_where_the_worker_could_not_say_so(
    lane: Wanted, job: RenderJob, settings: Settings
) -> None:
    claim = take(lane, job, settings)
    lanes.beat({lane: Lane.objects.get().pid})
    assert not Lane.objects.idle().exists()
    claims.give_back(claim)
    lanes.beat({lane: Lane.objects.get().pid})
    assert Lane.objects.idle().exists()


def test_a_lane_that_leaves_takes_its_row_with_it_and_leaves_its_job(lane: Wanted, job: RenderJob, settings: Settings) -> None:
    take(lane, job, settings)
    lanes.leave(lane)
    assert not Lane.objects.exists()
    assert RenderJob.objects.claimable().get() == job


# --- who is woken -----------------------------------------------------------------------------------------------------
def test_every_idle_lane_that_renders_is_woken_once(lane: Wanted, job: RenderJob, owner: User, settings: Settings) -> None:
    busy, graphics, _io = enter("cpu-2"), enter("gpu-0", Kind.GPU), enter("io-1", Kind.IO)
    take(busy, job, settings)
    other = elsewhere(settings)
    late = elsewhere(settings, node="late")
    age("seen_at", MINUTE, pk=late.pk)
    for _ in range(3):
        wakeups.send()
    assert waiting() == sorted([lane.queue, graphics.queue, other.queue])


def test_the_sweep_wakes_the_housekeeping_lane_alone(lane: Wanted) -> None:
    housekeeping = enter("io-1", Kind.IO)
    wakeups.send_sweep()
    wakeups.send_sweep()
    assert waiting() == [housekeeping.queue]
    assert OrmQ.objects.get().task["func"] == "projects.tasks.sweep"


def test_a_lane_that_starts_finds_no_old_messages(lane: Wanted) -> None:
    other = enter("cpu-2")
    wakeups.send()
    wakeups.clear(lane.queue)
    assert waiting() == [other.queue]


def test_a_lane_that_wakes_to_more_than_it_can_do_wakes_the_others_first(
    lane: Wanted, job: RenderJob, owner: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    RenderJob.objects.create(project=job.project, clip=job.clip, track=job.track, created_by=owner)
    seen: list[list[str]] = []
    monkeypatch.setattr(rendering, "run", lambda claim, stop: seen.append(waiting()))
    settings.LANE = lane.name
    beside = enter("cpu-2")
    tasks.wake()
    assert beside.queue in seen[0]


# --- rest -------------------------------------------------------------------------------------------------------------
def test_a_machine_that_rests_takes_no_jobs_and_is_not_woken(lane: Wanted, job: RenderJob, settings: Settings) -> None:
    other = elsewhere(settings)
    assert lanes.pause_node("out_of_memory", Now() + MINUTE) == 1
    assert lanes.is_paused()
    tasks.wake()
    wakeups.send()
    job.refresh_from_db()
    assert job.status == Status.QUEUED
    assert waiting() == [other.queue]
    assert [found.node for found in lanes.working(Kind.CPU)] == ["other"]


def test_a_rest_ends_with_its_time_and_the_next_sweep_wakes_the_lane(lane: Wanted, job: RenderJob) -> None:
    lanes.pause_node("out_of_memory", Now() + MINUTE)
    cleanup.sweep()
    assert waiting() == []
    age("paused_until", 2 * MINUTE)
    cleanup.sweep()
    assert not lanes.is_paused()
    assert Lane.objects.get().pause_reason == ""
    assert waiting() == [lane.queue]


def test_a_rest_for_want_of_room_ends_when_there_is_room_but_not_at_once(lane: Wanted, settings: Settings) -> None:
    lanes.pause_node(lanes.NO_SPACE, Now() + 60 * MINUTE)
    assert lanes.lift_pauses() == 0
    age("paused_at", 2 * MINUTE)
    settings.FREE_SPACE_FLOOR_BYTES = 2**60
    assert lanes.lift_pauses() == 0
    settings.FREE_SPACE_FLOOR_BYTES = 0
    assert lanes.lift_pauses() == 1
    assert not lanes.is_paused()


def test_a_restarted_lane_of_a_machine_that_rests_rests_on(lane: Wanted) -> None:
    lanes.pause_node("out_of_memory", Now() + MINUTE)
    lanes.enter(lane, 78)
    assert lanes.is_paused()


def test_an_administrator_sees_a_rest_and_can_end_it(lane: Wanted, administrator: User, settings: Settings) -> None:
    elsewhere(settings)
    lanes.pause_node(lanes.NO_SPACE, Now() + MINUTE)
    browser: Client = making.browser(administrator)
    page = browser.get(reverse("admin:projects_lane_changelist"))
    assert "no_space" in page.text
    chosen = {"action": "let_go_on", "_selected_action": [Lane.objects.here().get().pk]}
    assert "1 lanes take jobs again" in browser.post(reverse("admin:projects_lane_changelist"), chosen, follow=True).text
    assert not lanes.is_paused()


# --- when one is restarted --------------------------------------------------------------------------------------------
@pytest.fixture
def started(db: None, monkeypatch: pytest.MonkeyPatch) -> LaneMember:
    """A lane whose program only sleeps, with a child for each part of a cluster; what its sentinel says is the test's."""
    member = LaneMember(Wanted("cpu-1", Kind.CPU))
    parts = "import subprocess, sys, time; [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']) "
    member.command = [sys.executable, "-c", parts + "for _ in range(4)]; time.sleep(600)"]
    member.start()
    assert member.process is not None
    deadline = time.monotonic() + 30
    while len(psutil.Process(member.process.pid).children()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    yield member
    member.stop()


def kill(pid: int) -> None:
    """Kill a process and wait until it is dead, if not yet buried."""
    process = psutil.Process(pid)
    process.kill()
    deadline = time.monotonic() + 10
    while processes.is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.02)


def stat(member: LaneMember, **changed: object) -> SimpleNamespace:
    """What the sentinel says while all is well."""
    assert member.process is not None
    sentinel, worker, monitor, pusher = (child.pid for child in psutil.Process(member.process.pid).children())
    facts = {"sentinel": sentinel, "workers": [worker], "monitor": monitor, "pusher": pusher, "reincarnations": 0}
    return SimpleNamespace(**{**facts, **changed})


def test_a_lane_is_well_while_all_that_it_began_with_lives(started: LaneMember) -> None:
    said = stat(started)
    assert started.trouble() == ""
    started.hear(said)
    assert started.trouble() == ""
    kill(said.workers[0])
    assert started.trouble() == "has lost a process"


def test_a_worker_that_was_replaced_is_noticed_however_quickly(started: LaneMember) -> None:
    said = stat(started)
    started.hear(stat(started, reincarnations=1))
    assert started.trouble() == "has lost a helper", "before anybody looked"
    started.hear(said)
    started.hear(stat(started, workers=[said.pusher]))
    assert started.trouble() == "has lost a process"


def test_a_lane_that_lost_a_helper_finishes_its_job_first(started: LaneMember) -> None:
    said = stat(started)
    started.hear(said)
    started.busy = True
    kill(said.pusher)
    assert started.trouble() == ""
    started.busy = False
    assert started.trouble() == "has lost a helper"


def test_a_silent_sentinel_is_noticed_unless_nobody_can_be_heard(started: LaneMember, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    started.hear(stat(started))
    monkeypatch.setattr(time, "monotonic", lambda: now + 62)
    assert started.trouble() == "has said nothing for 15 s"
    started.hear_nothing()
    assert started.trouble() == ""
    monkeypatch.setattr(time, "monotonic", lambda: now + 76)
    started.hear(stat(started))
    monkeypatch.setattr(time, "monotonic", lambda: now + 90)
    started.hear(None)
    assert started.trouble() == ""
    monkeypatch.setattr(time, "monotonic", lambda: now + 92)
    assert started.trouble() == "has said nothing for 15 s"


def test_a_lane_that_idles_beside_work_for_a_minute_is_stuck(started: LaneMember, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    for seconds, waits, trouble in ((0, True, ""), (50, True, ""), (55, False, ""), (57, True, ""), (110, True, "")):
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: now + seconds)
        started.hear(stat(started))
        started.beside_work(waits)
        assert started.trouble() == trouble
    monkeypatch.setattr(time, "monotonic", lambda: now + 118)
    started.hear(stat(started))
    assert started.trouble() == "takes no work"


@pytest.mark.parametrize(("comes_up", "pauses"), [(True, [1, 2, 4, 4, 4, 4]), (False, [1, 2, 4, 8, 16, 30])])
def test_a_lane_that_had_come_up_is_back_within_seconds_however_often_it_dies(
    started: LaneMember, monkeypatch: pytest.MonkeyPatch, comes_up: bool, pauses: list[int]
) -> None:
    seen = []
    started.stop()
    started.command = [sys.executable, "-c", "import time; time.sleep(600)"]
    for pause in pauses:
        monkeypatch.undo()
        started.tend()
        assert started.process is not None
        if comes_up:
            started.hear(SimpleNamespace(workers=[1], monitor=1, pusher=1, sentinel=1, reincarnations=0))
        kill(started.process.pid)
        started.tend()
        died = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda at=died + pause - 0.5: at)
        started.tend()
        assert started.process is None, "it is not yet time"
        monkeypatch.setattr(time, "monotonic", lambda at=died + pause: at)
        started.tend()
        seen.append(started.process is not None)
    assert all(seen)


# --- one of a name ----------------------------------------------------------------------------------------------------
TAKE = """
import os, sys, time, django
django.setup()
from projects import lane_locks, processes
print(lane_locks.take("cpu-1", patience=0.2), flush=True)
processes.end_with_parents()
if os.fork() == 0:
    time.sleep(600)
time.sleep(600)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that asks to be the lane, with a child."""
    environment = {**os.environ, "HEYGEM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "heygem_site.settings"}
    command = [sys.executable, "-c", TAKE]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_a_lane_goes_with_its_first_process_and_another_takes_its_place(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    with holder(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        child = psutil.Process(first.pid)
        deadline = time.monotonic() + 10
        while not child.children() and time.monotonic() < deadline:
            time.sleep(0.02)
        (forked,) = child.children()
        with holder(tmp_path) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "False\n"
            os.killpg(second.pid, signal.SIGKILL)
        first.kill()
        forked.wait(timeout=10)
    assert lane_locks.take("cpu-1", patience=5)


def test_a_frozen_lane_of_an_earlier_supervisor_is_ended_by_force(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    with holder(tmp_path) as frozen:
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == "True\n"
        os.killpg(frozen.pid, signal.SIGSTOP)
        lane_locks.evict(["cpu-1", "cpu-2"], patience=0.3)
        assert frozen.wait(timeout=5) == -signal.SIGKILL
    assert lane_locks.take("cpu-1", patience=5)
