"""The one place that starts ffmpeg and ffprobe.

Every input is opened under limits that hold for hostile files too: only local files, only known containers (a playlist
renamed to `.mp4` would otherwise read other files), a bound on the picture's size, on memory and on time. Programs run
with a bare environment, without a shell and without standard input unless frames are fed to them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lipsync.errors import EnvironmentFault, ToolFailed
from lipsync.machine import starting

LARGEST_PICTURE_PIXELS = 35_500_000
CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mp3,wav,w64,aiff,flac,ogg,aac,asf,caf"
MEMORY_LIMIT_BYTES = 8 * 2**30
# A frame is megabytes: less would mean dozens of switches between processes for each. The system may allow less.
STREAM_BYTES = 2**21
LOG_TAIL_BYTES = 4000
# A million packets take half of it; a hostile file has comments of gigabytes, which we would have to hold several times.
MOST_TOLD_BYTES = 2**26
PROBE_TIMEOUT_SECONDS = 60
END_TIMEOUT_SECONDS = 60
# What ffmpeg exits with where a signal asked it to end: it closes its output as if all had been read.
ASKED_TO_END = 255
# How a program ends that somebody else ends, the system that runs out of memory for one; what it had read tells nothing.
ENDED_BY_OTHERS = (-signal.SIGKILL, -signal.SIGTERM)

_GUARD = (
    "-protocol_whitelist",
    "file,pipe",
    "-format_whitelist",
    CONTAINERS,
    "-max_pixels",
    str(LARGEST_PICTURE_PIXELS),
)


def guarded_input(path: Path) -> list[str]:
    """Arguments that open a user's file under the guard. Options for the input go before them."""
    return [*_GUARD, "-i", f"file:{path}"]


def program(name: str) -> str:
    """The full path of ffmpeg or ffprobe.

    Raises EnvironmentFault (`ffmpeg_missing`).
    """
    found = shutil.which(name)
    if found is None:
        raise EnvironmentFault(
            "ffmpeg_missing", f"{name} is not installed. Install it, on Debian or Ubuntu with: apt-get install ffmpeg"
        )
    return found


def ffmpeg(*arguments: str) -> list[str]:
    """A full ffmpeg command line, quiet but for errors and never waiting at a prompt."""
    return [program("ffmpeg"), "-nostdin", "-hide_banner", "-v", "error", *arguments]


def run(
    command: Sequence[str], *, timeout: float = PROBE_TIMEOUT_SECONDS, graphics: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run a short command to its end and return its output, whatever its exit code; there is room for MOST_TOLD_BYTES of it.

    graphics: as for `Tool`

    Raises ToolFailed: `tool_timeout` when it takes longer than `timeout` seconds, `decoder_died` when somebody ended it.
    """
    with os.fdopen(_bounded(), "rb") as told, Tool(command, stdout=told.fileno(), graphics=graphics) as tool:
        try:
            tool.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            tool.kill()
            raise ToolFailed(
                "tool_timeout", f"{Path(command[0]).name} did not finish within {timeout:.0f} s.", log=tool.log()
            ) from error
        if tool.process.returncode in ENDED_BY_OTHERS:
            raise _cut_short(tool.log())
        output = os.pread(told.fileno(), os.lseek(told.fileno(), 0, os.SEEK_CUR), 0)
        return subprocess.CompletedProcess(list(command), tool.process.returncode, output, tool.log().encode())


def _bounded() -> int:
    """A nameless file in memory that takes so much and no more."""
    told = os.memfd_create("told", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(told, MOST_TOLD_BYTES)
    fcntl.fcntl(told, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    return told


class Tool:
    """An outside program while it runs; leaving the context ends it for certain.

    feeding: whether it is given its standard input by `feed`; reading: whether `read_into` takes its standard output
    graphics: whether it uses a graphics card, whose driver reserves more addresses than there is memory
    folder: in which it runs, ours if not said

    Raises EnvironmentFault (`cannot_start`).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        feeding: bool = False,
        reading: bool = False,
        stdout: int = subprocess.DEVNULL,
        graphics: bool = False,
        folder: Path | None = None,
    ) -> None:
        with starting(Path(command[0]).name), contextlib.ExitStack() as theirs:
            stdin = subprocess.DEVNULL
            self._input: socket.socket | None = None
            self._output: socket.socket | None = None
            if feeding:
                self._input, stdin = _stream(theirs)
            if reading:
                self._output, stdout = _stream(theirs)
            self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process; closed in __exit__
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                list(command),
                stdin=stdin,
                stdout=stdout,
                stderr=self._errors,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
                cwd=folder,
            )
        _limit(self.process.pid, graphics=graphics)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for stream in (self._input, self._output, self.process.stdout):
            if stream is not None:
                stream.close()
        if self.process.poll() is None:
            self.kill()
        self._errors.close()

    def read_into(self, buffer: memoryview) -> int:
        """Fill the buffer with the program's output; the number of bytes read is less than its size only at the end."""
        if self._output is None:
            raise ValueError("the program was started without a way to read its output")
        filled = 0
        while filled < len(buffer):
            got = self._output.recv_into(buffer[filled:], 0, socket.MSG_WAITALL)
            if not got:
                break
            filled += got
        return filled

    def feed(self, data: bytes | memoryview) -> None:
        """Give the program all of `data`. Raises ConnectionError when it has ended."""
        if self._input is None:
            raise ValueError("the program was started without a way to feed it")
        self._input.sendall(data)

    def end_of_input(self) -> None:
        """Tell the program that nothing more comes."""
        if self._input is not None:
            self._input.close()

    def kill(self) -> None:
        """End the program at once and reap it."""
        self.process.kill()
        self.process.wait()

    def wait(self, *, timeout: float) -> int:
        """Wait for the program to end by itself; its exit code."""
        try:
            return self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ToolFailed("tool_timeout", "A media program stopped answering.", log=self.log()) from error

    def check_end(self) -> None:
        """See to it that output that has come to its end is whole: that nobody ended the program before.

        Raises ToolFailed (`decoder_died`).
        """
        code = self.wait(timeout=END_TIMEOUT_SECONDS)
        if code < 0 or code == ASKED_TO_END:
            raise _cut_short(self.log())

    def log(self) -> str:
        """The end of what the program wrote to standard error."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), LOG_TAIL_BYTES, max(0, size - LOG_TAIL_BYTES)).decode(errors="replace").strip()


def _cut_short(log: str) -> ToolFailed:
    """What a program that somebody ended has come to."""
    return ToolFailed("decoder_died", "A file could not be read to its end. Start the render again.", log=log)


def _stream(theirs: contextlib.ExitStack) -> tuple[socket.socket, int]:
    """Our end of a new stream, and the descriptor of the program's end, which `theirs` closes.

    A pair of sockets moves frames at half the cost of a pipe, whose every 4 KiB are a page of their own.
    """
    ours, other = socket.socketpair()
    theirs.enter_context(other)
    for end in (ours, other):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_BYTES)
    return ours, other.fileno()


def _limit(process: int, *, graphics: bool) -> None:
    # Memory that is only reserved counts as address space, not as data.
    memory = resource.RLIMIT_DATA if graphics else resource.RLIMIT_AS
    with contextlib.suppress(ProcessLookupError, PermissionError):
        resource.prlimit(process, memory, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
        resource.prlimit(process, resource.RLIMIT_CORE, (0, 0))
