"""The log: lines that machines read, one file for all processes, and never a crash."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from heygem_site.log_file import JsonLines, SharedLogFile, ShortLines
from projects import logs
from projects.models import RenderJob

WRITERS, LINES = 3, 300
WRITE = """
import logging, sys
from heygem_site.log_file import JsonLines, SharedLogFile
handler = SharedLogFile(sys.argv[1], largest=8000, kept=50)
handler.setFormatter(JsonLines())
log = logging.getLogger("test")
log.addHandler(handler)
log.setLevel("INFO")
for number in range(int(sys.argv[3])):
    log.info("%s %s", sys.argv[2], number)
"""


def test_several_processes_share_a_rotated_file_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shared.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(path), str(number), str(LINES)], cwd=settings.BASE_DIR)
        for number in range(WRITERS)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * WRITERS
    lines = [json.loads(line) for part in tmp_path.glob("shared.log*") for line in part.read_text().splitlines()]
    assert {line["message"] for line in lines} == {f"{a} {b}" for a in range(WRITERS) for b in range(LINES)}
    assert len(lines) == WRITERS * LINES
    assert len(list(tmp_path.glob("shared.log.*"))) > 2


def test_a_traceback_and_the_jobs_number_are_in_the_line() -> None:
    try:
        raise ValueError("gone wrong")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    record.context = {"job": "7"}
    line = json.loads(JsonLines().format(record))
    assert (line["job"], line["level"], line["message"]) == ("7", "error", "failed")
    assert "ValueError: gone wrong" in line["traceback"]


@pytest.mark.parametrize("formatter", [JsonLines(), ShortLines()])
@pytest.mark.parametrize(
    "address",
    [
        reverse("pages:set_up", args=["hidden-1_x"]),
        reverse("pages:join", args=["hidden-1_x"]),
        reverse("pages:new_password", args=["MQ", "c8-hidden"]),
    ],
)
def test_no_line_has_a_link_that_would_let_its_reader_in(formatter: logging.Formatter, address: str) -> None:
    line = formatter.format(logging.LogRecord("x", logging.WARNING, __file__, 1, "Not Found: %s", (address,), None))
    assert f"Not Found: /{address.split('/')[1]}/" in line
    assert "hidden" not in line


def test_nor_does_the_file(client: Client, db: None, log_file: Path) -> None:
    client.get(reverse("pages:set_up", args=["hidden-1_x"]))
    assert "/setup/" in log_file.read_text()
    assert "hidden-1_x" not in log_file.read_text()


def test_a_job_keeps_a_bounded_number_of_lines(job: RenderJob, monkeypatch: object) -> None:
    for number in range(5):
        logs.record(job, "info", f"line {number}" + "x" * 10_000)
    monkeypatch.setattr(logs, "LINES_PER_JOB", 5)  # type: ignore[attr-defined]
    logs.record(job, "info", "one too many")
    texts = list(job.log_lines.values_list("text", flat=True))
    assert len(texts) == 5
    assert max(len(text) for text in texts) <= logs.TEXT_LENGTH


def test_an_unknown_level_counts_as_information(job: RenderJob) -> None:
    logs.record(job, "shout", "hello")
    assert job.log_lines.get().level == "info"


def test_a_folder_is_made_for_the_file(tmp_path: Path) -> None:
    assert SharedLogFile(tmp_path / "a" / "b.log").path.parent.is_dir()
