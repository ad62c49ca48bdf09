"""Addresses of files."""

from __future__ import annotations

from django.urls import path

from projects import media
from projects.media import refused_in_plain_words as plainly
from projects.models import PreviewKind

urlpatterns = [
    path("clips/<uuid:clip_id>/", plainly(media.clip_file), name="clip_file"),
    path("clips/<uuid:clip_id>/still/", plainly(media.clip_still), name="clip_still"),
    path("clips/<uuid:clip_id>/film/", plainly(media.clip_preview), {"kind": PreviewKind.FILM}, name="clip_film"),
    path("clips/<uuid:clip_id>/strip/", plainly(media.clip_preview), {"kind": PreviewKind.STRIP}, name="clip_strip"),
    path("tracks/<uuid:track_id>/", plainly(media.track_file), name="track_file"),
    path("consents/<uuid:consent_id>/", plainly(media.consent_file), name="consent_file"),
    path("renders/<uuid:job_id>/", plainly(media.output_file), name="output_file"),
]
