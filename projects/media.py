"""Files going out: one permission check, then the bytes asked for.

A web server in front may later send the bytes itself; `_send` is the one place to change for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date
from django.views.decorators.http import require_safe

from projects import access, archives
from projects.models import RenderBatch, RenderOutput

CHUNK_BYTES = 256 * 1024
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
    return serve(request, clip.path, tag=clip.sha256, title=clip.title)


@require_safe
def clip_still(request: HttpRequest, clip_id: UUID) -> HttpResponseBase:
    """A clip's still picture."""
    clip = access.clip_ever_for(request.user, clip_id)
    return serve(request, Path(clip.still.path), tag=f"{clip.sha256}-still", title=clip.title)


@require_safe
def clip_preview(request: HttpRequest, clip_id: UUID, kind: str) -> HttpResponseBase:
    """What was made of a clip to look at."""
    preview = access.preview_for(request.user, clip_id, kind)
    return serve(request, preview.path, tag=f"{preview.clip.sha256}-{kind}-{preview.size}", title=preview.clip.title)


@require_safe
def track_file(request: HttpRequest, track_id: UUID) -> HttpResponseBase:
    """A voice as it was uploaded."""
    track = access.track_for(request.user, track_id)
    return serve(request, track.path, tag=track.sha256, title=track.title)


@require_safe
def consent_file(request: HttpRequest, consent_id: UUID) -> HttpResponseBase:
    """The evidence of a consent, to save: it was never looked into."""
    consent = access.consent_for(request.user, consent_id)
    if not consent.evidence:
        raise Http404
    return serve(request, consent.path, tag=consent.evidence_sha256, title=consent.evidence_name, attachment=True)


@require_safe
def output_file(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """A finished video."""
    return serve_output(request, access.output_for(request.user, job_id))


def serve_output(request: HttpRequest, output: RenderOutput, *, attachment: bool = False) -> HttpResponseBase:
    """A finished video the person may see, named for its clip and voice."""
    title = f"{output.job.clip.title} - {output.job.track.title}"
    return serve(request, output.path, tag=output.sha256, title=title, attachment=attachment)


def serve_archive(batch: RenderBatch) -> HttpResponseBase:
    """All finished videos of a batch the person may see, in one ZIP that is made while it is sent."""
    bundle = archives.archive(batch)
    response = StreamingHttpResponse(bundle.pieces, content_type="application/zip")
    response["Content-Length"] = bundle.size
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=bundle.name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def serve(request: HttpRequest, path: Path, *, tag: str, title: str, attachment: bool = False) -> HttpResponseBase:
    """A file the person may see, whole or the range asked for. The caller has checked the permission.

    tag: names the content; attachment: save instead of play, also by `?download=1`
    """
    attachment = attachment or request.GET.get("download") == "1"
    etag = f'"{tag}"'
    if request.headers.get("If-None-Match") == etag:
        response: HttpResponseBase = HttpResponse(status=304)
    else:
        response = _send(request, path, etag)
        response["Content-Type"] = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
        name = f"{PurePath(title.replace('/', '-')).name or 'file'}{path.suffix}"
        disposition = content_disposition_header(attachment, name)
        if disposition:
            response["Content-Disposition"] = disposition
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
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
