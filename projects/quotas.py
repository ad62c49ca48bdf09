"""How much room and how many minutes are left: what shall be added goes in, a reservation or a refusal comes out.

Nothing is counted twice: what is used is the sum of the rows themselves, of files that are there and of renders that are still
to come, so no counter can drift from them. Whoever adds locks the people concerned, sums up and adds in one transaction; of two
who come at once the second sees what the first has added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import OverQuota
from projects.models import (
    AudioTrack,
    PersonPlan,
    Preview,
    Project,
    ProjectPlan,
    QuotaPlan,
    RenderJob,
    RenderOutput,
    SpeakerClip,
    Status,
    Upload,
)
from projects.models.renders import LIVE, VIDEO_SECONDS
from projects.models.uploads import OPEN

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KINDS = ("clips", "tracks", "outputs", "arriving", "expected", "previews")
NO_PLAN = QuotaPlan(name="none")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes by kind, and how many there may be; None for no limit.

    previews: of what is made of clips to look at, which counts against no limit: nobody asked for it
    arriving: of files on their way; expected: of the videos of renders that wait or run
    """

    clips: int
    tracks: int
    outputs: int
    arriving: int
    expected: int
    limit: int | None
    previews: int = 0

    @property
    def used(self) -> int:
        """All of it, what is still to come included."""
        return self.clips + self.tracks + self.outputs + self.arriving + self.expected

    @property
    def coming(self) -> int:
        """What is not there yet, but has its place."""
        return self.arriving + self.expected

    @property
    def left(self) -> int | None:
        """Bytes that can still be added."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def share(self) -> float:
        """How full it is, 0 to 1; 0 where there is no limit."""
        return min(1.0, self.used / self.limit) if self.limit else float(self.limit is not None)


@dataclass(frozen=True, slots=True)
class Minutes:
    """Seconds of video of this month, made and still to come, and how many there may be; None for no limit."""

    used: float
    limit: float | None

    @property
    def left(self) -> float | None:
        """Seconds that can still be rendered."""
        return None if self.limit is None else max(0.0, self.limit - self.used)


def plan_of(user: User) -> QuotaPlan:
    """The plan that this person was given, else the usual one, else one without limits."""
    mine = PersonPlan.objects.filter(user=user, plan=OuterRef("pk"))
    plans = QuotaPlan.objects.annotate(is_given=Exists(mine)).filter(Q(is_given=True) | Q(is_usual=True))
    return plans.order_by("-is_given").first() or NO_PLAN


def plan_for(project: Project) -> QuotaPlan:
    """The plan that this project was given, else its owner's."""
    return QuotaPlan.objects.filter(projects__project=project).first() or plan_of(project.owner)


def give_plan(plan: QuotaPlan | None, *, people: Sequence[User] = (), projects: Sequence[Project] = (), by: User) -> None:
    """Give people or projects this plan, whatever they had; None: the usual one for people, the owner's for projects."""
    with transaction.atomic():
        if plan is None:
            PersonPlan.objects.filter(user__in=people).delete()
            ProjectPlan.objects.filter(project__in=projects).delete()
        else:
            given: dict[str, Any] = {"update_conflicts": True, "update_fields": ["plan"]}
            of_people = [PersonPlan(user=person, plan=plan) for person in people]
            PersonPlan.objects.bulk_create(of_people, unique_fields=["user"], **given)
            of_projects = [ProjectPlan(project=project, plan=plan) for project in projects]
            ProjectPlan.objects.bulk_create(of_projects, unique_fields=["project"], **given)
        audit.record_each("plan.given", [*people, *projects], by=by, plan=plan.name if plan else "")


def room_of_person(user: User, plan: QuotaPlan | None = None) -> Room:
    """What the projects hold that this person owns. plan: theirs, where it is known already"""
    return _room({"owner": user}, (plan or plan_of(user)).bytes_per_person)


def room_of_project(project: Project) -> Room:
    """What a project holds."""
    return _room({"pk": project.pk}, plan_for(project).bytes_per_project)


def minutes_of(user: User, plan: QuotaPlan | None = None) -> Minutes:
    """The video that this person has rendered this month, and asked for. plan: theirs, where it is known already"""
    counted = RenderJob.objects.filter(created_by=user, created_at__gte=month_start(), status__in=(Status.SUCCEEDED, *LIVE))
    used = counted.order_by().aggregate(sum=Sum(VIDEO_SECONDS))["sum"] or 0.0
    limit = (plan or plan_of(user)).minutes_per_month
    return Minutes(used, None if limit is None else 60.0 * limit)


def bytes_left(project: Project) -> int | None:
    """Bytes that can still be added to a project, by its own limit and by its owner's; None for no limit."""
    known = [room.left for room in (room_of_project(project), room_of_person(project.owner)) if room.left is not None]
    return min(known, default=None)


def check_file(project: Project, size: int) -> None:
    """Refuse a file before its bytes travel. Raises ProjectError `quota_bytes`."""
    _check_bytes(project, size)


def admit_file(project: Project, size: int) -> None:
    """Make sure that a file fits, in the transaction that adds its row. Raises ProjectError `quota_bytes`."""
    _lock(project.owner_id)
    _check_bytes(project, size)


def admit_renders(rows: Sequence[RenderJob]) -> None:
    """Make sure that one person's renders in one project fit, in the transaction that adds their rows.

    Raises ProjectError `quota_bytes`, `quota_minutes`.
    """
    if not rows:
        return
    project, person = rows[0].project, rows[0].created_by
    _lock(project.owner_id, person.pk)
    _check_minutes(person, sum(job.video_seconds for job in rows))
    _check_bytes(project, sum(job.expected_size for job in rows), field="")


def _check_minutes(person: User, asked: float) -> None:
    plan = plan_of(person)
    if plan.minutes_per_month is None:
        return
    minutes = minutes_of(person, plan)
    if minutes.left is not None and asked > minutes.left:
        text = _(
            "This makes {asked:.1f} minutes of video, and {left:.1f} of this month's {limit:.0f} are left. Wait for the next "
            "month, render fewer, or ask the administrator for more."
        )
        # Rounded away from each other: what is refused does not fit, whatever is told of it.
        values = {"asked": ceil(asked / 6) / 10, "left": floor(minutes.left / 6) / 10, "limit": (minutes.limit or 0) / 60}
        raise OverQuota("quota_minutes", text.format(**values))


def _check_bytes(project: Project, size: int, *, field: str = "file") -> None:
    of_project = {"pk": project.pk}, plan_for(project).bytes_per_project, _("This project")
    of_owner = {"owner": project.owner}, plan_of(project.owner).bytes_per_person, _("The owner of this project")
    for which, limit, name in (of_project, of_owner):
        if limit is None:
            continue
        room = _room(which, limit)
        if room.left is not None and size > room.left:
            text = _(
                "{name} may use {limit}, {left} of it are left, and {size} are needed. Delete what is no longer wanted, or ask "
                "the administrator for more."
            )
            sizes = {"limit": room.limit or 0, "left": room.left, "size": size}
            told = {key: filesizeformat(value) for key, value in sizes.items()}
            raise OverQuota("quota_bytes", text.format(name=name, **told), field=field)


def _lock(*user_ids: int) -> None:
    """Hold these people's rows to the end of the transaction, always in the same order."""
    people = get_user_model().objects.filter(pk__in=set(user_ids)).order_by("pk")
    list(people.select_for_update(no_key=True).values_list("pk"))


def together(some: Sequence[Room], limit: int | None) -> Room:
    """What several projects hold, under one limit."""
    return Room(**{kind: sum(getattr(room, kind) for room in some) for kind in KINDS}, limit=limit)


def with_rooms(homes: QuerySet[Project]) -> QuerySet[Project]:
    """Projects with what each holds, for `room_in`, in the same query."""
    return homes.annotate(
        held_clips=_held(SpeakerClip.objects.kept(), "speaker__project", "size"),
        held_tracks=_held(AudioTrack.objects.kept(), "project", "size"),
        held_outputs=_held(RenderOutput.objects.kept(), "project", "size"),
        held_arriving=_held(Upload.objects.filter(state__in=OPEN), "project", "size"),
        held_previews=_held(Preview.objects.filter(clip__binned_at__isnull=True), "clip__speaker__project", "size"),
        held_expected=_held(RenderJob.objects.filter(status__in=LIVE), "project", "expected_size"),
    )


def room_in(home: Project) -> Room:
    """What a project holds that was found `with_rooms`, without a limit."""
    return Room(**{kind: getattr(home, f"held_{kind}") for kind in KINDS}, limit=None)


def _held(rows: QuerySet[Any], home: str, field: str) -> Coalesce:
    mine = rows.order_by().filter(**{home: OuterRef("pk")}).values(home)
    return Coalesce(Subquery(mine.annotate(sum=Sum(field)).values("sum")), 0, output_field=BigIntegerField())


def _room(which: dict[str, Any], limit: int | None) -> Room:
    return together([room_in(home) for home in with_rooms(Project.objects.filter(**which))], limit)


def month_start() -> datetime:
    """When the month began to which renders are counted: the installation's, wherever somebody looks from."""
    now = timezone.localtime(timezone=timezone.get_default_timezone())
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
