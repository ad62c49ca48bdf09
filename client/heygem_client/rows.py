"""The rows that the studio tells of, as far as this package needs them. What else an answer holds is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["clip", "voice"]
FINAL = ("succeeded", "failed", "cancelled")


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
    """A render of one clip with one voice, both by id. progress: 0 to 1"""

    id: str
    project: str
    clip: str
    voice: str
    denoise: bool
    loudness: bool
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
            denoise=bool(row["denoise"]),
            loudness=bool(row["loudness"]),
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
