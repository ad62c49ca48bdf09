"""Addresses of files."""

from __future__ import annotations

from django.urls import path

from projects import media

urlpatterns = [
    path("clips/<uuid:clip_id>/", media.clip_file, name="clip_file"),
    path("clips/<uuid:clip_id>/still/", media.clip_still, name="clip_still"),
    path("tracks/<uuid:track_id>/", media.track_file, name="track_file"),
    path("consents/<uuid:consent_id>/", media.consent_file, name="consent_file"),
    path("renders/<uuid:job_id>/", media.output_file, name="output_file"),
]
