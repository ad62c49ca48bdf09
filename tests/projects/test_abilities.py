"""Engines that need weights: who has them takes the job, and where nobody has it is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from lipsync.weights.installing import install_own
from projects import abilities, accounts, jobs, lanes, turns
from projects.errors import Refused
from projects.lanes import Wanted
from projects.models import AudioTrack, Choice, Kind, Lane, RenderJob, SpeakerClip

PID = 2**22 + 1


@pytest.fixture(autouse=True)
def weights(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for weights."""
    settings.WEIGHTS_ROOT = tmp_path / "weights"
    monkeypatch.delenv("LIPSYNC_FORBIDDEN_LICENCES", raising=False)
    return settings.WEIGHTS_ROOT


def have(folder: Path, name: str, *, commercial: bool = True) -> None:
    """Install weights for a network; what is in the file nobody looks at before a render."""
    file = folder.parent / "file.pth"
    file.write_bytes(b"weights")
    install_own(f"made_up_{name}", file, name, "made up", commercial_use=commercial, folder=folder)


def ask(clip: SpeakerClip, track: AudioTrack, owner: User, **choice: Any) -> RenderJob:
    return jobs.submit(project=track.project, clip=clip, track=track, created_by=owner, choice=Choice(**choice))


def test_a_machine_can_run_what_it_has_weights_for(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert abilities.here() == ["resynth"]
    have(weights, "wav2lip", commercial=False)
    have(weights, "gfpgan")
    assert abilities.here() == ["resynth", "wav2lip", "gfpgan"]
    with monkeypatch.context() as patch:
        patch.setenv("LIPSYNC_FORBIDDEN_LICENCES", "non-commercial")
        assert abilities.here() == ["resynth", "gfpgan"]
    monkeypatch.setattr(abilities, "find_spec", lambda name: None)
    assert abilities.here() == ["resynth"], "without torch"


def test_lanes_tell_what_they_can_run_and_hear_of_what_is_installed(db: None, weights: Path) -> None:
    renders, keeps_house = Wanted("cpu-1", Kind.CPU), Wanted("io-1", Kind.IO)
    for lane in (renders, keeps_house):
        lanes.enter(lane, PID)
    assert {lane.name: lane.abilities for lane in Lane.objects.all()} == {"cpu-1": ["resynth"], "io-1": []}
    have(weights, "wav2lip")
    lanes.beat({renders: PID, keeps_house: PID})
    assert {lane.name: lane.abilities for lane in Lane.objects.all()} == {"cpu-1": ["resynth", "wav2lip"], "io-1": []}


@pytest.mark.parametrize("choice", [{"engine": "wav2lip"}, {"enhancer": "gfpgan"}])
def test_what_no_lane_can_run_is_refused_with_what_to_do(
    clip: SpeakerClip, track: AudioTrack, owner: User, lane: Wanted, choice: dict[str, str]
) -> None:
    with pytest.raises(Refused) as caught:
        ask(clip, track, owner, **choice)
    assert caught.value.code == "no_lane_for_engine"
    assert next(iter(choice.values())) in caught.value.message and "manage.py weights" in caught.value.message
    assert not RenderJob.objects.exists()


def test_one_lane_must_be_able_to_do_all_of_it(clip: SpeakerClip, track: AudioTrack, owner: User, lane: Wanted) -> None:
    Lane.objects.update(abilities=["resynth", "wav2lip"])
    lanes.enter(Wanted("cpu-2", Kind.CPU), PID)
    Lane.objects.filter(name="cpu-2").update(abilities=["resynth", "gfpgan"])
    ask(clip, track, owner, engine="wav2lip")
    ask(clip, track, owner, enhancer="gfpgan")
    with pytest.raises(Refused):
        ask(clip, track, owner, engine="wav2lip", enhancer="gfpgan")


def test_only_a_machine_that_has_the_weights_takes_the_job(
    clip: SpeakerClip, track: AudioTrack, owner: User, lane: Wanted, weights: Path
) -> None:
    Lane.objects.update(abilities=["resynth", "wav2lip", "gfpgan"])
    special, usual = ask(clip, track, owner, engine="wav2lip", enhancer="gfpgan"), ask(clip, track, owner)
    assert [turn.job_id for turn in turns.candidates(5)] == [usual.pk], "this machine has no weights"
    have(weights, "wav2lip")
    assert [turn.job_id for turn in turns.candidates(5)] == [usual.pk], "nor those of what comes afterwards"
    have(weights, "gfpgan")
    assert [turn.job_id for turn in turns.candidates(5)] == [special.pk, usual.pk]
    RenderJob.objects.filter(pk=usual.pk).delete()
    assert turns.anything_due()


def test_the_engine_is_asked_for_what_was_chosen(clip: SpeakerClip, track: AudioTrack, owner: User, lane: Wanted) -> None:
    Lane.objects.update(abilities=["resynth", "wav2lip", "gfpgan"])
    told = ask(clip, track, owner, engine="wav2lip", enhancer="gfpgan").choice.for_engine()
    assert (told["engine"], told["enhancer"]) == ("wav2lip", "gfpgan")


def test_a_script_is_refused_with_the_code(clip: SpeakerClip, track: AudioTrack, owner: User) -> None:
    token, _ = accounts.create_token(user=owner)
    script = Client(headers={"Authorization": f"Token {token}"})
    body = {"clip": str(clip.pk), "track": str(track.pk), "engine": "wav2lip"}
    answer = script.post("/api/v1/jobs/", body, content_type="application/json")
    assert answer.status_code == 422 and "no_lane_for_engine" in answer.content.decode()


def test_the_page_offers_what_this_machine_has(owner_client: Client, weights: Path) -> None:
    assert 'name="engine"' not in owner_client.get("/").content.decode()
    have(weights, "wav2lip")
    page = owner_client.get("/").content.decode()
    assert 'name="engine"' in page and 'name="enhancer"' not in page and "not for commercial use" in page
