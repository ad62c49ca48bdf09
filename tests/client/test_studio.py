"""The client against the real API: sent once, rendered once, fetched once, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User

from heygem_client import (
    Cell,
    How,
    Medium,
    NotAllowed,
    OutOfReach,
    Project,
    Refused,
    RendersFailed,
    StillRunning,
    Studio,
    require_videos,
    rows,
    uploading,
)
from projects import accounts, bin, rendering
from projects.api import endpoints
from projects.models import AudioTrack, Choice, RenderBatch, RenderJob, RenderOutput, SpeakerClip, Upload
from tests import making
from tests.client.conftest import Line, answer_is_lost, never_arrives, turned_away


@pytest.fixture
def take(studio: Studio, home: Project, clip_file: Path) -> Medium:
    """A clip whose person has agreed."""
    return studio.upload(clip_file, project=home, lecturer="Li Wei", consent=True)


@pytest.fixture
def lesson(studio: Studio, home: Project, voice_file: Path) -> Medium:
    """A voice."""
    return studio.upload(voice_file, project=home, kind="voice", language="de")


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch, voice_file: Path) -> int:
    """Pieces so small that the voice needs several. Returns how many."""
    size = voice_file.stat().st_size
    monkeypatch.setattr(uploading, "PIECE_BYTES", size // 4)
    return 5 if size % 4 else 4


# --- uploads -----------------------------------------------------------------------------------------------------------
def test_a_file_is_sent_in_pieces_and_never_twice(
    studio: Studio, home: Project, voice_file: Path, line: Line, in_pieces: int
) -> None:
    voice = studio.upload(voice_file, project=home, kind="voice", title="Lesson 1", language="de")
    assert line.count("PATCH", "/uploads/") == in_pieces
    row = AudioTrack.objects.get()
    assert (str(row.pk), row.title, row.language, row.size) == (voice.id, "Lesson 1", "de", voice_file.stat().st_size)
    assert row.path.read_bytes() == voice_file.read_bytes()
    line.forget()
    assert studio.upload(voice_file, project=home, kind="voice", language="de") == voice
    assert (line.count("PATCH", "/uploads/"), line.count("POST", "/uploads/")) == (0, 0)


def test_the_same_take_of_another_lecturer_is_another_clip(
    studio: Studio, home: Project, take: Medium, clip_file: Path
) -> None:
    other = studio.upload(clip_file, project=home, lecturer="Ada")
    assert other.id != take.id
    assert {clip.speaker.name for clip in SpeakerClip.objects.all()} == {"Li Wei", "Ada"}


def test_an_upload_goes_on_after_the_line_broke(
    studio: Studio, home: Project, voice_file: Path, line: Line, in_pieces: int, pauses: list[float]
) -> None:
    line.faults = [
        ("PATCH", "/uploads/", answer_is_lost),  # this piece has arrived
        ("PATCH", "/uploads/", turned_away(502)),  # this one has not
        ("POST", "/uploads/", answer_is_lost),
        ("HEAD", "/uploads/", never_arrives),
    ]
    voice = studio.upload(voice_file, project=home, kind="voice")
    assert voice.sha256 == AudioTrack.objects.get().sha256
    assert line.count("PATCH", "/uploads/") == in_pieces + 1
    assert Upload.objects.count() == 1
    assert len(pauses) == 4


def test_an_upload_that_was_killed_goes_on_where_it_was(
    studio: Studio, home: Project, voice_file: Path, line: Line, token: str, in_pieces: int
) -> None:
    def killed(_request: httpx.Request, ask: Callable[[], httpx.Response]) -> httpx.Response:
        ask()
        raise KeyboardInterrupt

    line.faults = [("PATCH", "/uploads/", killed)]
    with pytest.raises(KeyboardInterrupt):
        studio.upload(voice_file, project=home, kind="voice")
    line.forget()
    with Studio("http://localhost", token, transport=line) as another:
        another.upload(voice_file, project=home, kind="voice")
    assert line.count("PATCH", "/uploads/") == in_pieces - 1
    assert (line.count("POST", "/uploads/"), AudioTrack.objects.count()) == (0, 1)


def test_an_unusable_file_is_refused_with_the_reason(studio: Studio, home: Project, tmp_path: Path) -> None:
    (tmp_path / "take.mp4").write_text("not a film")
    with pytest.raises(Refused, match="video") as refused:
        studio.upload(tmp_path / "take.mp4", project=home, lecturer="Ada")
    assert (refused.value.exit_code, refused.value.status) == (2, 422)
    (tmp_path / "empty.mp4").touch()
    for name in ("empty.mp4", "missing.mp4"):
        with pytest.raises(Refused, match=name):
            studio.upload(tmp_path / name, project=home)


# --- renders -----------------------------------------------------------------------------------------------------------
def test_without_consent_no_render_starts_and_it_can_be_told_later(
    studio: Studio, home: Project, clip_file: Path, lesson: Medium
) -> None:
    clip = studio.upload(clip_file, project=home, lecturer="Ada")
    with pytest.raises(Refused, match="consent") as refused:
        studio.render(clip, lesson)
    assert refused.value.code == "no_consent"
    studio.upload(clip_file, project=home, lecturer="Ada", consent=True)
    assert studio.render(clip, lesson).status == "queued"


def test_a_render_is_made_once_though_its_answer_was_lost(
    studio: Studio, take: Medium, lesson: Medium, line: Line, pauses: list[float]
) -> None:
    line.faults = [("POST", "/jobs/", answer_is_lost)]
    job = studio.render(take, lesson)
    assert str(RenderJob.objects.get().pk) == job.id
    assert studio.render(take, lesson).id == job.id
    cleaned = studio.render(take, lesson, how=How(denoise=True))
    assert cleaned.id != job.id
    assert studio.render(take, lesson, how=How(denoise=True, codec="h264")).id == cleaned.id


def test_it_compares_all_that_a_render_may_be_asked_with() -> None:
    assert sorted(rows.CHOICES) == sorted(field.name for field in dataclasses.fields(Choice))


def test_a_draft_is_no_whole_video_and_a_preset_is_what_it_says(studio: Studio, take: Medium, lesson: Medium) -> None:
    draft = studio.render(take, lesson, how=How(preset="draft"))
    assert draft.how["excerpt"]
    whole = studio.render(take, lesson)
    assert (whole.id != draft.id, whole.how["excerpt"]) == (True, None)
    assert studio.render(take, lesson, how=How(excerpt=draft.how["excerpt"], speed=draft.how["speed"])).id == draft.id
    with pytest.raises(Refused, match="standard") as refused:
        studio.render(take, lesson, how=How(preset="fastest"))
    assert refused.value.code == "unknown_preset"


@pytest.mark.usefixtures("works_meanwhile")
def test_a_batch_asked_for_again_makes_nothing_new(
    studio: Studio, home: Project, take: Medium, lesson: Medium, voice_file: Path, tmp_path: Path, line: Line
) -> None:
    spanish = studio.upload(voice_file, project=home, kind="voice", language="es")
    cells = [Cell(take, lesson), Cell(take, spanish, "Lección 1"), Cell(take, lesson)]
    made = studio.batch(cells, name="Course")
    assert (len(made.jobs), made.new, made.jobs[0]) == (3, 2, made.jobs[2])
    assert RenderBatch.objects.get().name == "Course"
    jobs = studio.wait(made.jobs[:2])
    names = [cell.name for cell in cells]
    paths = studio.download(jobs, tmp_path / "out", names=names)
    assert [path.name for path in paths] == ["Li Wei_take_voice_de.mp4", "Lección 1.mp4"]
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    told = json.loads(manifest)["files"]
    assert [(one["file"], one["lecturer"], one["language"]) for one in told] == [
        ("Li Wei_take_voice_de.mp4", "Li Wei", "de"),
        ("Lección 1.mp4", "Li Wei", "es"),
    ]
    assert told[0]["quality"]["sharpness"] == 0.9
    line.forget()
    again = studio.batch([*cells[:2], Cell(take, spanish)], name="Course")
    assert (again.new, [job.id for job in again.jobs[:2]]) == (0, [job.id for job in jobs])
    assert studio.download(again.jobs[:2], tmp_path / "out", names=names) == paths
    assert (tmp_path / "out" / "manifest.json").read_text() == manifest
    assert (line.count("POST", "/jobs/"), line.count("POST", "/batches/"), line.count("GET", "/download/")) == (0, 0, 0)
    assert RenderJob.objects.count() == 2


def test_a_render_that_failed_is_told_and_run_again_only_when_asked(
    studio: Studio, take: Medium, lesson: Medium, engine: Callable[[str], None]
) -> None:
    job = studio.render(take, lesson)
    engine("refuse")
    rendering.run_next()
    failed = studio.wait([studio.render(take, lesson)])
    assert failed[0].id == job.id
    with pytest.raises(RendersFailed, match="face") as told:
        require_videos([*failed, *failed])  # two lines of a list may name the same
    assert (told.value.exit_code, told.value.message[:21]) == (5, "A render has no video")
    again = studio.batch([Cell(take, lesson)], retry=True)
    assert (again.new, again.jobs[0].status) == (1, "queued")
    assert RenderJob.objects.get(pk=again.jobs[0].id).retry_of_id == RenderJob.objects.get(pk=job.id).pk


@pytest.mark.usefixtures("works_meanwhile")
def test_a_video_that_was_deleted_is_rendered_anew(studio: Studio, owner: User, take: Medium, lesson: Medium) -> None:
    first = studio.wait([studio.render(take, lesson)])[0]
    bin.put(RenderOutput.objects.get(), by=owner)
    second = studio.wait([studio.render(take, lesson)])[0]
    assert (second.id != first.id, second.video is not None) == (True, True)
    assert studio.render(take, lesson).id == second.id


def test_what_stands_as_it_stood_is_not_sent_again(
    studio: Studio, take: Medium, lesson: Medium, line: Line, engine: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "ESTIMATES_STAND_SECONDS", 10**10)  # no estimate grows old in the middle of the test
    job, rests = studio.render(take, lesson), []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 4:
            engine("succeed")
            rendering.run_next()

    studio.connection.rest = rest
    assert studio.wait([job])[0].status == "succeeded"
    tags = [request.headers.get("If-None-Match") for request in line.requests if request.url.path.endswith(f"/jobs/{job.id}/")]
    assert (len(tags), tags[0], len(set(tags[1:]))) == (4, None, 1)


def test_waiting_ends_when_time_is_up(studio: Studio, take: Medium, lesson: Medium) -> None:
    with pytest.raises(StillRunning) as told:
        studio.wait([studio.render(take, lesson)], timeout=0.1)
    assert told.value.exit_code == 6


# --- downloads ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def finished(studio: Studio, works_meanwhile: None, take: Medium, lesson: Medium) -> str:
    """A render with a video; its id."""
    return studio.wait([studio.render(take, lesson)])[0].id


def test_a_download_goes_on_where_it_broke(
    studio: Studio, finished: str, clip_file: Path, tmp_path: Path, line: Line, pauses: list[float]
) -> None:
    video, half = clip_file.read_bytes(), clip_file.stat().st_size // 2

    class Broken(httpx.SyncByteStream):
        def __iter__(self):
            yield video[:half]
            raise httpx.ReadError("reset")

    def breaks(_request: httpx.Request, _ask: Callable[[], httpx.Response]) -> httpx.Response:
        return httpx.Response(200, stream=Broken())

    line.faults = [("GET", "/download/", breaks)]
    path = studio.download([studio.job(finished)], tmp_path / "out")[0]
    assert path.read_bytes() == video
    asked = [request.headers.get("Range") for request in line.requests if "/download/" in request.url.path]
    assert asked == [None, f"bytes={half}-"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["Li Wei_take_voice_de.mp4", "manifest.json"]


def test_bytes_that_were_damaged_on_the_way_are_fetched_again(
    studio: Studio, finished: str, clip_file: Path, tmp_path: Path, line: Line
) -> None:
    wrong = bytes(clip_file.stat().st_size)
    line.faults = [("GET", "/download/", lambda _request, _ask: httpx.Response(200, content=wrong))]
    path = studio.download([studio.job(finished)], tmp_path)[0]
    assert path.read_bytes() == clip_file.read_bytes()
    assert line.count("GET", "/download/") == 2


def test_no_title_leads_out_of_the_folder_and_no_file_of_others_is_touched(
    studio: Studio, finished: str, tmp_path: Path
) -> None:
    SpeakerClip.objects.update(title="../../etc/passwd")
    AudioTrack.objects.update(title="a:b\x00", language="")
    out = tmp_path / "out"
    out.mkdir()
    (out / "Li Wei_-..-etc-passwd_a-b-.mp4").write_text("mine")
    path = studio.download([studio.job(finished)], out)[0]
    assert path.name == "Li Wei_-..-etc-passwd_a-b- (2).mp4"
    assert (out / "Li Wei_-..-etc-passwd_a-b-.mp4").read_text() == "mine"
    assert studio.download([studio.job(finished)], out) == [path]
    assert len(list(out.iterdir())) == 3


# --- the person ---------------------------------------------------------------------------------------------------------
def test_what_a_person_has_chosen_is_read_and_changed_though_an_answer_is_lost(studio: Studio, line: Line) -> None:
    before = studio.account()
    assert (before.name, before.language, before.mails) == ("olga", "", ())
    line.faults = [("PATCH", "/account/", answer_is_lost)]
    now = studio.change_account(language="zh-hans", mails=["failures"])
    assert now == dataclasses.replace(before, language="zh-hans", mails=("failures",)) == studio.account()
    with pytest.raises(Refused) as refused:
        studio.change_account(time_zone="Mars/Base")
    assert (refused.value.code, refused.value.field) == ("unknown_time_zone", "time_zone")


# --- the line -----------------------------------------------------------------------------------------------------------
def test_it_waits_as_long_as_the_studio_asks(studio: Studio, line: Line, pauses: list[float]) -> None:
    line.faults = [("GET", "/usage/", turned_away(429, **{"Retry-After": "7"})), ("GET", "/usage/", turned_away(503))]
    assert studio.quota().bytes.limit is None
    assert pauses[0] == 7.0
    assert 0 < pauses[1] < 7


def test_it_gives_up_when_its_patience_ends(line: Line, token: str) -> None:
    line.faults = [("GET", "/usage/", never_arrives)] * 2
    with Studio("http://localhost", token, transport=line, patience=0.1) as studio, pytest.raises(OutOfReach) as told:
        studio.quota()
    assert (told.value.exit_code, told.value.code) == (3, "out_of_reach")


def test_what_may_have_been_done_is_not_asked_for_again(studio: Studio, line: Line) -> None:
    line.faults = [("POST", "/projects/", answer_is_lost)]
    with pytest.raises(OutOfReach):
        studio.project("Course", make=True)
    line.faults = []
    assert studio.project("Course", make=True).name == "Course"
    assert line.count("POST", "/projects/") == 1


def test_every_page_of_a_list_is_read(studio: Studio, owner: User, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    from heygem_client import connection
    from projects import library

    monkeypatch.setattr(connection, "ROWS_A_PAGE", 2)
    for number in range(4):
        library.add_project(owner=owner, name=f"Course {number}")
    assert len({project.id for project in studio.projects()}) == 5
    assert line.count("GET", "/projects/") == 3
    with pytest.raises(Refused, match="Course 3") as told:
        studio.project()
    assert told.value.code == "which_project"
    with pytest.raises(Refused, match="no project 'Corse'"):
        studio.project("Corse")


def test_the_token_goes_to_no_other_place(token: str) -> None:
    asked: list[httpx.URL] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        following = "https://elsewhere.example/api/v1/projects/?page=2" if len(asked) == 1 else None
        return httpx.Response(200, json={"results": [], "next": following})

    with Studio("http://studio.example/", token, transport=httpx.MockTransport(server)) as studio:
        assert studio.projects() == []
    assert [url.host for url in asked] == ["studio.example", "studio.example"]
    assert asked[1].query == b"page=2"


def test_a_token_that_is_not_known_and_a_role_that_is_too_low(
    studio: Studio, line: Line, owner: User, stranger: User, take: Medium, clip_file: Path
) -> None:
    with Studio("http://localhost", "hgs_unknown", transport=line) as nobody, pytest.raises(NotAllowed, match="heygem login"):
        nobody.quota()
    viewer = making.member(accounts.first_project(owner), "vera", "viewer")
    with Studio("http://localhost", accounts.create_token(user=viewer)[0], transport=line) as other:
        home = next(project for project in other.projects() if project.role == "viewer")
        with pytest.raises(NotAllowed) as told:
            other.upload(clip_file, project=home, lecturer="Ada")
        assert (told.value.exit_code, told.value.code) == (4, "not_allowed")
    with Studio("http://localhost", accounts.create_token(user=stranger)[0], transport=line) as other:
        with pytest.raises(Refused) as unknown:
            other.medium("clip", take.id)
        assert unknown.value.status == 404
