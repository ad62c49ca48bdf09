"""Resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload), for scripts and pages.

Core, creation, creation-with-upload, termination, checksum and expiration; beside it GET tells in JSON what became of an
upload. What the protocol leaves open: a file that is whole is taken in before the last piece is answered, so that the
answer to it may be a refusal.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from projects import access, idempotency, resumable, uploads
from projects.api.endpoints import Endpoint, one, operation, person
from projects.api.files import UPLOADED
from projects.api.lists import asked, listed
from projects.api.schema import IDEMPOTENCY_KEY
from projects.api.uploads import UploadsAsked, UploadShape
from projects.errors import ProjectError
from projects.models import Scope, Upload, UploadKind
from projects.resumable import ALGORITHMS, Announced, Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
PIECE_TYPE = "application/offset+octet-stream"
METADATA_BYTES = 8192
YES = ("true", "yes", "on", "1")
SEND, EITHER = {Scope.UPLOAD}, {Scope.READ, Scope.UPLOAD}
GONE = ("upload_gone", "upload_expired")


def _header(name: str, about: str, *, needed: bool = False, answered: bool = False, words: bool = True) -> OpenApiParameter:
    kind = OpenApiTypes.STR if words else OpenApiTypes.INT64
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, required=needed, response=answered, description=about)


TUS = _header("Tus-Resumable", "The version of the protocol: 1.0.0.", needed=True)
LENGTH = _header("Upload-Length", "Bytes of the whole file.", needed=True, words=False)
METADATA = _header(
    "Upload-Metadata",
    "Keys with values in base64 of UTF-8, with commas between: `project` (an id), `kind` (`clip` or `track`), `filename`, and "
    "if you like `title`, `lecturer` (a name), `consent` (`yes`: this person agreed to videos being made of the take), "
    "`language`, `fingerprint` (how you know the file again).",
    needed=True,
)
OFFSET = _header("Upload-Offset", "Where this piece begins: how many bytes have arrived.", needed=True, words=False)
CHECKSUM = _header("Upload-Checksum", "`sha1` or `sha256`, a space, and the piece's digest in base64.")
OVERRIDE = _header("X-HTTP-Method-Override", "`PATCH`, `DELETE` or `HEAD`: what is meant.", needed=True)
LOCATION = _header("Location", "Where the pieces go.", answered=True)
STAND = [
    _header("Upload-Offset", "How many bytes have arrived.", answered=True, words=False),
    _header("Upload-Expires", "When it is given up unless more arrives.", answered=True),
]


class Malformed(ProjectError):
    """A request that the protocol does not know."""

    status = 400


class LengthRequired(ProjectError):
    """A body of unknown length."""

    status = 411


class OtherVersion(ProjectError):
    """Another version of the protocol."""

    status = 412


class OtherType(ProjectError):
    """Bytes under another name."""

    status = 415


class Pieces(BaseParser):
    """Bytes that are not read before they are wanted."""

    media_type = PIECE_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Nothing: whoever wants the bytes reads the request."""
        return {}


class Tus(Endpoint):
    """What all answers have in common."""

    parser_classes = (Pieces,)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The protocol's own headers, on refusals too."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = VERSION
        response["Cache-Control"] = "no-store"
        if response.status_code == OtherVersion.status:
            response["Tus-Version"] = VERSION
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """What this server can do."""
        largest = max(uploads.limit_of(kind) for kind in UploadKind)
        headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(largest)}
        return Response(status=204, headers=headers | {"Tus-Checksum-Algorithm": ",".join(ALGORITHMS)})


class Uploads(Tus):
    """All of a person's uploads."""

    @operation("List my uploads", scope=EITHER, asks=UploadsAsked, answers=UploadShape, many=True)
    def get(self, request: Request) -> Response:
        """The asker's own uploads, of all projects or of one."""
        wanted = asked(request, UploadsAsked)
        return listed(request, access.uploads_of(request.user, project=wanted.project_of(request)), UploadShape, wanted)

    @operation(
        "Announce a file",
        scope=SEND,
        bytes_in=True,
        status=201,
        headers=[LOCATION, *STAND],
        refuses=("tus_version", "header_invalid", "metadata_invalid", "not_a_video", "not_a_sound", *UPLOADED),
        parameters=[TUS, LENGTH, METADATA, CHECKSUM, IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """A file that comes in pieces, by the tus protocol (https://tus.io); its first bytes may come at once. One whose
        answer was lost is found again by its `Idempotency-Key`."""
        _require_version(request)
        said = request.headers.get("Upload-Metadata", "")
        given = _metadata(said)
        size = _number(request, "Upload-Length")
        kind = given.get("kind", "")
        if kind not in UploadKind.values:
            raise Malformed("metadata_invalid", _("Say in Upload-Metadata what the file is: clip or track, and its project."))
        project = access.editable_project_for(request.user, given.get("project", ""))
        words = {key: given.get(key, "") for key in ("lecturer", "title", "language", "fingerprint")}
        file = Announced(
            kind=UploadKind(kind),
            name=given.get("filename", ""),
            size=size,
            metadata=said,
            consent=given.get("consent") in YES,
            **words,
        )
        owner = person(request)
        upload, replayed = idempotency.once(
            user=owner,
            key=request.headers.get("Idempotency-Key"),
            asked={"upload": said, "size": size},
            make=lambda: resumable.create(owner=owner, project=project, file=file),
        )
        if replayed:
            upload.offset = resumable.on_disk(upload)
        elif request.content_type == PIECE_TYPE and request.headers.get("Content-Length", "0") != "0":
            _append(request, upload, 0)
        headers = {"Location": reverse("api:upload", args=[upload.pk]), **_stand(upload)}
        return Response(status=status.HTTP_201_CREATED, headers=headers)


class OneUpload(Tus):
    """One upload."""

    @operation("Show an upload", scope=EITHER, answers=UploadShape)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """How it stands and what became of it."""
        return one(request, access.upload_for(request.user, upload_id), UploadShape)

    @operation("Ask how much has arrived", scope=EITHER, headers=STAND, refuses=GONE, parameters=[TUS])
    def head(self, request: Request, upload_id: UUID) -> Response:
        """How many bytes have arrived."""
        upload = access.upload_for(request.user, upload_id)
        _require_version(request)
        upload.offset = resumable.on_disk(upload)
        said = {"Upload-Metadata": upload.metadata} if upload.metadata else {}
        return Response(headers={"Upload-Length": str(upload.size), **said, **_stand(upload)})

    @operation(
        "Send a piece of a file",
        scope=SEND,
        bytes_in=True,
        status=204,
        headers=STAND,
        refuses=(
            *("tus_version", "header_invalid", "content_type", "length_required", "checksum_invalid", "upload_offset"),
            *("upload_busy", "upload_too_long", "upload_damaged", *GONE, "not_a_video", "not_a_sound", *UPLOADED),
        ),
        parameters=[TUS, OFFSET, CHECKSUM],
    )
    def patch(self, request: Request, upload_id: UUID) -> Response:
        """Bytes from `Upload-Offset` on. A file that is whole is checked before the last piece is answered, which may
        therefore be refused like a file that came in one piece."""
        upload = access.upload_for(request.user, upload_id)
        access.require_editor(request.user, upload.project)
        _require_version(request)
        if request.content_type != PIECE_TYPE:
            text = _("Send the bytes with the content type {type}.")
            raise OtherType("content_type", text.format(type=PIECE_TYPE))
        upload = _append(request, upload, _number(request, "Upload-Offset"))
        return Response(status=204, headers=_stand(upload))

    @operation("Give an upload up", scope=SEND, status=204, refuses=("tus_version", "upload_busy"), parameters=[TUS])
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Remove what has arrived. What became a clip or a voice stays."""
        upload = access.upload_for(request.user, upload_id)
        _require_version(request)
        resumable.end(upload=upload)
        return Response(status=204)

    @operation(
        "Send a piece without PATCH",
        name="uploads_override",
        scope=SEND,
        bytes_in=True,
        status=204,
        headers=STAND,
        more={200: OpenApiResponse(description="As HEAD.")},
        refuses=("tus_version", "method_not_allowed"),
        parameters=[TUS, OVERRIDE],
    )
    def post(self, request: Request, upload_id: UUID) -> Response:
        """For clients that know no other methods: the one that X-HTTP-Method-Override names."""
        meant = request.headers.get("X-HTTP-Method-Override", "").upper()
        verbs = {"PATCH": self.patch, "DELETE": self.delete, "HEAD": self.head}
        access.upload_for(request.user, upload_id)
        if meant not in verbs:
            raise MethodNotAllowed("POST")
        return verbs[meant](request, upload_id)


def _append(request: Request, upload: Upload, offset: int) -> Upload:
    length = request.headers.get("Content-Length", "")
    if not length.isdecimal():
        raise LengthRequired("length_required", _("Say in Content-Length how many bytes are sent."))
    body = request._request
    return resumable.append(upload=upload, offset=offset, length=int(length), body=body, checksum=_checksum(request))


def _stand(upload: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.offset), "Upload-Expires": http_date(upload.expires_at.timestamp())}


def _require_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        text = _("This server speaks version {version} of the tus protocol. Say so in the header Tus-Resumable.")
        raise OtherVersion("tus_version", text.format(version=VERSION))


def _number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise Malformed("header_invalid", _("The header {header} must be a whole number.").format(header=header))
    return int(value)


def _metadata(said: str) -> dict[str, str]:
    """The protocol's pairs of a key and a word in base64, separated by commas; a word may be missing."""
    found = {}
    try:
        if len(said) > METADATA_BYTES:
            raise ValueError
        for pair in filter(None, (part.strip() for part in said.split(","))):
            key, _space, word = pair.partition(" ")
            found[key] = base64.b64decode(word, validate=True).decode()
    except ValueError as error:  # of base64 and of UTF-8 too
        raise Malformed("metadata_invalid", _("Upload-Metadata must be keys with values in base64 of UTF-8.")) from error
    return found


def _checksum(request: Request) -> Checksum | None:
    said = request.headers.get("Upload-Checksum")
    if said is None:
        return None
    algorithm, _space, word = said.partition(" ")
    try:
        if algorithm not in ALGORITHMS:
            raise ValueError
        return Checksum(algorithm, base64.b64decode(word, validate=True))
    except (ValueError, binascii.Error) as error:
        text = _("Upload-Checksum must be one of {algorithms} and the digest in base64.")
        raise Malformed("checksum_invalid", text.format(algorithms=", ".join(ALGORITHMS))) from error
