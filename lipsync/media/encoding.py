"""How the picture of a result is encoded."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from lipsync.errors import EnvironmentFault, UnusableInput
from lipsync.media.ffmpeg import ffmpeg, run

CODECS = ("h264", "hevc", "h264_nvenc")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
WORST_QUALITY = 51
# x264's output depends on its number of threads, so the number must not depend on the machine.
THREADS = 4
LARGEST_THREADS = 64


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the picture is encoded, checked when it is made.

    quality: constant rate factor, 0 best to 51
    preset: speed, in x264's words
    codec: "h264" (High profile), "hevc", or "h264_nvenc" where `nvenc_opens()`
    threads: of the encoder, 0 for the usual number; another number gives other bytes

    Raises UnusableInput (`unknown_codec`, `unknown_preset`, `bad_quality`, `bad_threads`).
    """

    quality: int = 18
    preset: str = "veryfast"
    codec: str = "h264"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise UnusableInput("unknown_codec", f"There is no codec {self.codec!r}. Choose one of {', '.join(CODECS)}.")
        if self.preset not in PRESETS:
            raise UnusableInput("unknown_preset", f"There is no preset {self.preset!r}. Choose one of {', '.join(PRESETS)}.")
        if not 0 <= self.quality <= WORST_QUALITY:
            raise UnusableInput("bad_quality", f"Quality goes from 0 (best) to {WORST_QUALITY}. Choose a number between.")
        if not 0 <= self.threads <= LARGEST_THREADS:
            raise UnusableInput(
                "bad_threads", f"Encoding threads go from 0 (usual) to {LARGEST_THREADS}. Choose a number between."
            )

    def arguments(self) -> list[str]:
        """ffmpeg's options for the encoder. Raises EnvironmentFault (`no_gpu_encoder`)."""
        if self.codec == "h264_nvenc":
            return self._nvenc()
        threads = self.threads or THREADS
        quality = ["-preset", self.preset, "-crf", str(self.quality)]
        if self.codec == "hevc":
            # Segments are joined, so pictures never refer beyond their key frame. QuickTime plays hvc1 only.
            inside = f"log-level=error:open-gop=0:pools={threads}:frame-threads=2"
            return ["-c:v", "libx265", *quality, "-x265-params", inside, "-tag:v", "hvc1"]
        profile = ["-profile:v", "high"] if self.quality else []  # lossless pictures have a profile of their own
        return ["-c:v", "libx264", *quality, *profile, "-threads", str(threads), "-x264-params", "stitchable=1"]

    def _nvenc(self) -> list[str]:
        if not nvenc_opens():
            raise EnvironmentFault(
                "no_gpu_encoder", "No NVIDIA video encoder can be opened on this machine. Choose the codec h264 or hevc."
            )
        speed = f"p{min(7, 1 + PRESETS.index(self.preset))}"
        quality = ["-rc", "vbr", "-cq", str(self.quality), "-b:v", "0"]
        return ["-c:v", "h264_nvenc", "-preset", speed, *quality, "-profile:v", "high", "-forced-idr", "1"]


@functools.cache
def nvenc_opens() -> bool:
    """Whether NVIDIA's encoder works here, found once by encoding a few small pictures."""
    source = ("-f", "lavfi", "-i", "color=s=256x256:r=25", "-frames:v", "3", "-pix_fmt", "yuv420p")
    return run(ffmpeg(*source, "-c:v", "h264_nvenc", "-f", "null", "-"), graphics=True).returncode == 0
