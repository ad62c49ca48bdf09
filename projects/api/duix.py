"""The two addresses of Duix-Avatar's local interface, for scripts that were written for it. See docs/duix.md.

Every answer is 200 with a `code` of theirs, except to who has no token.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projects import duix, sentences
from projects.api.endpoints import needs, person
from projects.errors import ProjectError
from projects.models import RenderJob, Scope

OK = 10000
WORD_LENGTH = 2000


class NewTask(serializers.Serializer[Any]):
    """What is sent. `chaofen`, `watermark_switch` and `pn` are taken and mean nothing here."""

    audio_url = serializers.CharField(max_length=WORD_LENGTH)
    video_url = serializers.CharField(max_length=WORD_LENGTH)
    code = serializers.CharField(max_length=100)
    chaofen = serializers.IntegerField(required=False, default=0)
    watermark_switch = serializers.IntegerField(required=False, default=0)
    pn = serializers.IntegerField(required=False, default=1)
    lecturer = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    consent = serializers.BooleanField(required=False, default=False)


class Door(APIView):
    """What both have in common."""

    schema = None  # it is described in docs/duix.md: nothing of it is ours to change

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Closed unless the installation opens it."""
        super().initial(request, *args, **kwargs)
        if not settings.DUIX_DOOR:
            raise Http404


class Submit(Door):
    """`POST /easy/submit`"""

    @needs(Scope.RENDER)
    def post(self, request: Request) -> Response:
        """Queue a render of these two files under this code."""
        shape = NewTask(data=request.data)
        if not shape.is_valid():
            field, problems = next(iter(shape.errors.items()))
            return _answer(10002, f"{field}: {problems[0]}")
        given = shape.validated_data
        asked = duix.Asked(
            code=given["code"],
            audio=given["audio_url"],
            video=given["video_url"],
            lecturer=given["lecturer"],
            consent=given["consent"],
        )
        try:
            job = duix.submit(user=person(request), asked=asked)
        except ProjectError as error:
            return _refused(error)
        return _answer(OK, _("The task is queued."), {"code": given["code"], "job": str(job.pk)})


class Query(Door):
    """`GET /easy/query?code=`"""

    @needs(Scope.READ, Scope.RENDER)
    def get(self, request: Request) -> Response:
        """How the render of this code stands."""
        code = request.query_params.get("code", "")
        try:
            job = duix.find(user=person(request), code=code)
            told = _stand(request, job, code)
        except ProjectError as error:
            return _refused(error)
        return _answer(OK, told["msg"], told)


def _stand(request: Request, job: RenderJob, code: str) -> dict[str, Any]:
    state, output = duix.state(job), job.finished_output()
    told: dict[str, Any] = {
        "code": code,
        "job": str(job.pk),
        "status": state,
        "progress": 100 if state == duix.DONE else int(100 * job.progress),
        "msg": str(job.get_status_display()),
        "result": "",
    }
    if state == duix.FAILED:
        why = sentences.shown(job.error_message) or _("The render was cancelled.")
        return told | {"msg": why, "error": job.error_code or "cancelled"}
    if state == duix.DONE and output is None:
        return told | {"status": duix.FAILED, "msg": _("The video was deleted."), "error": "deleted"}
    if output is not None:
        address = request.build_absolute_uri(reverse("api:output_download", args=[job.pk]))
        size = {"width": output.width, "height": output.height, "video_duration": round(1000 * output.duration)}
        return told | size | {"result": duix.deliver(output, code), "url": address}
    return told


def _refused(error: ProjectError) -> Response:
    return _answer(duix.answer_code(error), error.message, {"error": error.code})


def _answer(code: int, message: str, data: dict[str, Any] | None = None) -> Response:
    return Response({"code": code, "data": data or {}, "msg": message, "success": code == OK})
