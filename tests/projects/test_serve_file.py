"""Files going out: to their owner, in whole or in part, and to nobody else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from django.test import Client

from projects.models import AudioTrack, RenderOutput, SpeakerClip

SOURCE = random.Random(7)


def body(answer: object) -> bytes:
    """The bytes of an answer, streamed or not."""
    return b"".join(answer.streaming_content) if getattr(answer, "streaming", False) else answer.content  # type: ignore[attr-defined]


def test_the_owner_gets_the_whole_file(owner_client: Client, clip: SpeakerClip, clip_file: Path) -> None:
    answer = owner_client.get(clip.file_url)
    assert answer.status_code == 200
    assert body(answer) == clip_file.read_bytes()
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Accept-Ranges"] == "bytes"
    assert int(answer["Content-Length"]) == clip_file.stat().st_size


def test_every_kind_of_file_is_served(owner_client: Client, clip: SpeakerClip, track: AudioTrack, output: RenderOutput) -> None:
    types = [owner_client.get(url)["Content-Type"] for url in (clip.still_url, track.file_url, output.file_url)]
    assert types == ["image/jpeg", "audio/wav", "video/mp4"]


def test_an_answer_can_do_no_harm_in_a_browser(owner_client: Client, clip: SpeakerClip) -> None:
    answer = owner_client.get(clip.file_url)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"].startswith("private")


def test_a_download_is_named_for_its_title(owner_client: Client, clip: SpeakerClip) -> None:
    SpeakerClip.objects.update(title='Vorlesung 1/2 "Ende" 微积分')
    played = owner_client.get(clip.file_url)["Content-Disposition"]
    saved = owner_client.get(f"{clip.file_url}?download=1")["Content-Disposition"]
    assert played.startswith("inline; filename*=utf-8''Vorlesung%201-2%20%22Ende%22%20%E5%BE%AE")
    assert saved.startswith("attachment;")
    assert "\n" not in saved


def test_a_title_of_dots_and_slashes_is_still_a_plain_name(owner_client: Client, clip: SpeakerClip) -> None:
    for title in ("..", "/", "../../x", "a\r\nSet-Cookie: b"):
        SpeakerClip.objects.update(title=title)
        disposition = owner_client.get(clip.file_url)["Content-Disposition"]
        assert "/" not in disposition
        assert "\r" not in disposition


def test_any_range_gives_exactly_those_bytes(owner_client: Client, clip: SpeakerClip, clip_file: Path) -> None:
    whole = clip_file.read_bytes()
    size = len(whole)
    for _ in range(100):
        first, last = sorted((SOURCE.randrange(size), SOURCE.randrange(size * 2)))
        answer = owner_client.get(clip.file_url, headers={"Range": f"bytes={first}-{last}"})
        assert answer.status_code == 206
        assert body(answer) == whole[first : last + 1]
        assert answer["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
        assert int(answer["Content-Length"]) == min(last, size - 1) - first + 1


@pytest.mark.parametrize(("asked", "first", "last"), [("bytes=-10", -10, None), ("bytes=5-", 5, None), ("bytes=0-0", 0, 1)])
def test_open_ranges_are_understood(
    owner_client: Client, clip: SpeakerClip, clip_file: Path, asked: str, first: int, last: int | None
) -> None:
    answer = owner_client.get(clip.file_url, headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (206, clip_file.read_bytes()[first:last])


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_not_satisfiable(
    owner_client: Client, clip: SpeakerClip, clip_file: Path, asked: str
) -> None:
    answer = owner_client.get(clip.file_url, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{clip_file.stat().st_size}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2,7-9", "bytes=a-b", "pages=1-2", "bytes=-", "bytes=1-2,4-5", f"bytes={'9' * 5000}-"]
)
def test_other_ranges_get_the_whole_file(owner_client: Client, clip: SpeakerClip, asked: str) -> None:
    assert owner_client.get(clip.file_url, headers={"Range": asked}).status_code == 200


def test_a_range_of_another_version_gets_the_whole_file(owner_client: Client, clip: SpeakerClip) -> None:
    url, tag = clip.file_url, owner_client.get(clip.file_url)["ETag"]
    assert owner_client.get(url, headers={"Range": "bytes=0-3", "If-Range": tag}).status_code == 206
    assert owner_client.get(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'}).status_code == 200


@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", '"of another time", {tag}'])
def test_an_unchanged_file_is_not_sent_again(owner_client: Client, clip: SpeakerClip, known: str) -> None:
    tag = owner_client.get(clip.file_url)["ETag"]
    answer = owner_client.get(clip.file_url, headers={"If-None-Match": known.format(tag=tag)})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_missing_file_is_not_found(owner_client: Client, clip: SpeakerClip) -> None:
    clip.path.unlink()
    assert owner_client.get(clip.file_url).status_code == 404
    assert owner_client.get(clip.file_url, headers={"Range": "bytes=0-3"}).status_code == 404


def test_files_are_only_read(owner_client: Client, clip: SpeakerClip) -> None:
    assert owner_client.post(clip.file_url).status_code == 405
    assert owner_client.delete(clip.file_url).status_code == 405


def test_nobody_is_sent_to_sign_in(client: Client, clip: SpeakerClip) -> None:
    answer = client.get(clip.file_url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")
