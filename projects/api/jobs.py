"""Renders: asked for, polled, cancelled, tried again; their attempts and their log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db.models.expressions import Combinable
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, estimates, jobs, polling, sentences, turns
from projects.api.choices import PART_END, PART_START, POINT_AT, POINT_X, POINT_Y, HowShape, OneClipFields, chosen
from projects.api.endpoints import Endpoint, Polled, begun_once, given, one, operation, person, under_way
from projects.api.lists import Asked, asked, listed
from projects.api.outputs import OutputShape
from projects.api.schema import IDEMPOTENCY_KEY, IF_NONE_MATCH, NOT_MODIFIED, REPLAYED
from projects.api.shapes import EXAMPLE_HOST, EXAMPLE_ID, OTHER_ID, Address, Id, Shape, Time, told
from projects.models import ErrorClass, JobLogLine, RenderJob, Scope, Stage, Status
from projects.models.attempts import Outcome
from projects.models.renders import LIVE

READ, RENDER, MANAGE = {Scope.READ}, {Scope.RENDER}, {Scope.MANAGE}
QUEUED_AS = ("not_allowed", "wrong_project", "in_bin", "no_consent", "no_lane_for_engine", "quota_bytes", "quota_minutes")
KEYED = ("idempotency_key_invalid", "idempotency_mismatch")


class FaultShape(Shape):
    """Why something failed."""

    code = serializers.CharField(source="error_code", **told("Stable; explained under /api/v1/errors/.", "silent_sound"))
    message = serializers.SerializerMethodField(
        **told(
            "What happened and what to do, in the language asked for.",
            "The voice is silent throughout. Choose another recording.",
        )
    )
    at = serializers.FloatField(
        source="error_at", allow_null=True, **told("Seconds into the clip or voice, null where it lies at no place.", 12.5)
    )

    def get_message(self, row: Any) -> str:
        """Translated."""
        return sentences.shown(row.error_message)

    def to_representation(self, instance: Any) -> Any:
        """Null where nothing failed."""
        return super().to_representation(instance) if instance.error_code else None


class JobShape(HowShape):
    """A render."""

    id = Id("Names the render in all addresses.")
    url = Address("api:job", **told("Where to poll.", f"{EXAMPLE_HOST}/api/v1/jobs/{EXAMPLE_ID}/"))
    project = Id("The project.", OTHER_ID, source="project_id")
    batch = Id(
        "The batch it was asked for with, null where it was asked for alone.", OTHER_ID, source="batch_id", allow_null=True
    )
    clip = Id("Whose mouth is moved.", OTHER_ID, source="clip_id")
    track = Id("What is said.", OTHER_ID, source="track_id")
    preset = serializers.CharField(**told("The code of the preset it was asked for with.", "best"))
    part_start = serializers.FloatField(allow_null=True, **PART_START)
    part_end = serializers.FloatField(allow_null=True, **PART_END)
    point_x = serializers.FloatField(allow_null=True, **POINT_X)
    point_y = serializers.FloatField(allow_null=True, **POINT_Y)
    point_at = serializers.FloatField(allow_null=True, **POINT_AT)
    status = serializers.ChoiceField(choices=Status.choices, **told("Where it stands; the last three are final.", "running"))
    stage = serializers.ChoiceField(
        choices=Stage.choices, allow_blank=True, **told("What is being done, empty while it waits.", "render")
    )
    progress = serializers.FloatField(**told("Share of the whole, 0 to 1.", 0.42))
    frames_done = serializers.IntegerField(**told("Pictures done of this stage.", 773))
    frames_total = serializers.IntegerField(**told("Pictures of this stage.", 1842))
    segments_done = serializers.IntegerField(**told("Parts of ten seconds that are kept should it be broken off.", 3))
    segments_total = serializers.IntegerField(**told("How many such parts it has.", 7))
    not_before = Time("It waits until then at least, null where it need not.", None, allow_null=True)
    cancel_requested = serializers.BooleanField(**told("Whether it is being stopped.", False))
    cancels_at = Time(
        "When a cancel that may still be taken back is carried out, null where there is none.", None, allow_null=True
    )
    attempts = serializers.IntegerField(**told("How often it was begun, where that counts.", 1))
    retry_of = Id(
        "The render that it tries again, null where it is the first.", OTHER_ID, source="retry_of_id", allow_null=True
    )
    created_at = Time("When it was asked for.")
    started_at = Time("When its latest attempt began, null before.", allow_null=True)
    finished_at = Time("When it reached its final state, null before.", None, allow_null=True)
    error = FaultShape(source="*", allow_null=True, **told("Why it failed, null where it did not.", None))
    output = OutputShape(
        source="finished_output",
        allow_null=True,
        **told("The finished video, null until there is one and while it is in the bin.", None),
    )


class JobDetailShape(JobShape):
    """A render with its place in the queue, and when it starts and ends: known, expected, or null where nobody can tell."""

    position = serializers.IntegerField(
        source="estimate.ahead", **told("How many renders are served before it; 0 once it runs.", 2)
    )
    queue_position = serializers.IntegerField(source="estimate.ahead", **told("The same as `position`.", 2))
    starts_at = Time("When it started or is expected to.", source="estimate.starts_at", allow_null=True)
    ends_at = Time("When it ended or is expected to.", "2026-03-14T09:31:00Z", source="estimate.ends_at", allow_null=True)
    paused = serializers.BooleanField(source="estimate.paused", **told("It waits because its person's queue is paused.", False))

    def to_representation(self, instance: RenderJob) -> dict[str, Any]:
        """With its estimate."""
        vars(instance)["estimate"] = estimates.of([instance])[instance.pk]
        return super().to_representation(instance)


class AttemptFaultShape(Shape):
    """What ended an attempt."""

    kind = serializers.ChoiceField(
        source="error_class",
        choices=ErrorClass.choices,
        **told("What kind of fault it was, which says what follows.", "transient"),
    )
    code = serializers.CharField(source="error_code", **told("Stable; explained under /api/v1/errors/.", "tool_timeout"))
    message = serializers.SerializerMethodField(
        **told("What happened, in the language asked for.", "A media program stopped answering.")
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With the name that Python keeps for itself."""
        found = super().get_fields()
        return {"class": found.pop("kind"), **found}

    def get_message(self, row: Any) -> str:
        """Translated."""
        return sentences.shown(row.error_message)

    def to_representation(self, instance: Any) -> Any:
        """Null where no fault ended it."""
        return super().to_representation(instance) if instance.error_code else None


class AttemptShape(Shape):
    """An attempt at a render."""

    number = serializers.IntegerField(**told("The first one is 1.", 1))
    lane = serializers.CharField(**told("Which worker had it.", "cpu-1"))
    started_at = Time("When it began.")
    ended_at = Time("When it ended, null while it runs.", allow_null=True)
    outcome = serializers.ChoiceField(choices=Outcome.choices, **told("How it ended.", "succeeded"))
    segments_done = serializers.IntegerField(**told("Parts of the render that were kept at its end.", 7))
    error = AttemptFaultShape(source="*", allow_null=True, **told("The fault that ended it, null where none did.", None))


class LogLineShape(Shape):
    """A line of a render's log."""

    at = Time("When.")
    level = serializers.ChoiceField(choices=JobLogLine.Level.choices, **told("How grave it is.", "info"))
    stage = serializers.CharField(**told("What was being done.", "render"))
    text = serializers.CharField(**told("What was logged, in English.", "making the frames"))


class NewJob(OneClipFields):
    """What a render is made from, and how."""

    clip = Id("Whose mouth is moved.")
    track = Id("What is to be said.", OTHER_ID)


class JobsAsked(Asked):
    """What the list of renders may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"
    narrows: ClassVar[Mapping[str, str]] = {
        "status": "status__in",
        "clip": "clip",
        "track": "track",
        "speaker": "clip__speaker",
        "language": "track__language",
        "created_after": "created_at__gte",
        "created_before": "created_at__lt",
    }

    project = Id("Only those of this project.", OTHER_ID, required=False)
    batch = Id("Only those of this batch.", OTHER_ID, required=False)
    status = serializers.ListField(
        child=serializers.ChoiceField(choices=Status.choices),
        required=False,
        **told("Only those in one of these states; say it several times for several.", ["queued", "running"]),
    )
    clip = Id("Only those of this clip.", OTHER_ID, required=False)
    track = Id("Only those of this voice.", OTHER_ID, required=False)
    speaker = Id("Only those of this lecturer.", OTHER_ID, required=False)
    language = serializers.CharField(required=False, **told("Only those whose voice is in this language.", "de"))
    created_after = Time("Only those asked for then or later.", required=False)
    created_before = Time("Only those asked for earlier.", required=False)


class AttemptsAsked(Asked):
    """What the list of attempts may be asked for."""

    orders, usual = {"number": "number"}, "number"


class LogAsked(Asked):
    """What a log may be asked for."""

    orders, usual = {"line": "pk"}, "line"


class Jobs(Endpoint):
    """All renders that the asker may see."""

    @operation("List renders", scope=READ, asks=JobsAsked, answers=JobShape, many=True)
    def get(self, request: Request) -> Response:
        """The renders of all projects of the asker, or of one, or of one batch."""
        wanted = asked(request, JobsAsked)
        rows = access.jobs_of(request.user, project=wanted.project_of(request))
        if batch_id := wanted.validated_data.get("batch"):
            rows = rows.filter(batch=access.batch_for(request.user, batch_id))
        return listed(request, rows, JobShape, wanted)

    @operation(
        "Render a video",
        scope=RENDER,
        takes=NewJob,
        answers=JobDetailShape,
        status=202,
        more=REPLAYED(JobDetailShape),
        refuses=("unknown_preset", *QUEUED_AS, *KEYED),
        parameters=[IDEMPOTENCY_KEY],
        example={"clip": EXAMPLE_ID, "track": OTHER_ID, "denoise": True},
    )
    def post(self, request: Request) -> Response:
        """A clip and a voice of one project become a video. `Location` says where to poll."""
        wanted = given(NewJob(data=request.data))
        clip = access.editable_clip_for(request.user, wanted["clip"])
        voice = access.editable_track_for(request.user, wanted["track"])
        choice, preset = chosen(wanted)
        make = partial(
            jobs.submit,
            project=clip.speaker.project,
            clip=clip,
            track=voice,
            created_by=person(request),
            choice=choice,
            preset=preset,
        )
        told_of = {"clip": str(clip.pk), "track": str(voice.pk), "preset": preset, **choice.as_dict()}
        return begun_once(request, told_of, make, JobDetailShape)


class OneJob(Polled):
    """One render."""

    def beside_the_asker(self, user: str) -> Combinable:
        """See Polled."""
        return polling.job(user, self.kwargs["job_id"])

    @operation("Show a render", scope=READ, answers=JobDetailShape, more=NOT_MODIFIED, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, job_id: UUID) -> Response:
        """Poll this until `status` is succeeded, failed or cancelled, with `If-None-Match`: 304 costs next to nothing."""

        def tell() -> Response:
            return one(request, access.job_for(request.user, job_id), JobDetailShape)

        return self.polled(request, tell, moves=lambda stands: stands["status"] in LIVE)


class CancelJob(Endpoint):
    """The end of a render."""

    @operation("Cancel a render", scope=RENDER, answers=JobDetailShape, status=202, refuses=("not_allowed",))
    def post(self, request: Request, job_id: UUID) -> Response:
        """A waiting one ends at once, a running one in a few seconds. One that has ended stays as it is."""
        job = jobs.cancel(job=access.editable_job_for(request.user, job_id), by=person(request))
        return under_way(request, job, JobDetailShape)


class KeepJob(Endpoint):
    """A cancel that is taken back."""

    @operation("Take a cancel back", scope=RENDER, answers=JobDetailShape, refuses=("not_allowed", "too_late"))
    def post(self, request: Request, job_id: UUID) -> Response:
        """Let a render go on whose cancel has not been carried out yet."""
        job = jobs.keep(job=access.editable_job_for(request.user, job_id), by=person(request))
        return one(request, job, JobDetailShape)


class WholeJob(Endpoint):
    """The whole of a draft."""

    @operation(
        "Make the whole video of a draft",
        scope=RENDER,
        answers=JobDetailShape,
        status=202,
        more=REPLAYED(JobDetailShape),
        refuses=("not_a_draft", *QUEUED_AS, *KEYED),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """A new render of the same clip and voice, made in the same way, all of it."""
        make = partial(jobs.make_whole, job=access.editable_job_for(request.user, job_id), by=person(request))
        return begun_once(request, {"whole": str(job_id)}, make, JobDetailShape)


class RetryJob(Endpoint):
    """Another try."""

    @operation(
        "Try a render again",
        scope=RENDER,
        answers=JobDetailShape,
        status=202,
        more=REPLAYED(JobDetailShape),
        refuses=("not_retryable", *QUEUED_AS, *KEYED),
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """A new render like one that failed or was cancelled."""
        make = partial(jobs.retry, job=access.editable_job_for(request.user, job_id), by=person(request))
        return begun_once(request, {"retry": str(job_id)}, make, JobDetailShape)


class RaiseJob(Endpoint):
    """For administrators: a render before everybody's."""

    @operation("Put a render first", scope=MANAGE, answers=JobDetailShape)
    def post(self, request: Request, job_id: UUID) -> Response:
        """For administrators: serve anybody's waiting render before all others."""
        user = person(request)
        return one(request, turns.put_first(job=access.any_job_for(user, job_id), by=user), JobDetailShape)

    @operation("Let a render wait its turn again", scope=MANAGE, answers=JobDetailShape)
    def delete(self, request: Request, job_id: UUID) -> Response:
        """For administrators: take back that it was put first."""
        user = person(request)
        return one(request, turns.put_back(job=access.any_job_for(user, job_id), by=user), JobDetailShape)


class Attempts(Endpoint):
    """How a render was tried."""

    @operation("List the attempts at a render", scope=READ, asks=AttemptsAsked, answers=AttemptShape, many=True)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Every attempt and how it ended."""
        return listed(request, access.attempts_of(request.user, job_id), AttemptShape, asked(request, AttemptsAsked))


class Log(Endpoint):
    """What was logged about a render."""

    @operation("Show a render's log", scope=READ, asks=LogAsked, answers=LogLineShape, many=True)
    def get(self, request: Request, job_id: UUID) -> Response:
        """The lines, the oldest first."""
        return listed(request, access.log_of(request.user, job_id), LogLineShape, asked(request, LogAsked))
