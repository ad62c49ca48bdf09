"""Taking in clips and voices: stored whole under an id, or refused without a trace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.test import Client
from django.utils import translation
from pytest_django import Settings

from lipsync.errors import EnvironmentFault, UnusableInput
from projects import accounts, library, storage, uploads
from projects.errors import NoRoom, ProjectError, Refused, TooLarge, Unavailable
from projects.models import AudioTrack, Project, Speaker, SpeakerClip
from tests import making

HOSTILE_NAMES = ["../../etc/passwd.mp4", "..\\..\\boot.mp4", "a\x00b.mp4", "clip.php", "\u202egpj.mp4", "." * 300 + ".mp4"]


@pytest.fixture(autouse=True)
def _folders(media_root: Path) -> None:
    storage.folder(storage.CLIPS)
    storage.folder(storage.TRACKS)


def stored_files(root: Path) -> list[Path]:
    """Everything under the data folder."""
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_clip_is_stored_whole_under_its_own_id(speaker: Speaker, clip_file: Path) -> None:
    clip = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file, "My talk.MP4"))
    assert clip.path.name == f"{clip.pk}.mp4"
    assert clip.path.read_bytes() == clip_file.read_bytes()
    assert clip.sha256 == hashlib.sha256(clip_file.read_bytes()).hexdigest()
    assert clip.size == clip_file.stat().st_size
    assert (clip.title, clip.width, clip.height, clip.frame_rate) == ("My talk", making.CLIP_WIDTH, making.CLIP_HEIGHT, "10")
    assert clip.duration == pytest.approx(making.CLIP_SECONDS, abs=0.1)
    assert clip.has_sound
    assert Path(clip.still.path).read_bytes()[:2] == b"\xff\xd8"


def test_a_voice_is_stored_whole_under_its_own_id(project: Project, voice_file: Path) -> None:
    track = uploads.add_track(project=project, uploaded_file=making.upload(voice_file), title="Willkommen", language="de")
    assert track.path.name == f"{track.pk}.wav"
    assert (track.title, track.language, track.sample_rate) == ("Willkommen", "de", 48000)
    assert track.duration == pytest.approx(making.VOICE_SECONDS, abs=0.01)


def test_a_voice_may_be_the_sound_of_a_video(project: Project, clip_file: Path) -> None:
    assert uploads.add_track(project=project, uploaded_file=making.upload(clip_file)).duration > 0


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_files_name_never_becomes_a_path(speaker: Speaker, clip_file: Path, media_root: Path, name: str) -> None:
    incoming = SimpleUploadedFile("x.mp4", clip_file.read_bytes())
    incoming._name = name  # as a client that does not go through Django's own cleaning would have it
    clip = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=incoming)
    assert clip.path.parent == media_root / "clips"
    assert clip.path.name == f"{clip.pk}.mp4"
    assert {path.stem for path in stored_files(media_root)} == {str(clip.pk)}
    assert "\x00" not in clip.title


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (b"just some text\n" * 99, "not_a_video"), (b"\x00" * 5000, "not_a_video")]
)
def test_a_file_that_is_no_video_is_refused_without_a_trace(
    speaker: Speaker, media_root: Path, content: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=SimpleUploadedFile("a.mp4", content))
    assert refusal.value.code == code
    assert refusal.value.field == "file"
    assert len(refusal.value.message) > 20
    assert stored_files(media_root) == []
    assert not SpeakerClip.objects.exists()


def test_a_sound_file_is_no_clip_and_a_silent_video_no_voice(
    project: Project, speaker: Speaker, voice_file: Path, tmp_path: Path, media_root: Path
) -> None:
    silent = tmp_path / "silent.mp4"
    making.media("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=10:duration=1", str(silent))
    with pytest.raises(Refused, match=r"\w"):
        uploads.add_clip(project=project, speaker=speaker, uploaded_file=making.upload(voice_file, "a.mp4"))
    with pytest.raises(Refused, match=r"\w"):
        uploads.add_track(project=project, uploaded_file=making.upload(silent))
    assert stored_files(media_root) == []
    assert not AudioTrack.objects.exists()


def test_a_file_over_the_limit_is_refused_without_a_trace(
    speaker: Speaker, clip_file: Path, media_root: Path, settings: Settings
) -> None:
    settings.LARGEST_CLIP_BYTES = 1000
    with pytest.raises(TooLarge):
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert stored_files(media_root) == []


def test_a_full_disk_is_said_before_a_byte_is_stored(
    speaker: Speaker, clip_file: Path, media_root: Path, settings: Settings
) -> None:
    settings.FREE_SPACE_FLOOR_BYTES = 2**60
    with pytest.raises(NoRoom) as refusal:
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert refusal.value.status == 507
    assert stored_files(media_root) == []


def test_another_projects_lecturer_is_refused(project: Project, stranger_speaker: Speaker, clip_file: Path) -> None:
    with pytest.raises(Refused, match="another project"):
        uploads.add_clip(project=project, speaker=stranger_speaker, uploaded_file=making.upload(clip_file))


def _missing(*args: object, **kwargs: object) -> None:
    raise EnvironmentFault("ffmpeg_missing", "ffprobe is not installed.")


def _disk_error(*args: object, **kwargs: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("place", "fault", "expected"),
    [("probe_clip", _missing, Unavailable), ("save_still", _missing, Unavailable), ("_give_final_name", _disk_error, NoRoom)],
)
def test_a_fault_of_the_machine_leaves_no_trace(
    speaker: Speaker,
    clip_file: Path,
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fault: Callable[..., None],
    expected: type[ProjectError],
) -> None:
    monkeypatch.setattr(uploads, place, fault)
    with pytest.raises(expected):
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert stored_files(media_root) == []


def test_a_row_that_cannot_be_stored_leaves_no_file(
    speaker: Speaker, clip_file: Path, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**fields: object) -> None:
        raise RuntimeError("database gone")

    monkeypatch.setattr(SpeakerClip.objects, "create", refuse)
    with pytest.raises(RuntimeError):
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert stored_files(media_root) == []


def test_the_same_bytes_again_give_the_clip_that_has_them(speaker: Speaker, clip_file: Path, media_root: Path) -> None:
    first = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    before = stored_files(media_root)
    for same in (speaker, " Li  Wei ", ""):
        again = uploads.add_clip(project=speaker.project, speaker=same, uploaded_file=making.upload(clip_file, "other.mov"))
        assert again == first
    assert stored_files(media_root) == before
    assert Speaker.objects.count() == 1


def test_the_same_bytes_of_another_lecturer_or_project_are_a_clip_of_their_own(
    speaker: Speaker, stranger_speaker: Speaker, clip_file: Path
) -> None:
    first = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    second = uploads.add_clip(project=speaker.project, speaker="Wang Li", uploaded_file=making.upload(clip_file))
    theirs = uploads.add_clip(project=stranger_speaker.project, speaker="", uploaded_file=making.upload(clip_file))
    assert len({first.pk, second.pk, theirs.pk}) == 3
    assert theirs.speaker.project == stranger_speaker.project


def test_the_same_bytes_are_taken_again_when_the_file_was_lost(speaker: Speaker, clip_file: Path) -> None:
    lost = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    lost.path.unlink()
    again = uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=making.upload(clip_file))
    assert again != lost
    assert again.path.is_file()


def test_the_same_voice_again_gives_the_one_there_is(project: Project, voice_file: Path, media_root: Path) -> None:
    first = uploads.add_track(project=project, uploaded_file=making.upload(voice_file), language="de")
    assert uploads.add_track(project=project, uploaded_file=making.upload(voice_file)) == first
    assert len(stored_files(media_root)) == 1
    assert uploads.add_track(project=project, uploaded_file=making.upload(voice_file), language="fr") != first


def test_a_new_lecturer_is_made_only_when_the_clip_is_accepted(project: Project, clip_file: Path) -> None:
    with pytest.raises(Refused):
        uploads.add_clip(project=project, speaker="Wang Li", uploaded_file=SimpleUploadedFile("a.mp4", b"text " * 99))
    assert not Speaker.objects.exists()
    clip = uploads.add_clip(project=project, speaker="Wang Li", uploaded_file=making.upload(clip_file))
    assert clip.speaker.name == "Wang Li"


def test_a_lecturers_name_is_kept_once(project: Project) -> None:
    first = library.find_or_add_speaker(project=project, name="  Li   Wei ")
    assert library.find_or_add_speaker(project=project, name="Li Wei") == first
    with pytest.raises(Refused):
        library.find_or_add_speaker(project=project, name="   ")


def test_a_request_that_says_it_is_too_large_is_refused_unread(owner_client: Client, settings: Settings) -> None:
    settings.LARGEST_CLIP_BYTES = settings.LARGEST_TRACK_BYTES = 2**20
    body = b"x" * (3 * 2**20)
    answer = owner_client.post("/api/v1/clips/", body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    with translation.override(None):  # the request leaves its language to the thread
        page = owner_client.post("/", body, content_type="multipart/form-data; boundary=x", headers={"Accept-Language": "zh"})
    assert page.status_code == 413
    text = page.content.decode()
    assert "data-error-sentence" in text
    assert "文件超过 1 MB" in text


def test_a_file_for_which_there_is_no_room_is_refused_unread(
    owner: User, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_self: object, data: bytes, _start: int) -> None:
        raise AssertionError(f"{len(data)} bytes were put on the full disk")

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", take)
    monkeypatch.setattr(storage, "free", lambda: 2**20)
    script = Client(headers={"Authorization": f"Token {accounts.create_token(user=owner)[0]}"})
    body = {"speaker": str(speaker.pk), "file": SimpleUploadedFile("a.mp4", b"x" * (3 * 2**20))}
    answer = script.post("/api/v1/clips/", body)
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")


def test_a_refusal_never_names_our_own_file(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(path: Path) -> None:
        raise UnusableInput("unreadable", f"{path} cannot be read (Permission denied). Check the path and its permissions.")

    monkeypatch.setattr(uploads, "probe_clip", unreadable)
    with pytest.raises(Refused) as refusal:
        uploads.add_clip(project=speaker.project, speaker=speaker, uploaded_file=SimpleUploadedFile("a.mp4", b"x"))
    assert refusal.value.message == "The server cannot read the file (Permission denied). Tell the administrator."
