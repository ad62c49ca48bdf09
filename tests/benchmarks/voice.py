"""Does the mouth follow a voice it has never heard? A take is cut in two: the first part is the clip, the second part's
sound the new voice, and the second part's picture the truth that the engine does not see."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
JUDGE = ROOT.parent / "shared" / "tools" / "revoice.py"
TAKES = ("anchor_de_20s_512.mp4", "anchor_en_71s_512.mp4", "portrait_beard_20s_1080x1920.mp4")


def judged(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, str(JUDGE), *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


def table(clips: Path) -> list[dict[str, object]]:
    """The judge's figures for each take, beside those of the clip left as it is."""
    rows = []
    for name in TAKES:
        take = clips / name
        if not (take.exists() and JUDGE.exists()):
            continue
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder)
            judged("split", take, here)
            command = [sys.executable, "-m", "lipsync", "render", here / "clip.mp4", here / "voice.wav", "-o", here / "out.mp4"]
            subprocess.run([*map(str, command), "--quiet", "--json"], cwd=ROOT, check=True, capture_output=True)
            idle = json.loads(judged("score", here / "clip.mp4", here / "truth.mp4"))
            ours = json.loads(judged("score", here / "out.mp4", here / "truth.mp4"))
        rows.append({"take": name, "untouched_aperture_r": idle["aperture_r"], **ours})
    return rows
