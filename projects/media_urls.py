"""Addresses of files."""

from __future__ import annotations

from django.urls import path

from projects import media
from projects.models import PreviewKind

urlpatterns = [
    path("clips/<uuid:clip_id>/", media.clip_file, name="clip_file"),
    path("clips/<uuid:clip_id>/still/", media.clip_still, name="clip_still"),
    path("clips/<uuid:clip_id>/film/", media.clip_preview, {"kind": PreviewKind.FILM}, name="clip_film"),
    path("clips/<uuid:clip_id>/strip/", media.clip_preview, {"kind": PreviewKind.STRIP}, name="clip_strip"),
    path("tracks/<uuid:track_id>/", media.track_file, name="track_file"),
    path("consents/<uuid:consent_id>/", media.consent_file, name="consent_file"),
    path("renders/<uuid:job_id>/", media.output_file, name="output_file"),
]
