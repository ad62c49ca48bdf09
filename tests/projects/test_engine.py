"""One engine process answers many requests, and is exchanged when it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest_django import Settings

from projects import engine as engine_module
from projects.engine import Engine

Script = Callable[[str], None]
PATIENCE_SECONDS = 20.0


def ask(folder: Path, **request: Any) -> tuple[int, dict[str, Any], str]:
    """The process that answers a request, its last event, and what it wrote besides."""
    folder.mkdir(exist_ok=True)
    request = {"verb": "render", "clip": "a", "output": str(folder / "out.mp4"), **request}
    with Engine(request=request, scratch=folder) as engine:
        while True:
            event = engine.next_event(PATIENCE_SECONDS)
            assert event is not None
            if event["event"] in ("done", "error", "ended"):
                return engine.process.pid, event, engine.log_tail()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_one_process_answers_one_request_after_another(engine: Script, tmp_path: Path) -> None:
    engine("succeed")
    answers = [ask(tmp_path / str(number)) for number in range(3)]
    assert len({pid for pid, _, _ in answers}) == 1
    assert [last["event"] for _, last, _ in answers] == ["done"] * 3
    assert all((tmp_path / str(number) / "out.mp4").exists() for number in range(3))
    engine_module.end_kept()
    assert is_gone(answers[0][0])


def test_a_refusal_of_the_users_file_leaves_it_warm_a_fault_of_its_own_does_not(engine: Script, tmp_path: Path) -> None:
    engine("refuse")
    assert ask(tmp_path)[0] == ask(tmp_path)[0]
    engine("break")
    first, second = ask(tmp_path)[0], ask(tmp_path)[0]
    assert first != second
    assert is_gone(first)


def test_it_is_exchanged_after_so_many_requests(engine: Script, settings: Settings, tmp_path: Path) -> None:
    engine("succeed")
    settings.ENGINE_REQUESTS = 2
    pids = [ask(tmp_path)[0] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_it_is_exchanged_when_it_has_grown_too_large(engine: Script, settings: Settings, tmp_path: Path) -> None:
    engine("succeed")
    settings.ENGINE_MEMORY_BYTES = 2**20
    assert ask(tmp_path)[0] != ask(tmp_path)[0]


def test_it_is_exchanged_with_the_command(engine: Script, tmp_path: Path) -> None:
    engine("succeed")
    first = ask(tmp_path)[0]
    engine("refuse")
    pid, last, _ = ask(tmp_path)
    assert (pid != first, last["code"]) == (True, "no_face")
    assert is_gone(first)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_died_or_froze_while_it_waited_is_not_asked(
    engine: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(engine_module, "PING_SECONDS", 0.5)
    engine("succeed")
    first = ask(tmp_path)[0]
    os.kill(first, number)
    pid, last, _ = ask(tmp_path)
    assert (pid != first, last["event"]) == (True, "done")
    assert is_gone(first)


def test_a_request_that_is_left_takes_the_process_with_it(engine: Script, tmp_path: Path) -> None:
    engine("stall")
    with Engine(request={"verb": "render", "clip": "a"}, scratch=tmp_path) as left:
        event = left.next_event(PATIENCE_SECONDS)
        pid = left.process.pid
    assert event is not None
    assert is_gone(pid)
    engine("succeed")
    assert ask(tmp_path)[0] != pid


def test_the_words_of_a_request_are_its_own(engine: Script, tmp_path: Path) -> None:
    engine("mutter")
    tails = [ask(tmp_path, clip=clip)[2] for clip in ("one", "two")]
    assert tails == ["words about one", "words about two"]


def test_it_cannot_eat_the_machines_memory(engine: Script, settings: Settings, tmp_path: Path) -> None:
    engine("eat")
    settings.ENGINE_MEMORY_LIMIT_BYTES = 300 * 2**20
    first, last, _ = ask(tmp_path)
    assert (last["family"], last["code"]) == ("environment", "out_of_memory")
    assert is_gone(first), "it was trusted after it had run out of memory"


def test_it_dies_with_its_worker(clip_file: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'heygem_site.settings'\n"
        "from django.conf import settings\n"
        "settings.ENGINE_COMMAND = sys.argv[1:5]\n"
        "import django\n"
        "django.setup()\n"
        "from pathlib import Path\n"
        "from projects.engine import Engine\n"
        "folder = Path(sys.argv[5])\n"
        "with Engine(request={'verb': 'render', 'clip': '', 'output': str(folder / 'out.mp4')}, scratch=folder) as engine:\n"
        "    while engine.next_event(20)['event'] != 'done': pass\n"
        "    print(engine.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    script = Path(__file__).with_name("scripted_engine.py")
    command = [sys.executable, "-c", code, sys.executable, str(script), "succeed", str(clip_file), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert psutil.pid_exists(pid)
        worker.kill()
    assert is_gone(pid)


def test_the_real_engine_works_within_much_less_than_its_limit(
    settings: Settings, talking_take: tuple[Path, Path], tmp_path: Path
) -> None:
    settings.ENGINE_MEMORY_LIMIT_BYTES = 512 * 2**20
    clip, voice = tmp_path / "clip.mp4", talking_take[1]
    cut = ["ffmpeg", "-v", "error", "-i", str(talking_take[0]), "-t", "1.5", "-c:v", "libx264", "-c:a", "aac", str(clip)]
    subprocess.run(cut, check=True, stdin=subprocess.DEVNULL)
    _, last, words = ask(tmp_path, clip=str(clip), voice=str(voice), options={"longer": "cut", "workers": 1})
    assert last["event"] == "done", words
    assert (tmp_path / "out.mp4").exists()
