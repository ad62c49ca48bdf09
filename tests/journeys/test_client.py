"""The command `heygem` and the examples against a real installation, whose engine is scripted: the picture is not the point."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_client import Studio
from tests import making
from tests.installations import Installation, served
from tests.journeys.weak_line import WeakLine
from tests.soak.cutting import Source
from tests.soak.installation import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough passphrase"
ACCOUNT = f"from projects import accounts; accounts.create_user(username='olga', password='{PASSWORD}')"
LONGEST_SECONDS = 120
LARGE_BYTES, HELD_BYTES = 12 * 2**20, 6 * 2**20


class Terminal:
    """Somebody's terminal: a folder of settings, and an installation that they use."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.url = f"http://localhost:{installation.port}"
        paths = os.pathsep.join((str(ROOT / "client"), os.environ.get("PYTHONPATH", "")))
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": paths}

    def start(self, *words: str, url: str = "") -> subprocess.Popen[str]:
        """Begin a command."""
        command = [sys.executable, "-m", "heygem_client", *words]
        environment = self.environment | ({"HEYGEM_URL": url, "HEYGEM_TOKEN": self.token} if url else {})
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *command: str, piped: str = "") -> list[str]:
        """Run a command to its end, which must be a good one. Returns the lines that it printed."""
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=piped, capture_output=True, text=True, timeout=LONGEST_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def heygem(self, *words: str, piped: str = "") -> list[str]:
        return self.run(sys.executable, "-m", "heygem_client", *words, piped=piped)

    @property
    def token(self) -> str:
        file = Path(self.environment["XDG_CONFIG_HOME"], "heygem", "signed-in.json")
        return str(json.loads(file.read_text())["token"])

    def studio(self) -> Studio:
        return Studio(self.url, self.token)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Iterator[Terminal]:
    installation = Installation(tmp_path_factory.mktemp("data"), tables)
    installation.environment |= {"DJANGO_SETTINGS_MODULE": "tests.soak.settings", "SOAK_ENGINE": "--seconds 0.1"}
    with served(installation):
        installation.manage("shell", "-c", ACCOUNT)
        it = Terminal(installation, tmp_path_factory.mktemp("settings"))
        it.heygem("login", it.url, "--user", "olga", piped=f"{PASSWORD}\n")
        yield it


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, clip_file: Path) -> Path:
    """Two takes, each with a voice in three languages."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "takes").mkdir()
    shutil.copy(clip_file, folder / "takes" / "welcome.mp4")
    making.media("-i", str(clip_file), "-vf", "hflip", str(folder / "takes" / "lesson.mp4"))
    for number, language in enumerate(("de", "es", "fr")):
        (folder / "voices" / language).mkdir(parents=True)
        for tone, name in ((200, "welcome"), (300, "lesson")):
            sound = f"sine=frequency={tone + number * 10}:duration=0.5"
            making.media("-f", "lavfi", "-i", sound, str(folder / "voices" / language / f"{name}.wav"))
    return folder


def test_a_matrix_of_six_is_rendered_once(terminal: Terminal, course: Path) -> None:
    lines = ["clip,voice,language", "takes/welcome.mp4,voices/de/welcome.wav,de", "takes/lesson.mp4,voices/es/lesson.wav,es"]
    (course / "course.csv").write_text("\n".join([*lines, ",voices/fr/welcome.wav,fr"]))
    out = course / "out"
    command = (
        "batch",
        str(course / "course.csv"),
        "--matrix",
        "--lecturer",
        "Ada",
        "--consent",
        "--wait",
        "--download",
        str(out),
    )
    paths = terminal.heygem(*command)
    assert len(set(paths)) == 6
    assert sorted(file.name for file in out.iterdir()) == sorted([*(Path(path).name for path in paths), "manifest.json"])
    told = {entry["file"]: entry for entry in json.loads((out / "manifest.json").read_text())["files"]}
    assert {(entry["clip"], entry["language"]) for entry in told.values()} == {
        (clip, language) for clip in ("welcome", "lesson") for language in ("de", "es", "fr")
    }
    before = {file.name: file.stat().st_mtime_ns for file in out.glob("*.mp4")}
    with terminal.studio() as studio:
        jobs = [row["id"] for row in studio.connection.rows("jobs/")]
        assert terminal.heygem(*command) == paths
        assert {file.name: file.stat().st_mtime_ns for file in out.glob("*.mp4")} == before
        assert [row["id"] for row in studio.connection.rows("jobs/")] == jobs
        assert len(list(studio.connection.rows("batches/"))) == 1
        assert len(list(studio.connection.rows("uploads/"))) == 5


def test_an_upload_that_was_killed_goes_on_where_it_was(terminal: Terminal, clip_file: Path, tmp_path: Path) -> None:
    source = Source(clip_file.read_bytes(), LARGE_BYTES, seed=1)
    (tmp_path / "large.mp4").write_bytes(source.read(0, LARGE_BYTES))
    command = ("upload", str(tmp_path / "large.mp4"), "--lecturer", "Ada")
    with terminal.studio() as studio, WeakLine(int(terminal.url.rpartition(":")[2])) as line:

        def arriving() -> dict[str, int]:
            rows = studio.connection.rows("uploads/")
            return {row["id"]: row["offset"] for row in rows if row["name"] == "large.mp4"}

        line.let_pass(HELD_BYTES)
        sender = terminal.start(*command, url=line.address)
        assert eventually(lambda: sum(arriving().values()) > 0, LONGEST_SECONDS)
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        line.cut()
        there = arriving()
        terminal.heygem(*command)
        assert arriving() == dict.fromkeys(there, LARGE_BYTES)
        sent = LARGE_BYTES - sum(there.values())
        assert 0 < sent < LARGE_BYTES


def test_the_examples_do_what_they_say(terminal: Terminal, course: Path, tmp_path: Path) -> None:
    take, voice = course / "takes" / "welcome.mp4", course / "voices" / "es" / "welcome.wav"
    made = terminal.run(sys.executable, "examples/one_video.py", str(take), str(voice), str(tmp_path))
    assert [Path(path).name for path in made] == ["Ada_welcome_welcome_es.mp4"]
    course_of = ("examples/three_languages.py", "Statistics", str(course), str(tmp_path / "results"))
    paths = terminal.run(sys.executable, *course_of)
    names = [f"{name}_{language}.mp4" for language in ("de", "es", "fr") for name in ("lesson", "welcome")]
    assert [Path(path).name for path in paths] == names
    assert terminal.run(sys.executable, *course_of) == paths
    if shutil.which("jq") and shutil.which("curl"):
        terminal.environment |= {"HEYGEM_URL": terminal.url, "HEYGEM_TOKEN": terminal.token}
        result = tmp_path / "result.mp4"
        for _time in range(2):
            assert terminal.run("examples/one_video.sh", str(take), str(voice), str(result)) == [str(result)]
        assert result.stat().st_size > 1000
    with terminal.studio() as studio:
        assert len(list(studio.connection.rows("jobs/", project=studio.project("Statistics").id))) == 6
