"""Every stable code that an answer or a render can carry, with what it means and what to do next.

The sentences are those that are told, with words in braces where values are put in, so that one translation serves both. A
test compares this list with the sources of platform and engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.translation import gettext, gettext_noop

from projects import outbound


@dataclass(frozen=True, slots=True)
class Code:
    """One code. status: of an answer that carries it, None where only a render, an attempt or an upload tells it"""

    code: str
    status: int | None
    sentence: str

    @property
    def message(self) -> str:
        """What it means and what to do next, in the language that is active."""
        return gettext(self.sentence)


# What the interface itself refuses, before a verb is asked.
OF_REQUESTS = (
    Code("bad_request", 400, gettext_noop("The request cannot be read. Check its address and headers.")),
    Code("parse_error", 400, gettext_noop("The body cannot be read. Send valid JSON, or a form, under its content type.")),
    Code("invalid", 400, gettext_noop("A value is missing or wrong. `field` says which, `detail` has all of them.")),
    Code("not_authenticated", 401, gettext_noop("Sign in first. Scripts send the header: Authorization: Token …")),
    Code(
        "authentication_failed",
        401,
        gettext_noop("The token or password is wrong, revoked or has expired. Make a new token on the account's page."),
    ),
    Code("csrf_failed", 403, gettext_noop("The page was open for too long. Load it again, then repeat what you did.")),
    Code("permission_denied", 403, gettext_noop("You may not do this. Ask the owner of the project or the administrator.")),
    Code("scope_missing", 403, gettext_noop("This token may not be used for that. Make one that may “{scope}”.")),
    Code("not_found", 404, gettext_noop("There is nothing here that you may see. Check the address and the id.")),
    Code(
        "body_too_large",
        413,
        gettext_noop("The body is larger than {limit} MB. Send less at once; files go into a form or come in pieces."),
    ),
    Code(
        "method_not_allowed",
        405,
        gettext_noop("This address does not know {method}. `Allow` in the answer says what it knows."),
    ),
    Code("not_acceptable", 406, gettext_noop("Answers are JSON. Accept application/json.")),
    Code("unsupported_media_type", 415, gettext_noop("Send JSON, or a form where files are sent, under its content type.")),
    Code("throttled", 429, gettext_noop("Too many requests. Wait as many seconds as Retry-After says.")),
    Code("server_error", 500, gettext_noop("Something went wrong on our side. The log has the details.")),
)
OF_THE_PLATFORM = (
    Code("bad_email", 422, gettext_noop("This is no address that mail can be sent to. Check it for misprints.")),
    Code("bad_username", 422, gettext_noop("This user name cannot be used. Use letters, digits and @/./+/-/_ only.")),
    Code("checksum_invalid", 400, gettext_noop("Upload-Checksum must be one of {algorithms} and the digest in base64.")),
    Code("code_invalid", 422, gettext_noop("The code is up to 100 letters, digits, dots, dashes and underscores.")),
    Code("consent_ended", 422, gettext_noop("This consent would have ended already. Choose a later day, or none.")),
    Code("consent_not_yet", 422, gettext_noop("The day on which consent was given cannot lie ahead.")),
    Code("content_type", 415, gettext_noop("Send the bytes with the content type {type}.")),
    Code("empty_file", 422, gettext_noop("The file is empty. Choose another one.")),
    Code(
        "evidence_kind",
        422,
        gettext_noop("Evidence may be a PDF, a JPG or PNG picture, or a recording (MP4, MOV, WebM, M4A, MP3, WAV, OGG)."),
    ),
    Code("file_damaged", 503, gettext_noop("A stored file is damaged. Ask the administrator to bring it back from a backup.")),
    Code("file_missing", 404, gettext_noop("A stored file is missing. Ask the administrator to bring it back from a backup.")),
    Code("gone", 409, gettext_noop("Its file has been removed for good. Upload it or make it again.")),
    Code("header_invalid", 400, gettext_noop("The header {header} must be a whole number.")),
    Code(
        "idempotency_key_invalid",
        422,
        gettext_noop("An idempotency key is 1 to {most} printable ASCII characters. Choose such a key, for example a UUID."),
    ),
    Code(
        "idempotency_mismatch",
        422,
        gettext_noop("This idempotency key was used for another request. Use a new key for a new request."),
    ),
    Code("in_bin", 422, gettext_noop("This clip is in the bin. Take it out of there under Storage first.")),
    Code("in_use", 409, gettext_noop("A video that waits or is being made needs it. Cancel that one or wait for its end.")),
    Code(
        "invitation_invalid",
        409,
        gettext_noop("This invitation no longer works: it was used, revoked or has expired. Ask for a new link."),
    ),
    Code("kind_unknown", 422, gettext_noop("There are no events of the kind {kind}. There are: {kinds}.")),
    Code(
        "lecturer_name_taken",
        409,
        gettext_noop("Another lecturer of this project is called so already. Choose another name."),
    ),
    Code("length_required", 411, gettext_noop("Say in Content-Length how many bytes are sent.")),
    Code("metadata_invalid", 400, gettext_noop("Upload-Metadata must be keys with values in base64 of UTF-8.")),
    Code(
        "name_pattern_invalid", 422, gettext_noop("File names are made of words and of these fields, at least one: {fields}.")
    ),
    Code("no_cells", 422, gettext_noop("Choose at least one clip with one voice.")),
    Code(
        "no_consent",
        422,
        gettext_noop("No valid consent of {speaker} is on record. Record it on the lecturer's page, then try again."),
    ),
    Code(
        "no_lane_for_engine",
        422,
        gettext_noop(
            "No worker can make this: {names} is not installed anywhere. Choose the usual engine, or ask the administrator "
            "to install it (manage.py weights)."
        ),
    ),
    Code("no_name", 422, gettext_noop("Give the project a name.")),
    Code("no_scope", 422, gettext_noop("Say what was agreed to.")),
    Code("no_scopes", 422, gettext_noop("Choose what the token may be used for.")),
    Code(
        "no_space", 507, gettext_noop("The server's disk is nearly full. Ask the administrator to make room, then try again.")
    ),
    Code("no_username", 422, gettext_noop("Choose a user name.")),
    Code("not_a_member", 409, gettext_noop("This person is no longer a member of the project.")),
    Code(
        "not_a_sound",
        422,
        gettext_noop("The voice is not a sound that can be read. Export it as wav, mp3, m4a, flac or ogg."),
    ),
    Code(
        "not_a_video",
        422,
        gettext_noop("The clip is not a video that can be read. Export it as mp4, mov, mkv, webm, avi or mpg."),
    ),
    Code(
        "not_allowed",
        403,
        gettext_noop("You may look at this project but not change it. Ask its owner to make you an editor."),
    ),
    Code("not_retryable", 409, gettext_noop("Only a failed or cancelled render can be tried again.")),
    Code("not_writable", 507, gettext_noop("The server cannot store the file. Tell the administrator: {reason}.")),
    Code(
        "nothing_failed",
        409,
        gettext_noop("No failed video of this clip is left that could be made with the other one."),
    ),
    Code("nothing_finished", 422, gettext_noop("No video is finished yet. Come back when the first one is.")),
    Code("owner_changed", 409, gettext_noop("The project has another owner by now. Load the page again.")),
    Code("owner_stays", 409, gettext_noop("The owner cannot leave. Hand the project over to another member first.")),
    Code(
        "quota_bytes",
        403,
        gettext_noop(
            "{name} may use {limit}, {left} of it are left, and {size} are needed. Delete what is no longer wanted, "
            "or ask the administrator for more."
        ),
    ),
    Code(
        "quota_minutes",
        403,
        gettext_noop(
            "This makes {asked:.1f} minutes of video, and {left:.1f} of this month's {limit:.0f} are left. Wait for the "
            "next month, render fewer, or ask the administrator for more."
        ),
    ),
    Code("same_clip", 422, gettext_noop("Choose another clip than the one that failed, or run the failed ones again.")),
    Code(
        "setup_link_invalid",
        409,
        gettext_noop("This set-up link is no longer valid. Run `python manage.py setup_link` on the server for a new one."),
    ),
    Code(
        "storage_unavailable",
        503,
        gettext_noop(
            "The storage for finished files does not answer ({reason}). Try again in a few minutes, or tell the administrator."
        ),
    ),
    Code("too_large", 413, gettext_noop("The file is larger than {limit} MB. Cut it or export it smaller, then try again.")),
    Code("too_many_cells", 422, gettext_noop("A batch has at most {most} videos, this one {count}. Split it in two.")),
    Code("too_many_guesses", 429, gettext_noop("Too many wrong passwords. Wait as many seconds as Retry-After says.")),
    Code("too_many_invitations", 409, gettext_noop("{count} invitations are open. Revoke some first.")),
    Code("too_many_tags", 422, gettext_noop("A lecturer has at most {most} tags. Leave some out.")),
    Code("too_many_tokens", 409, gettext_noop("You have too many tokens. Delete some first.")),
    Code("too_many_webhooks", 409, gettext_noop("You have {most} webhooks, the most there can be. Remove one first.")),
    Code(
        "tus_version",
        412,
        gettext_noop("This server speaks version {version} of the tus protocol. Say so in the header Tus-Resumable."),
    ),
    Code("unknown_time_zone", 422, gettext_noop("There is no such time zone. Choose one from the list.")),
    Code(
        "part_outside_clip",
        422,
        gettext_noop("The clip lasts {seconds:.1f} s. Choose a start and an end within it, at least half a second apart."),
    ),
    Code("path_refused", 422, gettext_noop("Name a file of the shared folder, or an address that begins with https.")),
    Code("task_missing", 404, gettext_noop("There is no task of this code. Codes are remembered for a day.")),
    Code("too_late", 409, gettext_noop("The render has been stopped already. “Try again” makes it anew.")),
    Code("not_a_draft", 409, gettext_noop("This is the whole video already.")),
    Code("unknown_preset", 422, gettext_noop("There is no preset {code}. Choose one of: {choices}.")),
    Code("unknown_role", 422, gettext_noop("Choose one of the roles: editor or viewer.")),
    Code("unknown_scope", 422, gettext_noop("A token may be used to {scopes}. Choose among these.")),
    Code(
        "upload_busy",
        423,
        gettext_noop("Another connection is writing to this upload, or it is being checked. Try again in a moment."),
    ),
    Code("upload_damaged", 460, gettext_noop("A piece of the file was damaged on its way. Send it again.")),
    Code(
        "upload_expired",
        410,
        gettext_noop("This upload was given up because nothing arrived for too long. Send the file again."),
    ),
    Code("upload_gone", 410, gettext_noop("This upload is not there any more. Send the file again.")),
    Code(
        "upload_interrupted",
        None,
        gettext_noop(
            "The server was interrupted while it checked this file. Try again; if it happens again, tell the administrator."
        ),
    ),
    Code("upload_offset", 409, gettext_noop("{there} bytes have arrived, not {offset}. Go on from there.")),
    Code("upload_too_long", 413, gettext_noop("More bytes were sent than this upload was announced with. Start it again.")),
    Code("username_taken", 409, gettext_noop("This user name is taken. Choose another one.")),
    Code("weak_password", 422, gettext_noop("This password is too easy to guess. Choose a longer one.")),
    Code("webhook_paused", 409, gettext_noop("This webhook is paused. Resume it first.")),
    Code("webhooks_off", 409, gettext_noop("Webhooks are off in this installation. Ask the administrator to switch them on.")),
    Code("wrong_password", 422, gettext_noop("To change the address, type your password too.")),
    Code("wrong_project", 422, gettext_noop("This clip belongs to another project.")),
)
OF_TARGETS = tuple(Code(code, 422, sentence) for code, sentence in outbound.SENTENCES.items())
# What a render's attempt or an upload's check ends with: `error` of a job, an attempt, an upload or an event.
OF_RENDERS = (
    Code("bug", None, gettext_noop("Something went wrong on our side. The log has the details.")),
    Code(
        "database_lost",
        None,
        gettext_noop(
            "The database could not be reached when it was needed. Try again; if it happens again, see the log below."
        ),
    ),
    Code(
        "engine_died",
        None,
        gettext_noop("The engine stopped unexpectedly. Its last words are in the log of this attempt."),
    ),
    Code(
        "out_of_memory",
        None,
        gettext_noop("The server has too little memory left for a render. Ask the administrator to make room, then try again."),
    ),
    Code(
        "poisoned",
        None,
        gettext_noop(
            "This render was broken off {count} times without getting any further. Try again; if it happens again, tell the "
            "administrator the render's number."
        ),
    ),
    Code(
        "took_too_long",
        None,
        gettext_noop("The render took longer than {hours} hours and was stopped. Use a shorter voice."),
    ),
    Code(
        "worker_lost",
        None,
        gettext_noop("The worker that had this render vanished in the middle of it. The server's log says what became of it."),
    ),
)
OF_THE_ENGINE = (
    Code(
        "bad_point",
        None,
        gettext_noop("The place of the speaker is given as X,Y or X,Y,SECONDS, with X and Y from 0 to 1. Choose it again."),
    ),
    Code("bad_quality", None, gettext_noop("Quality goes from 0 (best) to {worst}. Choose a number between.")),
    Code("bad_threads", None, gettext_noop("Encoding threads go from 0 (usual) to {largest}. Choose a number between.")),
    Code("cache_unreadable", None, gettext_noop("What was stored about the clip cannot be read. Start the render again.")),
    Code(
        "cannot_start", None, gettext_noop("{program} cannot be started ({reason}). Free some memory and disk, and try again.")
    ),
    Code("damaged_segment", None, gettext_noop("A part of the result is damaged. Start the render again.")),
    Code("damaged_video", None, gettext_noop("The clip cannot be decoded from frame {frame} on. Export it again as mp4.")),
    Code("decoder_died", None, gettext_noop("A file could not be read to its end. Start the render again.")),
    Code("encoder_failed", None, gettext_noop("The video could not be encoded. See the log for what ffmpeg said.")),
    Code(
        "end_outside_clip", None, gettext_noop("The end must lie within the clip, which lasts {seconds} s. Choose another end.")
    ),
    Code(
        "face_rarely_seen",
        None,
        gettext_noop("Too little of the mouth is seen to work with. Film again with the face to the camera."),
    ),
    Code(
        "face_too_small",
        None,
        gettext_noop(
            "The face in the clip is too small to work on. Come closer, so that the face fills a quarter of the height."
        ),
    ),
    Code(
        "ffmpeg_missing",
        None,
        gettext_noop("{program} is not installed. Install it, on Debian or Ubuntu with: apt-get install ffmpeg"),
    ),
    Code("ffprobe_failed", None, gettext_noop("ffprobe gave no usable answer. Reinstall ffmpeg.")),
    Code(
        "incomplete_output", None, gettext_noop("The video has {found} instead of {expected} frames. Start the render again.")
    ),
    Code(
        "mouth_covered",
        None,
        gettext_noop(
            "The mouth is covered in most of the clip. Film again with hands, microphone and paper away from the mouth."
        ),
    ),
    Code(
        "mouth_off_picture",
        None,
        gettext_noop("The mouth is outside the picture in most of the clip. Film again with the whole face in the picture."),
    ),
    Code(
        "near_profile",
        None,
        gettext_noop("The face is turned too far to the side in most of the clip. Film again with the face to the camera."),
    ),
    Code("no_duration", None, gettext_noop("The clip does not say how long it is. Export it again as mp4.")),
    Code(
        "no_face",
        None,
        gettext_noop("No face was found in the clip. Film one person, face to the camera, larger in the picture."),
    ),
    Code(
        "no_face_there",
        None,
        gettext_noop(
            "There is no face at the point chosen at {seconds} s. Choose the middle of the speaker's face, at a moment when "
            "it is turned to the camera."
        ),
    ),
    Code(
        "no_gpu_encoder",
        None,
        gettext_noop("No NVIDIA video encoder can be opened on this machine. Choose the codec h264 or hevc."),
    ),
    Code("no_sound", None, gettext_noop("The voice file has no sound. Choose a recording of a voice.")),
    Code(
        "no_tone_mapping",
        None,
        gettext_noop(
            "The ffmpeg of this machine cannot convert HDR clips. Install one with zscale, or export the clip as SDR."
        ),
    ),
    Code("no_video", None, gettext_noop("The clip has no moving picture. Choose a video of a person speaking.")),
    Code("output_is_input", None, gettext_noop("The output would overwrite a file that is read. Choose another name for it.")),
    Code(
        "part_too_short",
        None,
        gettext_noop("The part chosen is shorter than half a second. Choose a later end or an earlier start."),
    ),
    Code(
        "segment_busy",
        None,
        gettext_noop("Another process has held a part of this video for minutes. End it, then start the render again."),
    ),
    Code("segments_differ", None, gettext_noop("Parts of the result were encoded in different ways. Start the render again.")),
    Code("silent_sound", None, gettext_noop("The voice is silent throughout. Choose another recording.")),
    Code("sound_unmeasured", None, gettext_noop("The loudness of the voice could not be measured. Start the render again.")),
    Code(
        "start_outside_clip",
        None,
        gettext_noop("The start must lie within the clip, which lasts {seconds} s. Choose another start."),
    ),
    Code("too_large_picture", None, gettext_noop("The clip's picture is too large. Scale it down to 4K.")),
    Code("too_short", None, gettext_noop("The clip is shorter than half a second. Film at least 10 seconds.")),
    Code(
        "too_small_picture",
        None,
        gettext_noop("The clip's picture is {width} x {height} pixels. Use a video of at least 256 x 256."),
    ),
    Code("tool_timeout", None, gettext_noop("{program} did not finish within {seconds} s.")),
    Code("unknown_codec", None, gettext_noop("There is no codec {codec}. Choose one of {choices}.")),
    Code("unknown_length_mode", None, gettext_noop("The way to fill the length is unknown. Choose one of: {choices}.")),
    Code("unreadable", None, gettext_noop("The server cannot read the file ({reason}). Tell the administrator.")),
    Code("worker_died", None, gettext_noop("A process that rendered part of the video ended. Start the render again.")),
    Code(
        "gpu_lost",
        None,
        gettext_noop("The graphics card does not answer any more. The worker is started anew and tries again."),
    ),
    Code(
        "licence_forbidden",
        None,
        gettext_noop("This installation does not use weights under the licence of {architecture}. Choose another engine."),
    ),
    Code(
        "no_such_device",
        None,
        gettext_noop("This machine has no graphics card {name} that torch can use. Choose another device, or auto."),
    ),
    Code(
        "registry_unreadable",
        None,
        gettext_noop("The list of the installation's own weights cannot be read. Tell the administrator."),
    ),
    Code("torch_missing", None, gettext_noop("What was chosen needs torch. Run: pip install -r requirements/gpu.txt")),
    Code("unknown_device", None, gettext_noop("{name} is no device. Choose auto, cpu, or cuda:0, cuda:1 and so on.")),
    Code("unknown_precision", None, gettext_noop("{name} is no precision. Choose one of: {choices}.")),
    Code("unknown_weights", None, gettext_noop("There are no weights named {name}. Choose one of: {choices}.")),
    Code("weights_damaged", None, gettext_noop("No weights can be read from {file}. Install them again.")),
    Code(
        "weights_do_not_fit",
        None,
        gettext_noop(
            "The weights in {file} are not for {network}: {count} parts differ, {part} for one. Install the published file."
        ),
    ),
    Code("weights_missing", None, gettext_noop("The weights {name} are not installed. Run: manage.py weights install {how}.")),
    Code("excerpt_too_short", None, gettext_noop("A draft lasts half a second or longer. Choose a longer one.")),
)

CODES: Mapping[str, Code] = MappingProxyType(
    {code.code: code for code in (*OF_REQUESTS, *OF_THE_PLATFORM, *OF_TARGETS, *OF_RENDERS, *OF_THE_ENGINE)}
)
