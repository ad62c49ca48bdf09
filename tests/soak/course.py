"""One soak test's course: its installation, who uses it, the media it works on, and what it found."""

from __future__ import annotations

import hashlib
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User

from projects import accounts
from projects.models import RenderJob
from projects.models.renders import FINAL
from tests import making
from tests.demo_take import demo_take
from tests.soak.installation import Installation, eventually
from tests.soak.people import Person

SETTLE_SECONDS = 600.0
LOWEST_HERTZ = 110


@dataclass(frozen=True)
class Scale:
    """How much of it: jobs, rounds of disturbance, and MiB of a file."""

    jobs: int
    rounds: int
    size: int = 0


@dataclass
class Course:
    """Figures and misses gather while it runs."""

    name: str
    database: str
    seed: int
    scale: Scale
    folder: Path
    installation: Installation = field(init=False)
    person: Person = field(init=False)
    owner: User = field(init=False)
    token: str = ""
    clip: str = ""
    figures: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    tracks: dict[str, str] = field(default_factory=dict)  # a voice's id to the digest of its undisturbed video
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.installation = Installation(Path(os.environ["HEYGEM_DATA"]))

    def open(self) -> None:
        """Start the installation and give somebody a token for it."""
        self.installation.start()
        self.owner = accounts.create_user(username="olga", password="correct horse battery")
        self.token, _ = accounts.create_token(user=self.owner)
        self.person = Person(port=self.installation.port, token=self.token)

    def take_in(self, *, voices: int, seconds: float = making.VOICE_SECONDS) -> None:
        """Upload a clip and so many different voices."""
        clip = self.folder / "take.mp4"
        size = f"{making.CLIP_WIDTH}x{making.CLIP_HEIGHT}"
        picture = f"testsrc2=size={size}:rate={making.CLIP_RATE}:duration={making.CLIP_SECONDS}"
        sound = f"sine=frequency=220:duration={making.CLIP_SECONDS}"
        making.media("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-pix_fmt", "yuv420p", "-shortest", str(clip))
        self.clip = self.person.add_clip(clip)
        for number in range(voices):
            self.tracks[self.person.add_track(self.tone(number, seconds))] = ""

    def film(self, *, clip_seconds: float, voice_seconds: float) -> None:
        """Upload parts of the project's synthetic take, which the real engine can work on."""
        take = demo_take()
        clip, voice = self.folder / "take.mp4", self.folder / "voice.wav"
        making.media("-i", str(take.clip), "-t", str(clip_seconds), str(clip))
        making.media("-stream_loop", "-1", "-i", str(take.voice), "-t", str(voice_seconds), str(voice))
        self.clip = self.person.add_clip(clip)
        self.tracks[self.person.add_track(voice)] = ""

    def tone(self, number: int, seconds: float = making.VOICE_SECONDS) -> Path:
        """A voice that no other number has."""
        path = self.folder / f"voice-{number}.wav"
        sound = f"sine=frequency={LOWEST_HERTZ + number}:duration={seconds}"
        making.media("-f", "lavfi", "-i", sound, "-ar", "16000", str(path))
        return path

    def learn(self) -> None:
        """Render every voice once undisturbed: what the videos must be to the byte."""
        asked = {track: self.person.submit(clip=self.clip, track=track) for track in self.tracks}
        self.settle()
        for track, job in asked.items():
            self.tracks[track] = hashlib.sha256(self.person.video(job)).hexdigest()

    def submit(self) -> str:
        """Ask for a render of some voice; the job's id."""
        return self.person.submit(clip=self.clip, track=self.chance.choice(list(self.tracks)))

    def settle(self, seconds: float = SETTLE_SECONDS) -> bool:
        """Wait until every job has ended; a miss says which did not."""
        if eventually(lambda: not RenderJob.objects.exclude(status__in=FINAL).exists(), seconds, poll=0.2):
            return True
        left = list(RenderJob.objects.exclude(status__in=FINAL).values("pk", "status", "attempts", "fence", "lease_until"))
        self.misses.append(f"after {seconds:.0f} s these have not ended: {left}")
        return False

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a miss unless it holds."""
        if not holds:
            self.misses.append(otherwise)

    def figure(self, text: str) -> None:
        """A figure for the line."""
        self.figures.append(text)

    def line(self) -> str:
        """What is printed."""
        seconds = time.monotonic() - self.begun
        return f"{self.name}: {', '.join([*self.figures, f'{seconds:.0f} s', f'seed {self.seed}', self.database])}"
