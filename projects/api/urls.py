"""Addresses of the API."""

from __future__ import annotations

from django.urls import path

from projects.api import tus, views

app_name = "api"
urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("projects/", views.projects, name="projects"),
    path("projects/<uuid:project_id>/", views.project, name="project"),
    path("speakers/", views.speakers, name="speakers"),
    path("speakers/<uuid:speaker_id>/", views.speaker, name="speaker"),
    path("clips/", views.clips, name="clips"),
    path("clips/<uuid:clip_id>/", views.clip, name="clip"),
    path("tracks/", views.tracks, name="tracks"),
    path("tracks/<uuid:track_id>/", views.track, name="track"),
    path("uploads/", tus.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", tus.OneUpload.as_view(), name="upload"),
    path("jobs/", views.job_list, name="jobs"),
    path("jobs/<uuid:job_id>/", views.job_detail, name="job"),
    path("jobs/<uuid:job_id>/cancel/", views.job_cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/retry/", views.job_retry, name="job_retry"),
    path("jobs/<uuid:job_id>/attempts/", views.job_attempts, name="job_attempts"),
    path("jobs/<uuid:job_id>/raise/", views.job_raise, name="job_raise"),
    path("jobs/<uuid:job_id>/log/", views.job_log, name="job_log"),
    path("queue/", views.queue, name="queue"),
    path("queue/pause/", views.queue_pause, name="queue_pause"),
    path("queue/resume/", views.queue_resume, name="queue_resume"),
    path("outputs/<uuid:job_id>/", views.output, name="output"),
    path("outputs/<uuid:job_id>/download/", views.output_download, name="output_download"),
]
