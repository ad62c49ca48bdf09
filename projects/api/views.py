"""The API's views: find, check, call, answer. The verbs are the pages' verbs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework import status
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import api_view, authentication_classes, parser_classes
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from projects import (
    access,
    accounts,
    batches,
    bin,
    consents,
    idempotency,
    jobs,
    library,
    media,
    presets,
    quotas,
    turns,
    uploads,
)
from projects.api import choices, serializers
from projects.api.answers import given as _given
from projects.api.answers import listed as _listed
from projects.api.answers import one as _one
from projects.api.answers import person as _person
from projects.api.entrance import GuardedBasicAuthentication
from projects.idempotency import Made
from projects.models import Project, RenderJob

RESTORED: dict[str, type[BaseSerializer[Any]]] = {
    "clips": serializers.ClipShape,
    "voices": serializers.TrackShape,
    "videos": serializers.OutputShape,
}


@api_view(["POST"])
@authentication_classes([GuardedBasicAuthentication, SessionAuthentication])
def tokens(request: Request) -> Response:
    """A new token for name and password (HTTP Basic), shown this once."""
    token, expires_at = accounts.create_token(user=_person(request))
    return Response({"token": token, "expires_at": expires_at}, status=status.HTTP_201_CREATED)


@api_view(["GET", "POST"])
def projects(request: Request) -> Response:
    """The person's projects, or a new one."""
    if request.method == "GET":
        return _listed(request, access.projects_of(request.user), serializers.ProjectShape)
    given = _given(serializers.ProjectShape(data=request.data))
    made = library.add_project(owner=_person(request), name=given["name"])
    return _one(request, access.project_for(request.user, made.pk), serializers.ProjectShape, status.HTTP_201_CREATED)


@api_view(["GET"])
def project(request: Request, project_id: UUID) -> Response:
    """One project."""
    return _one(request, access.project_for(request.user, project_id), serializers.ProjectShape)


@api_view(["GET", "POST"])
def speakers(request: Request) -> Response:
    """The lecturers, or a new one; an existing name gives the lecturer who has it."""
    if request.method == "GET":
        rows = access.speakers_of(request.user, project=_project(request)).prefetch_related("consents")
        return _listed(request, rows, serializers.SpeakerShape)
    given = _given(serializers.NewSpeaker(data=request.data))
    home = access.editable_project_for(request.user, given["project"])
    speaker = library.find_or_add_speaker(project=home, name=given["name"])
    if given["consent"]:
        consents.state(speaker=speaker, by=_person(request))
    return _one(request, speaker, serializers.SpeakerShape, status.HTTP_201_CREATED)


@api_view(["GET", "POST"])
@parser_classes([MultiPartParser])
def clips(request: Request) -> Response:
    """The clips, or a new one as multipart form data; the same bytes again give the lecturer's clip that has them."""
    if request.method == "GET":
        return _listed(
            request,
            access.clips_of(request.user, project=_project(request)).prefetch_related("previews"),
            serializers.ClipShape,
        )
    given = _given(serializers.NewClip(data=request.data))
    whose = access.editable_speaker_for(request.user, given["speaker"])
    clip = uploads.add_clip(project=whose.project, speaker=whose, uploaded_file=given["file"], title=given["title"])
    if given["consent"]:
        consents.state(speaker=clip.speaker, by=_person(request))
    return _one(request, clip, serializers.ClipShape, status.HTTP_201_CREATED)


@api_view(["GET", "DELETE"])
def clip(request: Request, clip_id: UUID) -> Response:
    """One clip; DELETE puts it into the bin for seven days."""
    if request.method == "DELETE":
        return _binned(request, access.editable_clip_for(request.user, clip_id))
    return _one(request, access.clip_for(request.user, clip_id), serializers.ClipShape)


@api_view(["GET", "POST"])
@parser_classes([MultiPartParser])
def tracks(request: Request) -> Response:
    """The voices, or a new one as multipart form data; the same bytes again give the project's voice that has them."""
    if request.method == "GET":
        return _listed(request, access.tracks_of(request.user, project=_project(request)), serializers.TrackShape)
    given = _given(serializers.NewTrack(data=request.data))
    track = uploads.add_track(
        project=access.editable_project_for(request.user, given["project"]),
        uploaded_file=given["file"],
        title=given["title"],
        language=given["language"],
    )
    return _one(request, track, serializers.TrackShape, status.HTTP_201_CREATED)


@api_view(["GET", "DELETE"])
def track(request: Request, track_id: UUID) -> Response:
    """One voice; DELETE puts it into the bin for seven days."""
    if request.method == "DELETE":
        return _binned(request, access.editable_track_for(request.user, track_id))
    return _one(request, access.track_for(request.user, track_id), serializers.TrackShape)


@api_view(["GET", "POST"])
def job_list(request: Request) -> Response:
    """The renders, also of one project or batch, or a new one from a clip and a voice of one project."""
    if request.method == "GET":
        rows = access.jobs_of(request.user, project=_project(request))
        wanted = request.query_params.get("batch")
        if wanted:
            rows = rows.filter(batch=access.batch_for(request.user, wanted))
        return _listed(request, rows, serializers.JobShape)
    given = _given(serializers.NewJob(data=request.data))
    chosen = access.editable_clip_for(request.user, given["clip"])
    voice = access.editable_track_for(request.user, given["track"])
    choice, preset = choices.chosen(given)
    make = partial(
        jobs.submit,
        project=chosen.speaker.project,
        clip=chosen,
        track=voice,
        created_by=_person(request),
        choice=choice,
        preset=preset,
    )
    return _queued(request, {"clip": str(chosen.pk), "track": str(voice.pk), "preset": preset, **choice.as_dict()}, make)


@api_view(["GET"])
def preset_list(request: Request) -> Response:
    """The presets by which a render can be asked for: the built-in ones, then those that administrators have added."""
    return _listed(request, presets.offered(), choices.PresetShape)


@api_view(["GET"])
def job_detail(request: Request, job_id: UUID) -> Response:
    """One render; poll this."""
    return _one(request, access.job_for(request.user, job_id), serializers.JobDetailShape)


@api_view(["POST"])
def job_cancel(request: Request, job_id: UUID) -> Response:
    """Cancel a render. One that has ended stays as it is."""
    job = jobs.cancel(job=access.editable_job_for(request.user, job_id), by=_person(request))
    return _one(request, job, serializers.JobDetailShape, status.HTTP_202_ACCEPTED)


@api_view(["POST"])
def job_retry(request: Request, job_id: UUID) -> Response:
    """Try a failed or cancelled render again, as a new one."""
    make = partial(jobs.retry, job=access.editable_job_for(request.user, job_id), by=_person(request))
    return _queued(request, {"retry": str(job_id)}, make)


@api_view(["POST", "DELETE"])
def job_raise(request: Request, job_id: UUID) -> Response:
    """For administrators: serve anybody's waiting render before all others, or let it wait for its turn again."""
    person = _person(request)
    move = turns.put_first if request.method == "POST" else turns.put_back
    return _one(request, move(job=access.any_job_for(person, job_id), by=person), serializers.JobDetailShape)


@api_view(["GET"])
def job_attempts(request: Request, job_id: UUID) -> Response:
    """Every attempt at a render and how it ended."""
    return _listed(request, access.attempts_of(request.user, job_id), serializers.AttemptShape)


@api_view(["GET"])
def job_log(request: Request, job_id: UUID) -> Response:
    """What was logged about a render."""
    return _listed(request, access.log_of(request.user, job_id), serializers.LogLineShape)


@api_view(["GET"])
def queue(request: Request) -> Response:
    """The person's own queue."""
    return _one(request, turns.queue_of(_person(request)), serializers.QueueShape)


@api_view(["POST"])
def queue_pause(request: Request) -> Response:
    """Start nothing new of this person's; what runs goes on."""
    return _one(request, turns.pause(user=_person(request)), serializers.QueueShape)


@api_view(["POST"])
def queue_resume(request: Request) -> Response:
    """Go on with this person's renders."""
    return _one(request, turns.resume(user=_person(request)), serializers.QueueShape)


@api_view(["GET", "DELETE"])
def output(request: Request, job_id: UUID) -> Response:
    """The facts of a finished video; DELETE puts it into the bin for seven days."""
    if request.method == "DELETE":
        return _binned(request, access.editable_output_for(request.user, job_id))
    return _one(request, access.output_for(request.user, job_id), serializers.OutputShape)


@api_view(["GET", "HEAD"])
def output_download(request: Request, job_id: UUID) -> HttpResponseBase:
    """A finished video."""
    return media.serve_output(request._request, access.output_for(request.user, job_id), attachment=True)


@api_view(["POST"])
def restore(request: Request, /, kind: str, **row_id: UUID) -> Response:
    """Take a clip, a voice or a video out of the bin."""
    thing = access.editable_binned_for(request.user, kind, next(iter(row_id.values())))
    bin.restore(thing)
    return _one(request, thing, RESTORED[kind])


@api_view(["GET"])
def usage(request: Request) -> Response:
    """What the person's own projects hold and may hold, in bytes, and the video rendered this month, in seconds."""
    person = _person(request)
    plan = quotas.plan_of(person)
    room, minutes = quotas.room_of_person(person, plan), quotas.minutes_of(person, plan)
    held = {
        "clips": room.clips,
        "tracks": room.tracks,
        "outputs": room.outputs,
        "arriving": room.arriving,
        "expected": room.expected,
        "previews": room.previews,
    }
    return Response(
        {
            "bytes": {**held, "used": room.used, "limit": room.limit, "left": room.left},
            "video_seconds": {"used": minutes.used, "limit": minutes.limit, "left": minutes.left},
        }
    )


@api_view(["GET", "POST"])
def batch_list(request: Request) -> Response:
    """The batches, or a new one of clips and voices of one project."""
    if request.method == "GET":
        return _listed(request, access.batches_of(request.user, project=_project(request)), serializers.BatchShape)
    given, home, cells = _cells(request)
    choice, preset = choices.chosen(given)
    make = partial(
        batches.submit,
        project=home,
        cells=cells,
        created_by=_person(request),
        name=given["name"],
        name_pattern=given["name_pattern"],
        choice=choice,
        preset=preset,
    )
    asked = {**given, **choice.as_dict(), "preset": preset, "project": str(home.pk), "clips": [], "tracks": []}
    return _queued(request, {**asked, "cells": sorted((str(clip.pk), str(track.pk)) for clip, track in cells)}, make)


@api_view(["POST"])
def batch_estimate(request: Request) -> Response:
    """What a batch would take: videos, seconds until all are rendered, seconds of video, bytes. It queues nothing."""
    given, _home, cells = _cells(request)
    needed = batches.need(cells, choices.chosen(given)[0])
    return Response(
        {"videos": needed.videos, "work_seconds": round(needed.work, 1), "video_seconds": needed.video, "bytes": needed.size}
    )


@api_view(["GET"])
def batch_detail(request: Request, batch_id: UUID) -> Response:
    """One batch; poll this."""
    return _one(request, access.batch_for(request.user, batch_id), serializers.BatchDetailShape)


@api_view(["POST"])
def batch_retry(request: Request, batch_id: UUID) -> Response:
    """Queue the cells that failed or were cancelled once more."""
    row = access.editable_batch_for(request.user, batch_id)
    batches.retry_failed(batch=row, by=_person(request))
    return _one(request, row, serializers.BatchDetailShape, status.HTTP_202_ACCEPTED)


@api_view(["POST"])
def batch_replace(request: Request, batch_id: UUID) -> Response:
    """Queue the cells of a clip that failed with another clip."""
    row = access.editable_batch_for(request.user, batch_id)
    given = _given(serializers.NewClipForCells(data=request.data))
    old, new = access.clip_for(request.user, given["old"]), access.clip_for(request.user, given["new"])
    batches.replace_clip(batch=row, old=old, new=new, by=_person(request))
    return _one(request, row, serializers.BatchDetailShape, status.HTTP_202_ACCEPTED)


@api_view(["POST"])
def batch_cancel(request: Request, batch_id: UUID) -> Response:
    """End what waits of a batch and stop what runs."""
    row = access.editable_batch_for(request.user, batch_id)
    batches.cancel(batch=row)
    return _one(request, row, serializers.BatchDetailShape, status.HTTP_202_ACCEPTED)


@api_view(["GET", "HEAD"])
def batch_archive(request: Request, batch_id: UUID) -> HttpResponseBase:
    """All finished videos of a batch and a manifest, in one ZIP."""
    return media.serve_archive(access.batch_for(request.user, batch_id))


def _binned(request: Request, thing: access.Thing) -> Response:
    bin.put(thing, by=_person(request))
    return Response(status=status.HTTP_204_NO_CONTENT)


def _cells(request: Request) -> tuple[dict[str, Any], Project, list[batches.Cell]]:
    """What a batch is asked for with: the words as given, the project, and the clips and voices that the person may see."""
    given = _given(serializers.NewBatch(data=request.data))
    home = access.editable_project_for(request.user, given["project"])
    singles = [(cell["clip"], cell["track"]) for cell in given["cells"]]
    pairs = [*batches.matrix(given["clips"], given["tracks"]), *singles]
    return given, home, access.cells_for(request.user, pairs)


def _project(request: Request) -> Project | None:
    """The project that a list is limited to by `?project=`."""
    wanted = request.query_params.get("project")
    return access.project_for(request.user, wanted) if wanted else None


def _queued(request: Request, asked: dict[str, Any], make: Callable[[], Made]) -> Response:
    """A new render or batch, or with a known `Idempotency-Key` the one that it made before."""
    key = request.headers.get("Idempotency-Key")
    made, replayed = idempotency.once(user=_person(request), key=key, asked=asked, make=make)
    code = status.HTTP_200_OK if replayed else status.HTTP_202_ACCEPTED
    shape = serializers.JobDetailShape if isinstance(made, RenderJob) else serializers.BatchDetailShape
    response = _one(request, made, shape, code)
    response["Location"] = response.data["url"]
    if replayed:
        response["Idempotent-Replay"] = "true"
    return response
