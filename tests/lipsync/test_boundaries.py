"""Who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_engine_knows_nothing_of_the_platform():
    files = list((ROOT / "lipsync").rglob("*.py"))
    assert files
    for path in files:
        foreign = {
            name for name in imported_by(path) if name.split(".")[0] in ("django", "projects", "heygem_site", "rest_framework")
        }
        assert not foreign, path


def test_the_platform_takes_only_light_parts_of_the_engine():
    allowed = ("lipsync.errors", "lipsync.keeping", "lipsync.media", "lipsync.synthetic.take", "lipsync.weights")
    for path in (ROOT / "projects").rglob("*.py"):
        taken = {name for name in imported_by(path) if name.split(".")[0] == "lipsync"}
        assert all(name.startswith(allowed) for name in taken), path


def test_the_client_knows_only_the_api():
    files = list((ROOT / "client").rglob("*.py"))
    assert files
    for path in files:
        taken = {name.split(".")[0] for name in imported_by(path)}
        assert taken <= {"heygem_client", "httpx", "rich", *sys.stdlib_module_names}, path


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_what_the_platform_takes_does_not_load_the_engine():
    loaded = modules_after("import lipsync.errors, lipsync.keeping, lipsync.media, lipsync.weights.command")
    assert not loaded & {"mediapipe", "cv2", "torch", "scipy", "librosa"}


def test_the_default_engine_loads_nothing_heavy_for_little():
    loaded = modules_after("import lipsync.engines, lipsync.sound.mouth, mediapipe")
    assert not loaded & {"torch", "librosa", "numba", "scipy.signal", "scipy.stats"}
    assert "mediapipe" in loaded
