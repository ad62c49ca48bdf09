"""CPU per frame of each stage and of a plain transcode of the same frames, and peak memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from lipsync.contracts import RenderOptions, SilentReporter
from lipsync.media import Encoding, probe_clip, probe_voice

ROOT = Path(__file__).parents[2]
TAKES = {
    "512 x 512": "anchor_de_20s_512.mp4",
    "1280 x 720": "turning_ja_20s_720p.mp4",
    "1080 x 1920": "portrait_beard_20s_1080x1920.mp4",
}
LENGTHS_SECONDS = (30, 300)


def cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


@dataclass
class StageCosts(SilentReporter):
    """CPU of this process per stage; ffmpeg's is counted when it has ended, over all stages."""

    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _since: float = 0.0

    def stage(self, name: str) -> None:
        now = cpu_seconds(resource.RUSAGE_SELF)
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = name, now


def measure_render(clip: Path, voice: Path, cache: Path) -> dict[str, object]:
    """One render in this process; what is known of the clip is taken from and left in `cache`."""
    import mediapipe  # noqa: F401 - what the engine process loads once in its life is counted apart

    from lipsync.resynth import render

    loading = cpu_seconds(resource.RUSAGE_SELF)
    costs, start = StageCosts(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = render(clip, voice, Path(folder) / "out.mp4", RenderOptions(cache=cache), costs)
    costs.stage("end")
    return {
        "frames": report.frames,
        "loading_cpu_seconds": round(loading, 2),
        "wall_seconds": round(time.monotonic() - start, 2),
        "stage_cpu_seconds": {name: round(value, 2) for name, value in costs.seconds.items()},
        "ffmpeg_cpu_seconds": round(cpu_seconds(resource.RUSAGE_CHILDREN), 2),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def in_fresh_process(clip: Path, voice: Path, cache: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.benchmarks.cost", str(clip), str(voice), str(cache)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-2000:])
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def transcode(clip: Path, voice: Path, frames: int) -> float:
    """CPU seconds of ffmpeg making the same number of frames of the same clip with the same encoder and the new sound."""
    encoding, before = Encoding(), cpu_seconds(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-stream_loop", "-1", "-i", str(clip), "-i", str(voice)]
        command += ["-map", "0:v", "-map", "1:a", "-frames:v", str(frames), "-c:v", "libx264", "-preset", encoding.preset]
        command += ["-crf", str(encoding.quality), "-c:a", "aac", "-shortest", f"{folder}/plain.mp4"]
        subprocess.run(command, check=True)
    return cpu_seconds(resource.RUSAGE_CHILDREN) - before


def whole_seconds(result: dict[str, object]) -> float:
    """CPU seconds of a render, our process and ffmpeg together."""
    stages: dict[str, float] = result["stage_cpu_seconds"]  # type: ignore[assignment]
    return sum(stages.values()) + float(str(result["ffmpeg_cpu_seconds"]))


def table(clips: Path, voice: Path) -> list[dict[str, object]]:
    """Cost of a render of each take against a transcode, in CPU milliseconds per output frame."""
    rows = []
    for name, file in TAKES.items():
        clip = clips / file
        if not clip.exists():
            continue
        with tempfile.TemporaryDirectory() as cache:
            result = in_fresh_process(clip, voice, Path(cache))
            again = in_fresh_process(clip, voice, Path(cache))
        frames = int(str(result["frames"]))
        plain = transcode(clip, voice, frames)
        whole = whole_seconds(result)
        rows.append(
            {
                "take": name,
                "clip_frames": probe_clip(clip).frames,
                **result,
                "whole_ms_per_frame": round(1000 * whole / frames, 1),
                "transcode_ms_per_frame": round(1000 * plain / frames, 1),
                "ratio": round(whole / plain, 2),
                "ratio_of_the_next_render": round(whole_seconds(again) / plain, 2),
            }
        )
    return rows


def memory(clip: Path, voice: Path) -> list[dict[str, object]]:
    """Peak memory for a short and a long voice on the same take."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in LENGTHS_SECONDS:
            long = Path(folder) / f"{seconds}.wav"
            command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-stream_loop", "-1", "-i", str(voice), "-t", str(seconds)]
            subprocess.run([*command, str(long)], check=True)
            result = in_fresh_process(clip, long, Path(folder) / "cache")
            rows.append({"voice_seconds": round(probe_voice(long).duration), "peak_megabytes": result["peak_megabytes"]})
    return rows


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure_render(*map(Path, sys.argv[1:4]))) + "\n")
