"""Addresses of the API."""

from __future__ import annotations

from django.urls import path

from projects.api import lecturers, members, tus, views

app_name = "api"
urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("projects/", views.projects, name="projects"),
    path("projects/<uuid:project_id>/", views.project, name="project"),
    path("projects/<uuid:project_id>/members/", members.members, name="members"),
    path("projects/<uuid:project_id>/members/<int:user_id>/", members.member, name="member"),
    path("projects/<uuid:project_id>/members/<int:user_id>/hand-over/", members.hand_over, name="hand_over"),
    path("projects/<uuid:project_id>/invitations/", members.invitations, name="invitations"),
    path("projects/<uuid:project_id>/invitations/<uuid:invitation_id>/", members.invitation, name="invitation"),
    path("invitations/accept/", members.join, name="join"),
    path("speakers/", views.speakers, name="speakers"),
    path("speakers/<uuid:speaker_id>/", lecturers.lecturer, name="speaker"),
    path("speakers/<uuid:speaker_id>/consents/", lecturers.lecturer_consents, name="consents"),
    path("speakers/<uuid:speaker_id>/consents/withdraw/", lecturers.withdraw, name="withdraw"),
    path("clips/", views.clips, name="clips"),
    path("clips/<uuid:clip_id>/", views.clip, name="clip"),
    path("tracks/", views.tracks, name="tracks"),
    path("tracks/<uuid:track_id>/", views.track, name="track"),
    path("clips/<uuid:clip_id>/restore/", views.restore, {"kind": "clips"}, name="restore_clip"),
    path("tracks/<uuid:track_id>/restore/", views.restore, {"kind": "voices"}, name="restore_track"),
    path("outputs/<uuid:job_id>/restore/", views.restore, {"kind": "videos"}, name="restore_output"),
    path("presets/", views.preset_list, name="presets"),
    path("usage/", views.usage, name="usage"),
    path("uploads/", tus.Uploads.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>/", tus.OneUpload.as_view(), name="upload"),
    path("jobs/", views.job_list, name="jobs"),
    path("jobs/<uuid:job_id>/", views.job_detail, name="job"),
    path("jobs/<uuid:job_id>/cancel/", views.job_cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/retry/", views.job_retry, name="job_retry"),
    path("jobs/<uuid:job_id>/attempts/", views.job_attempts, name="job_attempts"),
    path("jobs/<uuid:job_id>/raise/", views.job_raise, name="job_raise"),
    path("jobs/<uuid:job_id>/log/", views.job_log, name="job_log"),
    path("batches/", views.batch_list, name="batches"),
    path("batches/estimate/", views.batch_estimate, name="batch_estimate"),
    path("batches/<uuid:batch_id>/", views.batch_detail, name="batch"),
    path("batches/<uuid:batch_id>/retry/", views.batch_retry, name="batch_retry"),
    path("batches/<uuid:batch_id>/replace/", views.batch_replace, name="batch_replace"),
    path("batches/<uuid:batch_id>/cancel/", views.batch_cancel, name="batch_cancel"),
    path("batches/<uuid:batch_id>/archive.zip", views.batch_archive, name="batch_archive"),
    path("queue/", views.queue, name="queue"),
    path("queue/pause/", views.queue_pause, name="queue_pause"),
    path("queue/resume/", views.queue_resume, name="queue_resume"),
    path("outputs/<uuid:job_id>/", views.output, name="output"),
    path("outputs/<uuid:job_id>/download/", views.output_download, name="output_download"),
]
