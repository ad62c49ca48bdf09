"""Weights come whole or not at all, from a file or from their source, and only those that are allowed."""

from __future__ import annotations

import hashlib
import http.server
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lipsync import weights as weights_module
from lipsync.errors import EnvironmentFault, LipsyncError, UnusableInput
from lipsync.weights import chosen, is_installed, registry, usable, verified, weights_named
from lipsync.weights.installing import install, install_own, remove

CONTENT = bytes(range(256)) * 12_000


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LIPSYNC_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("LIPSYNC_FORBIDDEN_LICENCES", raising=False)
    return tmp_path / "weights"


@pytest.fixture
def published(folder, monkeypatch):
    """The registry's entry of Wav2Lip, for a smaller file."""
    entry = replace(weights_named("wav2lip"), size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    known = weights_module._published() | {"wav2lip": entry}
    monkeypatch.setattr(weights_module, "_published", lambda: known)
    return entry


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "given.pth"
    path.write_bytes(CONTENT)
    return path


def refused(call) -> str:
    with pytest.raises(LipsyncError) as caught:
        call()
    return caught.value.code


def test_a_good_file_is_installed_and_its_source_stays(published, folder, file):
    told: list[tuple[int, int | None]] = []
    place = install(published, file, progress=lambda done, total: told.append((done, total)))
    assert place == folder / "wav2lip.pth" and place.read_bytes() == file.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) == 3
    assert chosen("wav2lip") == published and verified(published) == place


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", b""])
def test_a_truncated_or_wrong_file_is_refused_and_nothing_is_left(published, folder, file, content):
    file.write_bytes(content)
    assert refused(lambda: install(published, file)) == "wrong_weights"
    assert list(folder.iterdir()) == []


def test_a_wrong_file_leaves_the_right_one_that_is_there(published, folder, file):
    place = install(published, file)
    file.write_bytes(b"other")
    assert refused(lambda: install(published, file)) == "wrong_weights"
    assert place.read_bytes() == CONTENT


def test_missing_weights_are_told_with_how_to_get_them(published, file):
    with pytest.raises(EnvironmentFault) as caught:
        chosen("wav2lip")
    assert caught.value.code == "weights_missing"
    assert "manage.py weights install wav2lip --file FILE" in caught.value.message and published.page in caught.value.message
    assert refused(lambda: install(published)) == "no_address"
    assert refused(lambda: install(published, file.with_name("none"))) == "unreadable"
    assert refused(lambda: weights_named("wav3lip")) == "unknown_weights"
    assert refused(lambda: chosen("wav2lip", "gfpgan")) == "unknown_weights"


def test_a_file_that_changed_since_is_noticed(published, file):
    place = install(published, file)
    place.write_bytes(CONTENT[::-1])
    assert is_installed(published)
    assert refused(lambda: verified(published)) == "weights_damaged"


def test_removed_is_removed(published, folder, file):
    install(published, file)
    assert remove(published) and not remove(published)
    assert list(folder.iterdir()) == []
    assert refused(lambda: remove(weights_named("any_mouth"))) == "shipped_weights"


@pytest.mark.parametrize("word", ["non-commercial", "research and personal", "mit, non-commercial"])
def test_an_administrator_can_forbid_a_licence(published, file, monkeypatch, word):
    install(published, file)
    monkeypatch.setenv("LIPSYNC_FORBIDDEN_LICENCES", word)
    assert usable("wav2lip") == []
    assert refused(lambda: chosen("wav2lip")) == refused(lambda: install(published, file)) == "licence_forbidden"
    assert not weights_named("gfpgan").forbidden


def test_own_weights_for_a_known_network(published, folder, file):
    own = install_own("dubbed", file, "wav2lip", "our own", commercial_use=True)
    assert registry()["dubbed"] == own and own.sha256 == published.sha256
    assert [one.name for one in usable("wav2lip")] == ["dubbed"] and chosen("wav2lip", "dubbed") == own
    assert refused(lambda: install_own("dubbed", file, "wav2lip", "our own", commercial_use=True)) == "name_taken"
    assert refused(lambda: install_own("../etc", file, "wav2lip", "our own", commercial_use=True)) == "name_taken"
    assert refused(lambda: install_own("more", file, "sora", "our own", commercial_use=True)) == "unknown_architecture"
    assert remove(own) and "dubbed" not in registry()


@pytest.mark.parametrize(
    ("like", "cut", "why"),
    [
        ("wav2lip", 1_000_000, "No weights can be read"),
        ("gfpgan", None, "are not for Gfpgan"),
        ("sora", None, "no network of this"),
    ],
)
def test_own_weights_that_cannot_be_loaded_are_refused_and_leave_nothing(folder, tmp_path, like, cut, why):
    pytest.importorskip("torch", reason="torch is not installed")
    from tests.lipsync.networks import wav2lip_checkpoint

    file = wav2lip_checkpoint(tmp_path / "ours.pth")
    if cut:
        file.write_bytes(file.read_bytes()[:cut])
    words = ["weights", "install", "dubbed", "--file", str(file), "--like", like, "--licence", "our own"]
    done = subprocess.run([sys.executable, "-m", "lipsync", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and why in done.stderr, done.stderr
    assert "dubbed" not in registry() and not any(folder.glob("*.pth*"))


# --- from the source -------------------------------------------------------------------------------------------------
class Source(http.server.BaseHTTPRequestHandler):
    """Gives the file, from the byte asked for; breaks off after so many bytes."""

    content = CONTENT
    breaks_after: int | None = None
    ranges = True

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "") if self.ranges else ""
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        type(self).asked.append(start)
        if start >= len(self.content):
            self.send_error(416)
            return
        rest = self.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.breaks_after])

    def log_message(self, *words) -> None:
        pass


@pytest.fixture
def source(published, monkeypatch):
    class Here(Source):
        asked: list[int] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Here, replace(published, address=f"http://127.0.0.1:{server.server_port}/wav2lip.pth")
        server.shutdown()


def test_what_broke_off_goes_on_where_it_ended(source, folder):
    handler, entry = source
    handler.breaks_after = 1_000_000
    assert refused(lambda: install(entry)) == "cannot_fetch"
    assert [path.name for path in folder.iterdir()] == ["wav2lip.pth.part"]
    handler.breaks_after = None
    assert install(entry).read_bytes() == CONTENT
    assert handler.asked == [0, 1_000_000] and [path.name for path in folder.iterdir()] == ["wav2lip.pth"]


def test_a_server_that_cannot_go_on_begins_anew(source):
    handler, entry = source
    handler.breaks_after = 1_000_000
    assert refused(lambda: install(entry)) == "cannot_fetch"
    handler.breaks_after, handler.ranges = None, False
    assert install(entry).read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_taken(source, folder):
    _, entry = source
    folder.mkdir()
    (folder / "wav2lip.pth.part").write_bytes(CONTENT)
    assert install(entry).read_bytes() == CONTENT


def test_another_content_at_the_source_is_refused_and_nothing_is_left(source, folder):
    handler, entry = source
    handler.content = CONTENT[::-1]
    assert refused(lambda: install(entry)) == "wrong_weights"
    assert list(folder.iterdir()) == []


def test_a_source_that_does_not_answer_is_told(source):
    _, entry = source
    gone = replace(entry, address="http://127.0.0.1:1/wav2lip.pth")
    with pytest.raises(EnvironmentFault) as caught:
        install(gone)
    assert caught.value.code == "cannot_fetch" and "--file" in caught.value.message
    assert not isinstance(caught.value, UnusableInput)
