"""A studio, as a script or a notebook sees it: files go in, videos come out.

What is asked for twice is made once: a file whose bytes the library has is not sent, a clip with a voice that has a video or
waits for one is not rendered again, and a video that lies in the folder is not fetched.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from heygem_client import downloading, showing, uploading
from heygem_client.connection import PATIENCE_SECONDS, Connection
from heygem_client.downloading import Wanted
from heygem_client.errors import Refused, RendersFailed, StillRunning
from heygem_client.rows import CHOICES, Account, How, Job, Kind, Lecturer, Medium, Project, Quota, Room

FIRST_POLL, SLOWEST_POLL = 0.5, 10.0
GROWTH = 1.2
AS_USUAL = How()


@dataclass(frozen=True, slots=True)
class Cell:
    """A clip with a voice. name: of the file, without an ending; left empty, lecturer, clip, voice and language"""

    clip: Medium
    voice: Medium
    name: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """The renders of some cells, in their order. new: how many of them were asked for now; the others were there"""

    jobs: tuple[Job, ...]
    new: int


class Studio:
    """One person's view of one installation.

    url: such as http://127.0.0.1:7860; token: from the account page, or by `signing_in.sign_in`; bar: how to show how far
    things are, e.g. `showing.bars()`; patience: seconds for which a studio that does not answer is asked again
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        bar: showing.Bar = showing.nothing,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = Connection(url, token, patience=patience, transport=transport)
        self._bar = bar

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.connection.close()

    # --- what there is --------------------------------------------------------------------------------------------------
    def projects(self) -> list[Project]:
        """The projects that this person may see."""
        return [Project.of(row) for row in self.connection.rows("projects/")]

    def project(self, name: str = "", *, make: bool = False) -> Project:
        """A project by name or id; without a name, the only one in which this person may render. make: where there is none yet

        Raises Refused `no_project`, `which_project`.
        """
        every = self.projects()
        found = [row for row in every if (name in (row.id, row.name) if name else row.role != "viewer")]
        if len(found) == 1:
            return found[0]
        if not found and name and make:
            return Project.of(self.connection.post("projects/", {"name": name}))
        known = ", ".join(sorted(repr(row.name) for row in every)) or "none"
        if found:
            raise Refused("which_project", f"Several projects could be meant. Name one, or give its id: {known}.")
        raise Refused("no_project", f"There is no project {name!r}. There are: {known}.")

    def lecturer(self, project: Project, name: str, *, consent: bool = False) -> Lecturer:
        """The lecturer of this name, made when new. consent: this person has agreed to videos being made of them"""
        body = {"project": project.id, "name": name}
        row = Lecturer.of(self.connection.post("speakers/", body, again=True))
        if consent and not row.has_agreed:
            row = Lecturer.of(self.connection.post("speakers/", {**body, "consent": True}, again=True))
        return row

    def medium(self, kind: Kind, medium_id: str) -> Medium:
        """A clip or a voice of the library, by its id."""
        return Medium.of(kind, self.connection.get(f"{uploading.LISTS[kind]}{medium_id}/"))

    def presets(self) -> dict[str, dict[str, Any]]:
        """What each preset says, by its code."""
        return {str(row["code"]): row for row in self.connection.rows("presets/")}

    def job(self, job_id: str) -> Job:
        """A render, by its id."""
        return Job.of(self.connection.get(f"jobs/{job_id}/"))

    def batch_jobs(self, batch_id: str) -> list[Job]:
        """The render of every cell of a batch; of a cell that was tried again, the newest one."""
        newest: dict[tuple[str, str], Job] = {}
        for row in self.connection.rows("jobs/", batch=batch_id):
            job = Job.of(row)
            newest.setdefault((job.clip, job.voice), job)
        return list(newest.values())

    def quota(self) -> Quota:
        """What this person's projects hold and may hold, and the video rendered this month."""
        told = self.connection.get("usage/")
        return Quota(bytes=Room.of(told["bytes"]), video_seconds=Room.of(told["video_seconds"]))

    def account(self) -> Account:
        """Whose token this is, and what they have chosen for themselves."""
        return Account.of(self.connection.get("account/"))

    def change_account(
        self,
        *,
        full_name: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
        mails: Sequence[str] | None = None,
    ) -> Account:
        """Choose otherwise; what is None stays as it is. Raises StudioError."""
        chosen = {"full_name": full_name, "language": language, "time_zone": time_zone, "mails": mails}
        asked = {name: value for name, value in chosen.items() if value is not None}
        return Account.of(self.connection.patch("account/", asked))

    # --- what is made ---------------------------------------------------------------------------------------------------
    def upload(
        self,
        path: Path | str,
        *,
        project: Project,
        kind: Kind = "clip",
        title: str = "",
        lecturer: str = "",
        language: str = "",
        consent: bool = False,
    ) -> Medium:
        """Send a take or a voice, or find the one that has these bytes. An upload that was broken off goes on.

        lecturer: the name of the person filmed; consent: this person has agreed to videos being made of them;
        language: of a voice. Raises StudioError.
        """
        if consent and kind == "clip" and not lecturer:
            raise Refused("no_lecturer", "Say who was filmed and has agreed, by name.", field="lecturer")
        file = uploading.look(
            Path(path),
            kind=kind,
            project=project.id,
            title=title,
            lecturer=lecturer if kind == "clip" else "",
            language=language,
        )
        whose = self.lecturer(project, file.lecturer, consent=consent).id if file.lecturer else ""
        medium = uploading.known(self.connection, file, whose)
        if medium is None:
            with self._bar(file.path.name, file.size, True) as moved:
                medium = uploading.send(self.connection, file, moved)
        return medium

    def render(self, clip: Medium, voice: Medium, *, how: How = AS_USUAL, retry: bool = False) -> Job:
        """Have a clip say a voice, unless that is done already. retry: also where it failed before. Raises StudioError."""
        return self._made([Cell(clip, voice)], how=how, retry=retry, name=None).jobs[0]

    def batch(self, cells: Sequence[Cell], *, name: str = "", how: How = AS_USUAL, retry: bool = False) -> Made:
        """Render these cells of one project, as one batch, each unless it is done already. Raises StudioError."""
        return self._made(cells, how=how, retry=retry, name=name)

    def wait(self, jobs: Iterable[Job], *, timeout: float | None = None) -> list[Job]:
        """The same renders once all have ended, whatever came of them. timeout: seconds. Raises StillRunning."""
        asked = list(jobs)
        until = None if timeout is None else time.monotonic() + timeout
        ended: list[Job] = []
        with self._bar("Rendering", float(len(asked)), False) as moved:
            for job in asked:
                pause = FIRST_POLL
                if ended and not job.is_final:  # it may have ended while others were waited for
                    job = self.job(job.id)
                while not job.is_final:
                    if until is not None and time.monotonic() + pause > until:
                        left = len(asked) - len(ended)
                        text = f"{left} of {len(asked)} renders have not ended yet. Wait again: nothing is lost."
                        raise StillRunning("still_running", text)
                    moved(len(ended) + job.progress)
                    self.connection.rest(pause)
                    pause = min(pause * GROWTH, SLOWEST_POLL)
                    job = Job.of(self.connection.poll(f"jobs/{job.id}/"))
                ended.append(job)
                moved(float(len(ended)))
        return ended

    def download(self, jobs: Sequence[Job], folder: Path | str, *, names: Sequence[str] = ()) -> list[Path]:
        """Bring the finished ones among these renders into a folder, with `manifest.json`. Returns where they are.

        names: what to call them, without an ending; an empty one, or none: lecturer, clip, voice and language.
        Raises StudioError.
        """
        wanted = self._wanted(jobs, names)
        with self._bar("Downloading", float(sum(one.video.size for one in wanted)), True) as moved:
            return downloading.fetch_all(self.connection, wanted, Path(folder), moved)

    # --- steps ----------------------------------------------------------------------------------------------------------
    def _made(self, cells: Sequence[Cell], *, how: How, retry: bool, name: str | None) -> Made:
        """The renders of some cells, as a batch of this name, or one by one where there is none."""
        homes = {medium.project for cell in cells for medium in (cell.clip, cell.voice)}
        if len(homes) != 1:
            raise Refused("wrong_project", "Choose clips and voices, all of one project.")
        home = homes.pop()
        found = self._there(home, cells, self._meant(how))
        pairs = [(cell.clip.id, cell.voice.id) for cell in cells]
        again = [pair for pair in dict.fromkeys(pairs) if retry and pair in found and _has_failed(found[pair])]
        for pair in again:
            key = _key("retry", found[pair].id)
            found[pair] = Job.of(self.connection.post(f"jobs/{found[pair].id}/retry/", {}, key=key))
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in found or _is_gone(found[pair])]
        before = [found[pair].id for pair in missing if pair in found]  # videos that were deleted since
        if missing and name is None:
            for clip, voice in missing:
                body: dict[str, Any] = {"clip": clip, "track": voice, **how.asked}
                found[clip, voice] = Job.of(self.connection.post("jobs/", body, key=_key(body, before)))
        elif missing:
            body = {"project": home, "cells": [{"clip": clip, "track": voice} for clip, voice in missing], **how.asked}
            made = self.connection.post("batches/", {**body, "name": name}, key=_key(body, name, before))
            found |= {(job.clip, job.voice): job for job in map(Job.of, self.connection.rows("jobs/", batch=made["id"]))}
        return Made(tuple(found[pair] for pair in pairs), len(missing) + len(again))

    def _meant(self, how: How) -> dict[str, Any]:
        """What of each of CHOICES is asked for. Raises Refused `unknown_preset`."""
        presets = self.presets()
        if how.preset not in presets:
            text = f"There is no preset {how.preset!r}. There are: {', '.join(presets)}."
            raise Refused("unknown_preset", text, field="preset")
        said = {**presets[how.preset], **how.asked}
        return {name: said.get(name) for name in CHOICES}

    def _there(self, home: str, cells: Sequence[Cell], how: dict[str, Any]) -> dict[tuple[str, str], Job]:
        """For cells that were asked for before, the best that came of each: a video, what runs, or the newest failure."""
        wanted = {(cell.clip.id, cell.voice.id) for cell in cells}
        found: dict[tuple[str, str], Job] = {}
        rows = (self.connection.rows("jobs/", project=home, clip=clip) for clip in {clip for clip, _voice in wanted})
        for row in chain.from_iterable(rows):
            job = Job.of(row)
            pair = (job.clip, job.voice)
            if pair in wanted and job.how == how:
                there = found.get(pair)
                if there is None or _worth(job) > _worth(there):
                    found[pair] = job
        return found

    def _wanted(self, jobs: Sequence[Job], names: Sequence[str]) -> list[Wanted]:
        """The finished ones of some renders, with what is to be told of each."""
        clips: dict[str, Medium] = {}
        voices: dict[str, Medium] = {}
        lecturers: dict[str, str] = {}
        wanted = []
        for number, job in enumerate(jobs):
            if job.video is None:
                continue
            if job.clip not in clips:
                clips[job.clip] = self.medium("clip", job.clip)
            if job.voice not in voices:
                voices[job.voice] = self.medium("voice", job.voice)
            clip, voice = clips[job.clip], voices[job.voice]
            if clip.lecturer not in lecturers:
                lecturers[clip.lecturer] = str(self.connection.get(f"speakers/{clip.lecturer}/")["name"])
            told = {"lecturer": lecturers[clip.lecturer], "clip": clip.title, "voice": voice.title, "language": voice.language}
            chosen = names[number] if number < len(names) else ""
            name = downloading.file_name(*([chosen] if chosen else told.values()))
            wanted.append(Wanted(job, job.video, name, told, is_chosen=bool(chosen)))
        return wanted


def require_videos(jobs: Iterable[Job]) -> None:
    """Raise RendersFailed where one of these renders ended without a video."""
    failed = {job.id: job for job in jobs if _has_failed(job)}
    if failed:
        raise RendersFailed(list(failed.values()))


def _has_failed(job: Job) -> bool:
    return job.status in ("failed", "cancelled")


def _is_gone(job: Job) -> bool:
    """Whether there was a video, which has been deleted."""
    return job.status == "succeeded" and job.video is None


def _worth(job: Job) -> int:
    if job.video is not None:
        return 3
    if not job.is_final:
        return 2
    return 1 if _has_failed(job) else 0


def _key(*content: object) -> str:
    """The same for the same content, so that asking again gives what was made."""
    return "heygem-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
