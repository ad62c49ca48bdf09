"""Files going out: one permission check, then the bytes asked for, by one of three ways.

We send them ourselves (`_send`), tell the web server in front where they lie (`_hand_over`, MEDIA_ACCEL_PREFIX), or tell the
browser where the bucket has them (`_lead_on`, S3_BUCKET and MEDIA_REDIRECT). No way has an address of its own that lasts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from math import ceil
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header, http_date, parse_etags
from django.views.decorators.http import require_safe

from projects import access, objects
from projects.archives import Archive
from projects.errors import Missing, ProjectError
from projects.models import RenderOutput

CHUNK_BYTES = 256 * 1024
CACHE = "private, max-age=3600"
LONGEST_LINK_SECONDS = 7 * 24 * 3600  # that the protocol allows
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})$")
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".mpg": "video/mpeg",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".pdf": "application/pdf",
}


@require_safe
def clip_file(request: HttpRequest, clip_id: UUID) -> HttpResponseBase:
    """A clip as it was uploaded; one in the bin too, beside the videos that were made of it."""
    clip = access.clip_ever_for(request.user, clip_id)
    return serve(request, str(clip.file), sha256=clip.sha256, title=clip.title, seconds=clip.duration)


@require_safe
def clip_still(request: HttpRequest, clip_id: UUID) -> HttpResponseBase:
    """A clip's still picture."""
    clip = access.clip_ever_for(request.user, clip_id)
    return serve(request, str(clip.still), tag=f"{clip.sha256}-still", title=clip.title)


@require_safe
def clip_preview(request: HttpRequest, clip_id: UUID, kind: str) -> HttpResponseBase:
    """What was made of a clip to look at."""
    preview = access.preview_for(request.user, clip_id, kind)
    tag, clip = f"{preview.clip.sha256}-{kind}-{preview.size}", preview.clip
    return serve(request, str(preview.file), tag=tag, title=clip.title, seconds=clip.duration)


@require_safe
def track_file(request: HttpRequest, track_id: UUID) -> HttpResponseBase:
    """A voice as it was uploaded."""
    track = access.track_for(request.user, track_id)
    return serve(request, str(track.file), sha256=track.sha256, title=track.title, seconds=track.duration)


@require_safe
def consent_file(request: HttpRequest, consent_id: UUID) -> HttpResponseBase:
    """The evidence of a consent, to save: it was never looked into."""
    consent = access.consent_for(request.user, consent_id)
    if not consent.evidence:
        raise Http404
    digest, name = consent.evidence_sha256, consent.evidence_name
    return serve(request, str(consent.evidence), sha256=digest, title=name, attachment=True)


@require_safe
def output_file(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """A finished video."""
    return serve_output(request, access.output_for(request.user, job_id))


def serve_output(request: HttpRequest, output: RenderOutput, *, attachment: bool = False) -> HttpResponseBase:
    """A finished video the person may see, named for its clip and voice."""
    title = f"{output.job.clip.title} - {output.job.track.title}"
    name, digest, seconds = str(output.file), output.sha256, output.duration
    return serve(request, name, sha256=digest, title=title, seconds=seconds, attachment=attachment)


def serve_archive(bundle: Archive) -> HttpResponseBase:
    """Finished videos that the person may see, in one ZIP that is made while it is sent."""
    response = StreamingHttpResponse(bundle.pieces, content_type="application/zip")
    response["Content-Length"] = bundle.size
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=bundle.name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def serve(
    request: HttpRequest,
    name: str,
    *,
    title: str,
    sha256: str = "",
    tag: str = "",
    seconds: float = 0.0,
    attachment: bool = False,
) -> HttpResponseBase:
    """A file the person may see, whole or the range asked for. The caller has checked the permission. Raises ProjectError.

    name: as its row has it; sha256: of its bytes, where known; tag: names the content instead; seconds: how long it
    plays; attachment: save instead of play, also by `?download=1`
    """
    ending = PurePath(name).suffix
    content_type = CONTENT_TYPES.get(ending, "application/octet-stream")
    file_name = f"{PurePath(title.replace('/', '-')).name or 'file'}{ending}"
    disposition = content_disposition_header(attachment or request.GET.get("download") == "1", file_name) or "inline"
    etag = f'"{tag or sha256}"'
    if etag in {known.removeprefix("W/") for known in parse_etags(request.headers.get("If-None-Match", ""))}:
        response: HttpResponseBase = HttpResponse(status=304)
    elif settings.MEDIA_REDIRECT:
        response = _lead_on(request, name, content_type, disposition, seconds)
    else:
        try:
            response = _from_here(request, name, sha256, etag)
        except Missing as error:
            raise Http404 from error
        response["Content-Type"] = content_type
        response["Content-Disposition"] = disposition
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response.setdefault("Cache-Control", CACHE)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _from_here(request: HttpRequest, name: str, sha256: str, etag: str) -> HttpResponseBase:
    """The file from this machine, where it is fetched to when it is not there. Raises as `objects.local`."""
    with objects.local(name, sha256) as path:
        return _hand_over(name, path) if settings.MEDIA_ACCEL_PREFIX else _send(request, path, etag)


def refused_in_plain_words(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of a file whose refusal is a sentence; the API makes a body of its own of it."""

    @wraps(view)
    def telling(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ProjectError as error:
            response = HttpResponse(error.message, content_type="text/plain; charset=utf-8", status=error.status)
            response["Cache-Control"] = "no-store"
            return response

    return telling


def _hand_over(name: str, path: Path) -> HttpResponseBase:
    """Have the web server in front send it; it sees to ranges and their conditions."""
    if not path.is_file():
        raise Http404
    response = HttpResponse()
    response["X-Accel-Redirect"] = settings.MEDIA_ACCEL_PREFIX + quote(name)
    return response


def _lead_on(request: HttpRequest, name: str, content_type: str, disposition: str, seconds: float) -> HttpResponseBase:
    """Tell where the bucket has it; it sees to ranges and their conditions.

    The link must outlast the playing, and some pauses: browsers ask for later parts where the first one came from.
    """
    holds = min(settings.S3_LINK_SECONDS + ceil(2 * seconds), LONGEST_LINK_SECONDS)
    headers = {"content_type": content_type, "disposition": disposition, "cache": CACHE}
    response = HttpResponseRedirect(objects.link(name, method=request.method or "GET", seconds=holds, **headers))
    response["Cache-Control"] = "private, no-store"
    return response


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


def _send(request: HttpRequest, path: Path, etag: str) -> HttpResponseBase:
    try:
        facts = path.stat()
    except FileNotFoundError as error:
        raise Http404 from error
    asked = request.headers.get("Range", "")
    condition = request.headers.get("If-Range")
    if condition is not None and condition not in (etag, http_date(facts.st_mtime)):
        asked = ""
    match = RANGE.match(asked.replace(" ", ""))
    if match is None or match.groups() == (
        "",
        "",
    ):  # none, several at once, or nonsense: the whole file is a valid answer
        response: HttpResponseBase = FileResponse(path.open("rb"))
        response["Content-Length"] = facts.st_size
    else:
        span = _span(match[1], match[2], facts.st_size)
        if span is None:
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{facts.st_size}"
            return response
        response = StreamingHttpResponse(_pieces(path, span), status=206)
        response["Content-Length"] = span.last - span.first + 1
        response["Content-Range"] = f"bytes {span.first}-{span.last}/{facts.st_size}"
    response["Last-Modified"] = http_date(facts.st_mtime)
    return response


def _span(first: str, last: str, size: int) -> Span | None:
    """The bytes asked for, cut to the file; None when there are none of them."""
    if first == "":
        length = min(int(last), size)
        return Span(size - length, size - 1) if length else None
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    return Span(start, end) if start <= end else None


def _pieces(path: Path, span: Span) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(span.first)
        left = span.last - span.first + 1
        while left:
            piece = file.read(min(CHUNK_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            yield piece
