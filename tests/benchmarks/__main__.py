"""Print the tables and write them as JSON: `python -m tests.benchmarks [cost] [memory] [voice] [library] [networks]`."""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import cost, library, networks, voice

ROOT = Path(__file__).parents[2]
CLIPS = ROOT.parent / "shared" / "clips"
SPEECH = ROOT.parent / "shared" / "speech" / "zh_m4a.m4a"


def show(title: str, rows: list[dict[str, object]]) -> None:
    sys.stdout.write(f"\n{title}\n")
    if not rows:
        sys.stdout.write("  skipped: the real takes are not beside the project\n")
        return
    names = list(rows[0])
    for row in [{name: name for name in names}, *rows]:
        sys.stdout.write(" | ".join(str(row.get(name, "")) for name in names) + "\n")


def main(wanted: list[str]) -> None:
    wanted = wanted or ["cost", "memory", "voice"]
    result: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.python_version()}",
    }
    if "cost" in wanted:
        result["cost"] = cost.table(CLIPS, SPEECH) if SPEECH.exists() else []
        show("Cost: CPU, whole render against a plain transcode", result["cost"])  # type: ignore[arg-type]
    if "memory" in wanted:
        result["memory"] = cost.memory(CLIPS / "anchor_de_20s_512.mp4", SPEECH) if SPEECH.exists() else []
        show("Memory: the same take, a short and a long voice", result["memory"])  # type: ignore[arg-type]
    if "voice" in wanted:
        result["voice"] = voice.table(CLIPS)
        show("Voice: the mouth against footage never seen", result["voice"])  # type: ignore[arg-type]
    if "library" in wanted:
        result["library"] = library.table()
        show("Library: 10,000 clips and 50,000 videos", result["library"])  # type: ignore[arg-type]
    if "networks" in wanted:
        result["networks"] = networks.table()
        show("Networks: CPU, one thread, 32 bits", result["networks"])  # type: ignore[arg-type]
    folder = ROOT / "media" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    path.write_text(json.dumps(result, indent=2))
    sys.stdout.write(f"\nwritten to {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
