"""The engine's digest names all that what is kept depends on."""

from __future__ import annotations

import os
from importlib import metadata

import pytest

from lipsync import version
from lipsync.version import engine_digest, releases


def test_it_stays_the_same_while_nothing_changes():
    assert engine_digest.__wrapped__() == engine_digest()
    assert not any("unknown" in release for release in releases())


@pytest.mark.parametrize("package", ["mediapipe", "numpy", "opencv-contrib-python", "scipy"])
def test_another_release_of_a_package_is_another_engine(monkeypatch, package):
    installed = metadata.version
    monkeypatch.setattr(version.metadata, "version", lambda name: "99.0" if name == package else installed(name))
    assert engine_digest.__wrapped__() != engine_digest()


def test_another_ffmpeg_is_another_engine_and_none_is_no_fault(tmp_path, monkeypatch):
    known = engine_digest()
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\necho ffmpeg version 99\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert engine_digest.__wrapped__() != known
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert engine_digest.__wrapped__() != known
