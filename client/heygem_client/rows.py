"""The rows that the studio tells of, as far as this package needs them. What else an answer holds is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["clip", "voice"]
# What may be chosen for a render. Of one clip alone, and not asked for here: the part that is used, and where the speaker is.
OF_ONE_CLIP = ("part_start", "part_end", "point_x", "point_y", "point_at")
OF_PRESETS = ("denoise", "loudness", "longer", "shorter", "codec", "quality", "speed", "excerpt", "engine", "enhancer")
CHOICES = (*OF_PRESETS, *OF_ONE_CLIP)
FINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class How:
    """How videos are made: a preset by its code, and what of it is to be otherwise; None leaves it as the preset says.

    denoise, loudness: what is done to the voice before it is heard; longer, shorter: what the picture does where the voice is
    so: bounce, loop, hold or cut, and cut or keep; codec: h264 or hevc; quality: 0 (best) to 51; speed: veryfast, medium or
    slow; excerpt: a draft of the hardest so many seconds; engine, enhancer: those that the studio has
    """

    preset: str = "standard"
    denoise: bool | None = None
    loudness: bool | None = None
    longer: str | None = None
    shorter: str | None = None
    codec: str | None = None
    quality: int | None = None
    speed: str | None = None
    excerpt: float | None = None
    engine: str | None = None
    enhancer: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """As it is asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is. language, time_zone: of pages and mails, empty for the browser's; mails: the kinds wanted"""

    name: str
    full_name: str
    language: str
    time_zone: str
    mails: tuple[str, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Account:
        """From an answer."""
        return cls(row["name"], row["full_name"], row["language"], row["time_zone"], tuple(row["mails"]))


@dataclass(frozen=True, slots=True)
class Project:
    """Where clips, voices and renders are. role: owner, editor or viewer"""

    id: str
    name: str
    role: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Project:
        """From an answer."""
        return cls(str(row["id"]), str(row["name"]), str(row["role"]))


@dataclass(frozen=True, slots=True)
class Lecturer:
    """A person who was filmed. consent: valid, soon (to end), expired, withdrawn or missing"""

    id: str
    name: str
    consent: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Lecturer:
        """From an answer."""
        return cls(str(row["id"]), str(row["name"]), str(row["consent"]["state"]))

    @property
    def has_agreed(self) -> bool:
        """Whether renders may start."""
        return self.consent in ("valid", "soon")


@dataclass(frozen=True, slots=True)
class Medium:
    """A clip or a voice of the library. duration: seconds; size: bytes; lecturer: a clip's, by id; language: a voice's"""

    kind: Kind
    id: str
    project: str
    title: str
    duration: float
    size: int
    sha256: str
    lecturer: str = ""
    language: str = ""

    @classmethod
    def of(cls, kind: Kind, row: Mapping[str, Any]) -> Medium:
        """From an answer."""
        return cls(
            kind=kind,
            id=str(row["id"]),
            project=str(row["project"]),
            title=str(row["title"]),
            duration=float(row["duration"]),
            size=int(row["size"]),
            sha256=str(row["sha256"]),
            lecturer=str(row.get("speaker") or ""),
            language=str(row.get("language") or ""),
        )


@dataclass(frozen=True, slots=True)
class Video:
    """A finished video. duration: seconds; size: bytes; sha256: of the file; url: where it is"""

    size: int
    sha256: str
    duration: float
    width: int
    height: int
    frame_rate: str
    quality: Mapping[str, Any]
    url: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Video:
        """From an answer."""
        return cls(
            size=int(row["size"]),
            sha256=str(row["sha256"]),
            duration=float(row["duration"]),
            width=int(row["width"]),
            height=int(row["height"]),
            frame_rate=str(row["frame_rate"]),
            quality=dict(row["quality"]),
            url=str(row["download_url"]),
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a render failed. at: seconds into the medium"""

    code: str
    message: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """A render of one clip with one voice, both by id. how: each of CHOICES; progress: 0 to 1"""

    id: str
    project: str
    clip: str
    voice: str
    preset: str
    how: Mapping[str, Any]
    status: str
    progress: float
    created_at: str
    video: Video | None
    error: Fault | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Job:
        """From an answer."""
        error, output = row.get("error"), row.get("output")
        return cls(
            id=str(row["id"]),
            project=str(row["project"]),
            clip=str(row["clip"]),
            voice=str(row["track"]),
            preset=str(row["preset"]),
            how={name: row.get(name) for name in CHOICES},
            status=str(row["status"]),
            progress=float(row["progress"]),
            created_at=str(row["created_at"]),
            video=Video.of(output) if output else None,
            error=Fault(error["code"], error["message"], error.get("at")) if error else None,
        )

    @property
    def title(self) -> str:
        """What to call it."""
        return f"Render {self.id}"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Room:
    """What may be used of something, None for without limit."""

    used: float
    limit: float | None
    left: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Room:
        """From an answer."""
        return cls(row["used"], row["limit"], row["left"])


@dataclass(frozen=True, slots=True)
class Quota:
    """What a person's own projects hold, in bytes, and the video rendered this month, in seconds."""

    bytes: Room
    video_seconds: Room
