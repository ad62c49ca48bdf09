"""One large file is sent over a connection that is cut again and again, with a second sender beside it now and then."""

from __future__ import annotations

from projects import storage
from projects.models import SpeakerClip
from tests import making
from tests.soak import checks
from tests.soak.course import Course
from tests.soak.cutting import Outcome, Sender, Source, send_with_cuts
from tests.soak.roles import Role

MOST_GROWTH = 50 * 2**20
WARM_BYTES = 8 * 2**20


def run(course: Course) -> None:
    """T19. `--size`: MiB of the file; `--rounds`: cuts."""
    course.open()
    film = course.folder / "take.mp4"
    picture = f"testsrc2=size={making.CLIP_WIDTH}x{making.CLIP_HEIGHT}:rate=10:duration=1"
    making.media("-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", str(film))
    _send(course, Source(film.read_bytes(), WARM_BYTES, course.seed + 1), 10, {})  # everything is loaded and warm after it
    before = _memory(course)
    most = dict(before)
    source = Source(film.read_bytes(), course.scale.size * 2**20, course.seed)
    seen = _send(course, source, course.scale.rounds, most)
    grown = max(most[pid] - before[pid] for pid in before)
    course.figure(f"{course.scale.size} MiB, {seen.cuts} cuts, {seen.equal} sha-equal, {seen.kept / 2**20:.0f} MiB kept")
    course.figure(f"{seen.parallel} second senders, {seen.busy} locked out")
    course.figure(f"no web process grown by more than {grown / 2**20:.1f} MiB")
    course.misses += seen.misses
    course.expect(seen.equal == seen.cuts, "bytes were lost or doubled")
    course.expect(grown <= MOST_GROWTH, f"a web process grew by {grown} bytes")
    clip = SpeakerClip.objects.filter(size=source.size).get()
    course.expect(clip.sha256 == source.digest(), "the file in the library is another one")
    checks.nothing_runs_on(course)
    checks.rows_and_files_agree(course)


def _send(course: Course, source: Source, cuts: int, most: dict[int, int]) -> Outcome:
    """Send it, and note in `most` the most memory that each web process has had meanwhile."""
    sender = Sender(course.installation.port, course.token, course.person.project)
    sender.announce(source.size)
    path = storage.folder(storage.UPLOADS) / sender.url.strip("/").rpartition("/")[2]

    def look(begin: int, stop: int) -> bytes:
        for pid, size in _memory(course).items():
            most[pid] = max(most.get(pid, 0), size)
        with path.open("rb") as file:
            file.seek(begin)
            return file.read(stop - begin)

    return send_with_cuts(sender, source, cuts, course.chance, look)


def _memory(course: Course) -> dict[int, int]:
    """Bytes in memory of each web process, by its number."""
    return {process.pid: process.memory_info().rss for process in course.installation.roles()[Role.WEB]}
