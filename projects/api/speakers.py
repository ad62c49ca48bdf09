"""Lecturers, and what they agreed to."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, consents, library, media
from projects.api.endpoints import Endpoint, given, one, operation, person
from projects.api.files import bytes_of
from projects.api.lists import Asked, asked, listed
from projects.api.parsing import FORMS_AND_JSON, AnyKind
from projects.api.shapes import EXAMPLE_ID, OTHER_ID, Address, Id, Sent, Shape, Time, told
from projects.models import Consent, Scope, Speaker
from projects.models.library import NAME_LENGTH

STANDINGS = tuple((state, state) for state in ("valid", "soon", "expired", "withdrawn", "missing"))
READ, UPLOAD, MANAGE = {Scope.READ}, {Scope.UPLOAD}, {Scope.MANAGE}


class StandingShape(Shape):
    """How things stand with a lecturer's consent."""

    state = serializers.ChoiceField(
        choices=STANDINGS, **told("Renders start with `valid` and `soon`, which ends within 30 days.", "valid")
    )
    expires_on = serializers.DateField(
        source="consent.expires_on", allow_null=True, **told("Its last day, null where it has none.", "2030-01-31")
    )

    def to_representation(self, instance: Speaker) -> dict[str, Any]:
        """Of a lecturer."""
        return super().to_representation(consents.standing(instance))


class SpeakerShape(Shape):
    """A lecturer."""

    id = Id("Names the lecturer in all addresses.")
    project = Id("The project.", OTHER_ID, source="project_id")
    name = serializers.CharField(**told("What they are called; once in a project.", "Ada"))
    tags = serializers.ListField(child=serializers.CharField(), **told("Small free words to find them by.", ["physics"]))
    consent = StandingShape(source="*", **told("How things stand with their consent.", {"state": "valid", "expires_on": None}))
    created_at = Time("When they were added.")


class EvidenceAddress(Address):
    """Null where there is no evidence."""

    def has(self, row: Consent) -> bool:
        """Whether there is a paper or a recording."""
        return bool(row.evidence)


class ConsentShape(Shape):
    """A consent: who agreed to what."""

    id = Id("Names the consent.")
    speaker = Id("The lecturer.", OTHER_ID, source="speaker_id")
    given_by = serializers.CharField(**told("Who agreed: the lecturer, or who may sign for them.", "Ada"))
    scope = serializers.CharField(**told("What was agreed to.", "This course"))
    given_on = serializers.DateField(**told("The day on which it was given.", "2026-03-14"))
    expires_on = serializers.DateField(allow_null=True, **told("Its last day, null where it has none.", "2030-01-31"))
    withdrawn_at = Time("When it was withdrawn, null while it was not.", None, allow_null=True)
    note = serializers.CharField(**told("How the record came about, in English.", ""))
    created_at = Time("When it was recorded.")
    evidence_url = EvidenceAddress(
        "api:consent_evidence", allow_null=True, **told("Where a paper or recording of it is, null where there is none.", None)
    )


class NewSpeaker(Sent):
    """What a lecturer is made from."""

    project = Id("The project.", OTHER_ID)
    name = serializers.CharField(max_length=NAME_LENGTH, **told("Their name; who has it already is found.", "Ada"))
    consent = serializers.BooleanField(
        required=False, default=False, **told("You say that this person agreed to videos being made of them.", True)
    )


class NewConsent(Sent):
    """What a consent is made from."""

    given_by = serializers.CharField(max_length=NAME_LENGTH, **told("Who agreed.", "Ada"))
    scope = serializers.CharField(max_length=consents.SCOPE_LENGTH, **told("To what.", "This course"))
    given_on = serializers.DateField(required=False, default=None, **told("When; today if not said.", "2026-03-14"))
    expires_on = serializers.DateField(
        required=False, default=None, allow_null=True, **told("The last day, or none.", "2030-01-31")
    )
    evidence = serializers.FileField(
        required=False,
        default=None,
        max_length=1000,
        allow_empty_file=True,
        **told("A PDF, a JPG or PNG picture or a recording of it, 20 MB at most; as a form.", None),
    )


class SpeakerChanges(Sent):
    """What is to be otherwise; what is left out stays."""

    name = serializers.CharField(required=False, max_length=NAME_LENGTH, **told("What they are called from now on.", "Ada"))
    tags = serializers.ListField(
        required=False,
        child=serializers.CharField(max_length=200, allow_blank=True),
        **told("All of them, at most 20; each counts once whatever its case.", ["physics", "spring"]),
    )


class WithdrawnShape(Shape):
    """What came of a withdrawal."""

    cancelled = serializers.ListField(
        child=serializers.UUIDField(), **told("The renders that were ended or asked to stop, by id.", [EXAMPLE_ID])
    )
    videos = serializers.ListField(
        child=serializers.UUIDField(),
        **told("The renders whose finished videos are there, for you to decide about.", [OTHER_ID]),
    )


class SpeakersAsked(Asked):
    """What the list of lecturers may be asked for."""

    orders, usual = {"name": "name", "created_at": "created_at"}, "name"
    narrows: ClassVar[dict[str, str]] = {"name": "name", "search": "name__icontains"}

    project = Id("Only those of this project.", OTHER_ID, required=False)
    name = serializers.CharField(required=False, **told("Only the one of exactly this name.", "Ada"))
    search = serializers.CharField(required=False, **told("Only those with this in their name.", "Ad"))


class ConsentsAsked(Asked):
    """What the list of consents may be asked for."""

    orders, usual = {"created_at": "created_at"}, "-created_at"


class Speakers(Endpoint):
    """All lecturers that the asker may see."""

    @operation("List lecturers", scope=READ, asks=SpeakersAsked, answers=SpeakerShape, many=True)
    def get(self, request: Request) -> Response:
        """The lecturers of all projects of the asker, or of one."""
        wanted = asked(request, SpeakersAsked)
        rows = access.speakers_of(request.user, project=wanted.project_of(request)).prefetch_related("consents")
        return listed(request, rows, SpeakerShape, wanted)

    @operation(
        "Add a lecturer",
        scope=UPLOAD,
        takes=NewSpeaker,
        answers=SpeakerShape,
        status=201,
        refuses=("not_allowed", "no_name"),
        example={"project": OTHER_ID, "name": "Ada", "consent": True},
    )
    def post(self, request: Request) -> Response:
        """A new lecturer; an existing name gives the lecturer who has it."""
        wanted = given(NewSpeaker(data=request.data))
        home = access.editable_project_for(request.user, wanted["project"])
        speaker = library.find_or_add_speaker(project=home, name=wanted["name"])
        if wanted["consent"]:
            consents.state(speaker=speaker, by=person(request))
        return one(request, speaker, SpeakerShape, status.HTTP_201_CREATED)


class OneSpeaker(Endpoint):
    """One lecturer."""

    @operation("Show a lecturer", scope=READ, answers=SpeakerShape)
    def get(self, request: Request, speaker_id: UUID) -> Response:
        """One lecturer, and how things stand with their consent."""
        return one(request, access.speaker_for(request.user, speaker_id), SpeakerShape)

    @operation(
        "Change a lecturer",
        scope=MANAGE,
        takes=SpeakerChanges,
        answers=SpeakerShape,
        refuses=("not_allowed", "no_name", "lecturer_name_taken", "too_many_tags"),
        example={"name": "Ada", "tags": ["physics", "spring"]},
    )
    def patch(self, request: Request, speaker_id: UUID) -> Response:
        """Another name, or other tags instead of those that are there."""
        row = access.editable_speaker_for(request.user, speaker_id)
        library.change_speaker(speaker=row, by=person(request), **given(SpeakerChanges(data=request.data)))
        return one(request, row, SpeakerShape)


class Consents(Endpoint):
    """What a lecturer agreed to."""

    parser_classes = FORMS_AND_JSON

    @operation("List a lecturer's consents", scope=READ, asks=ConsentsAsked, answers=ConsentShape, many=True)
    def get(self, request: Request, speaker_id: UUID) -> Response:
        """All records, those that were withdrawn too."""
        rows = access.consents_of(request.user, speaker=access.speaker_for(request.user, speaker_id))
        return listed(request, rows, ConsentShape, asked(request, ConsentsAsked))

    @operation(
        "Record a consent",
        scope=UPLOAD,
        takes=NewConsent,
        answers=ConsentShape,
        status=201,
        refuses=("not_allowed", "no_name", "no_scope", "consent_not_yet", "consent_ended", "evidence_kind", "too_large"),
        files=True,
    )
    def post(self, request: Request, speaker_id: UUID) -> Response:
        """One more record, with a paper or recording of it where there is one."""
        row = access.editable_speaker_for(request.user, speaker_id)
        made = consents.record(speaker=row, by=person(request), **given(NewConsent(data=request.data)))
        return one(request, made, ConsentShape, status.HTTP_201_CREATED)


class Withdraw(Endpoint):
    """The end of a consent."""

    @operation("Withdraw a lecturer's consent", scope=MANAGE, answers=WithdrawnShape, refuses=("not_allowed",))
    def post(self, request: Request, speaker_id: UUID) -> Response:
        """The lecturer no longer agrees: no render starts, what waits and runs ends. Finished videos stay."""
        user = person(request)
        row = access.editable_speaker_for(user, speaker_id)
        ended = consents.withdraw(speaker=row, by=user)
        videos = access.outputs_of(user, speaker=row).values_list("pk", flat=True)
        return Response({"cancelled": [job.pk for job in ended], "videos": list(videos)})


class Evidence(Endpoint):
    """What proves a consent."""

    content_negotiation_class = AnyKind

    @operation("Download the evidence of a consent", scope=READ, more=bytes_of("application/octet-stream"))
    def get(self, request: Request, consent_id: UUID) -> HttpResponseBase:
        """A paper or a recording, to save: it was never looked into."""
        return media.consent_file(request._request, consent_id)
