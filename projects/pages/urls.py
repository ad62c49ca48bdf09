"""The addresses of all pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from projects.pages import (
    account,
    batches,
    entrance,
    lecturers,
    library,
    members,
    quick,
    reference,
    renders,
    selection,
    storage,
    styleguide,
    webhooks,
)


def _with_bin(kind: str, part: str) -> list[URLPattern]:
    return [
        path(f"storage/{kind}/<uuid:{part}>/delete/", storage.delete, {"kind": kind}, name=f"delete_{kind}"),
        path(f"storage/{kind}/<uuid:{part}>/keep/", storage.keep, {"kind": kind}, name=f"keep_{kind}"),
        path(f"storage/{kind}/<uuid:{part}>/restore/", storage.restore, {"kind": kind}, name=f"restore_{kind}"),
    ]


app_name = "pages"
urlpatterns = [
    path("", quick.quick_render, name="quick_render"),
    path("make-words/", quick.make_words, name="make_words"),
    path("sign-in/", entrance.sign_in, name="sign_in"),
    path("sign-out/", entrance.sign_out, name="sign_out"),
    path("setup/<str:token>/", entrance.set_up, name="set_up"),
    path("password/", entrance.forgotten, name="forgotten"),
    path("password/<str:uidb64>/<str:token>/", entrance.new_password, name="new_password"),
    path("language/", account.language, name="language"),
    path("account/", account.account, name="account"),
    path("account/you/", account.describe, name="describe"),
    path("account/time-zone/", account.choose_time_zone, name="choose_time_zone"),
    path("account/mails/", account.choose_mails, name="choose_mails"),
    path("account/password/", account.change_password, name="change_password"),
    path("account/tokens/", account.create_token, name="create_token"),
    path("account/tokens/<slug:token_id>/revoke/", account.revoke_token, name="revoke_token"),
    path("docs/api/", reference.api_docs, name="api_docs"),
    path("webhooks/", webhooks.endpoints, name="webhooks"),
    path("webhooks/<uuid:webhook_id>/", webhooks.endpoint, name="webhook"),
    path("webhooks/<uuid:webhook_id>/change/", webhooks.change, name="change_webhook"),
    path("webhooks/<uuid:webhook_id>/secret/", webhooks.change_secret, name="change_webhook_secret"),
    path("webhooks/<uuid:webhook_id>/remove/", webhooks.remove, name="remove_webhook"),
    path("webhooks/<uuid:webhook_id>/test/", webhooks.ping, name="test_webhook"),
    path("webhooks/<uuid:webhook_id>/pause/", webhooks.pause, name="pause_webhook"),
    path("webhooks/<uuid:webhook_id>/resume/", webhooks.resume, name="resume_webhook"),
    path("webhooks/<uuid:webhook_id>/messages/<uuid:delivery_id>/replay/", webhooks.replay, name="replay_delivery"),
    path("queue/", renders.queue, name="queue"),
    path("queue/live/", renders.queue_live, name="queue_live"),
    path("queue/pause/", renders.pause, name="pause"),
    path("queue/resume/", renders.resume, name="resume"),
    path("jobs/<uuid:job_id>/", renders.job, name="job"),
    path("jobs/<uuid:job_id>/live/", renders.job_live, name="job_live"),
    path("jobs/<uuid:job_id>/cancel/", renders.cancel, name="cancel"),
    path("jobs/<uuid:job_id>/cancel/undo/", renders.undo_cancel, name="undo_cancel"),
    path("jobs/<uuid:job_id>/whole/", renders.make_whole, name="make_whole"),
    path("jobs/<uuid:job_id>/retry/", renders.retry, name="retry"),
    path("join/<str:token>/", members.join, name="join"),
    path("lecturers/<uuid:speaker_id>/", lecturers.lecturer, name="lecturer"),
    path("lecturers/<uuid:speaker_id>/change/", lecturers.change, name="change_lecturer"),
    path("lecturers/<uuid:speaker_id>/consents/add/", lecturers.record_consent, name="record_consent"),
    path("lecturers/<uuid:speaker_id>/consents/withdraw/", lecturers.withdraw_consent, name="withdraw_consent"),
    path("projects/", library.projects, name="projects"),
    path("projects/<uuid:project_id>/", library.project, name="project"),
    path("clips/<uuid:clip_id>/card/", library.clip_card, name="clip_card"),
    path("projects/<uuid:project_id>/voices/", library.voices, name="voices"),
    path("projects/<uuid:project_id>/renders/", library.renders, name="project_renders"),
    *(
        path(f"projects/<uuid:project_id>/{kind}/selected/", selection.act, {"kind": kind}, name=f"selected_{kind}")
        for kind in ("clips", "voices", "videos")
    ),
    *(
        path(f"projects/<uuid:project_id>/{kind}/selected/undo/", selection.undo, {"kind": kind}, name=f"undo_{kind}")
        for kind in ("clips", "voices", "videos")
    ),
    path("projects/<uuid:project_id>/videos/selected/archive.zip", selection.archive, name="selected_archive"),
    path("projects/<uuid:project_id>/batches/", batches.of_project, name="batches"),
    path("projects/<uuid:project_id>/batches/new/", batches.new, name="batch_new"),
    path("projects/<uuid:project_id>/batches/estimate/", batches.estimate, name="batch_estimate"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("storage/", storage.storage, name="storage"),
    path("storage/ages/", storage.by_age, name="storage_ages"),
    *_with_bin("clips", "clip_id"),
    *_with_bin("voices", "track_id"),
    *_with_bin("videos", "job_id"),
    path("batches/<uuid:batch_id>/", batches.batch, name="batch"),
    path("batches/<uuid:batch_id>/live/", batches.live, name="batch_live"),
    path("batches/<uuid:batch_id>/retry/", batches.retry, name="batch_retry"),
    path("batches/<uuid:batch_id>/clips/<uuid:clip_id>/replace/", batches.replace, name="batch_replace"),
    path("batches/<uuid:batch_id>/cancel/", batches.cancel, name="batch_cancel"),
    path("batches/<uuid:batch_id>/archive.zip", batches.archive, name="batch_archive"),
    path("projects/<uuid:project_id>/lecturers/add/", library.add_lecturer, name="add_lecturer"),
    path("projects/<uuid:project_id>/clips/add/", library.add_clip, name="add_clip"),
    path("projects/<uuid:project_id>/voices/add/", library.add_voice, name="add_voice"),
    path("projects/<uuid:project_id>/members/", members.members, name="members"),
    path("projects/<uuid:project_id>/members/leave/", members.leave, name="leave"),
    path("projects/<uuid:project_id>/members/<int:user_id>/role/", members.change_role, name="change_role"),
    path("projects/<uuid:project_id>/members/<int:user_id>/remove/", members.remove_member, name="remove_member"),
    path("projects/<uuid:project_id>/members/<int:user_id>/hand-over/", members.hand_over, name="hand_over"),
    path("projects/<uuid:project_id>/invitations/add/", members.invite, name="invite"),
    path(
        "projects/<uuid:project_id>/invitations/<uuid:invitation_id>/revoke/",
        members.revoke_invitation,
        name="revoke_invitation",
    ),
]
