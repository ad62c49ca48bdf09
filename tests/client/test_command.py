"""The command `heygem`: what it prints, what it keeps, and its exit codes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User

from heygem_client import connection
from heygem_client.command import main
from projects import accounts, rendering
from projects.models import RenderJob, Speaker
from tests.client.conftest import Line

PASSWORD = "correct horse battery"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    for name in ("HEYGEM_URL", "HEYGEM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "settings"


@pytest.fixture
def run(
    settings_folder: Path, line: Line, owner: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run it over the line, with what is piped in. Returns exit code, output and words."""
    client = httpx.Client
    monkeypatch.setattr(connection.httpx, "Client", lambda **given: client(**{**given, "transport": line}))

    def heygem(*words: str, piped: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(piped))
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return heygem


@pytest.fixture
def signed_in(run: Run, owner: User, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HEYGEM_URL", "http://localhost")
    monkeypatch.setenv("HEYGEM_TOKEN", accounts.create_token(user=owner)[0])
    return run


def test_the_token_is_kept_where_only_its_person_reads_and_is_never_shown(run: Run, owner: User, settings_folder: Path) -> None:
    code, out, words = run("login", "http://localhost", "--user", "olga", piped=f"{PASSWORD}\n")
    assert (code, out) == (0, "")
    file = settings_folder / "heygem" / "signed-in.json"
    token = json.loads(file.read_text())["token"]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert token.startswith("hgs_")
    assert accounts.tokens_of(owner).get().name.startswith("heygem on ")
    assert token not in words
    assert PASSWORD not in words
    code, out, _words = run("projects", "--json")
    assert (code, [project["role"] for project in json.loads(out)]) == (0, ["owner"])
    assert run("logout")[0] == 0
    assert not file.exists()
    code, _out, words = run("projects")
    assert code == 4
    assert "heygem login" in words
    assert run("login", "http://localhost", "--token", piped=f"{token}\n")[0] == 0
    assert json.loads(file.read_text())["token"] == token


def test_wrong_passwords_and_tokens_are_not_kept(run: Run, settings_folder: Path) -> None:
    assert run("login", "http://localhost", "--user", "olga", piped="wrong\n")[0] == 4
    assert run("login", "http://localhost", "--token", piped="hgs_wrong\n")[0] == 4
    assert run("login", "http://localhost", "--user", "olga")[0] == 4
    assert run("login", "ftp://localhost", "--user", "olga", piped="x\n")[0] == 2
    assert not settings_folder.exists()


def test_an_open_line_and_a_wrong_address_are_told(run: Run) -> None:
    code, _out, words = run("login", "http://studio.example", "--user", "olga", piped="x\n")
    assert code == 2
    assert "Better use https" in words
    assert "Check its address" in words  # the studio is not known under that name


def test_a_list_is_rendered_and_told_line_by_line(
    signed_in: Run, engine: Callable[[str], None], clip_file: Path, voice_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "course.csv").write_text(f"clip,voice,language,name\n{clip_file},{voice_file},de,Lesson 1\n")
    command = ("batch", str(tmp_path / "course.csv"), "--lecturer", "Li Wei", "--consent")
    code, out, words = signed_in(*command)
    job = RenderJob.objects.get()
    assert (code, out) == (0, f"{job.pk}\tqueued\n")
    assert "1 videos, 1 of them new" in words
    assert signed_in("wait", str(job.pk), "--timeout", "0.1")[0] == 6
    assert Speaker.objects.get().has_consent()
    engine("succeed")
    rendering.run_next()
    folder = tmp_path / "out"
    code, out, _words = signed_in(*command, "--wait", "--download", str(folder))
    assert (code, out) == (0, f"{folder / 'Lesson 1.mp4'}\n")
    code, out, _words = signed_in("download", "--batch", str(job.batch_id), "-o", str(folder))
    assert (code, out) == (0, f"{folder / 'Lesson 1.mp4'}\n")
    assert json.loads(signed_in("quota", "--json")[1])["video_seconds"]["used"] == 1.5


def test_a_failed_render_has_an_exit_code_of_its_own(
    signed_in: Run, engine: Callable[[str], None], clip_file: Path, voice_file: Path
) -> None:
    command = ("render", str(clip_file), str(voice_file), "--lecturer", "Li Wei", "--consent")
    code, out, _words = signed_in(*command)
    assert (code, out.split()[1]) == (0, "queued")
    engine("refuse")
    rendering.run_next()
    code, out, words = signed_in(*command, "--wait")
    assert (code, out.split()[1]) == (5, "failed")
    assert "[renders_failed]" in words
    assert signed_in("render", "missing.mp4", str(voice_file))[0] == 2
    code, _out, words = signed_in(*command, "--draft", "0.1")
    assert (code, words) == (2, "excerpt: Ensure this value is greater than or equal to 0.5. [invalid]\n")


def test_it_is_interrupted_without_a_traceback(signed_in: Run, line: Line) -> None:
    def interrupt(*_given: object) -> httpx.Response:
        raise KeyboardInterrupt

    line.faults = [("GET", "/usage/", interrupt)]
    code, _out, words = signed_in("quota")
    assert code == 130
    assert "Nothing is lost" in words
