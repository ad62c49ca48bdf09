"""Things that have a file: into the bin and out again, kept whatever the policies say, removed for good."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse

from projects import bin, retention
from projects.admin_pages import confirming, figures
from projects.admin_pages.base import Kept
from projects.errors import ProjectError
from projects.models.kept import BIN_DAYS
from projects.pages.people import signed_in


class WhereFilter(admin.SimpleListFilter):
    """In use, in the bin, or gone."""

    title = "where it is"
    parameter_name = "where"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices."""
        return [("kept", "in use"), ("bin", "in the bin"), ("gone", "file gone"), ("pinned", "kept whatever the rules say")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those."""
        match self.value():
            case "kept":
                return queryset.filter(binned_at__isnull=True)
            case "bin":
                return queryset.filter(binned_at__isnull=False, purged_at__isnull=True)
            case "gone":
                return queryset.filter(purged_at__isnull=False)
            case "pinned":
                return queryset.filter(pinned=True)
        return queryset


class WithFile(Kept):
    """Clips, voices and finished videos. Their rows stay: renders tell what they were made of."""

    actions = ("put_into_bin", "take_out", "keep", "let_go", "remove_for_good")

    @admin.display(description="bytes", ordering="size")
    def bytes(self, thing: Any) -> str:
        """Its size."""
        return figures.size(thing.size)

    @admin.display(description="where", ordering="binned_at")
    def where(self, thing: Any) -> str:
        """Whether it is in use."""
        if thing.purged_at:
            return figures.chip("file gone")
        if thing.binned_at:
            return figures.chip("in the bin", "warning")
        return figures.chip("pinned", "good") if thing.pinned else "in use"

    @admin.action(description="Put into the bin…", permissions=["discard"])
    def put_into_bin(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Put into the bin what no render needs."""
        there = chosen.filter(binned_at__isnull=True)
        if not confirming.is_confirmed(request):
            text = f"It can be taken out again for {BIN_DAYS} days. What a waiting or running render needs stays where it is."
            return self._ask(request, there, "Put {} into the bin?", "Put into the bin", text)
        done, refused = 0, ""
        for thing in there.iterator(chunk_size=500):
            try:
                bin.put(thing, by=signed_in(request))
                done += 1
            except ProjectError as error:
                refused = f"{bin.title_of(thing)}: {error.message}"
        self._tell(request, f"{done} put into the bin.", refused)
        return None

    @admin.action(description="Take out of the bin", permissions=["steer"])
    def take_out(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Take out what is still there."""
        done, refused = 0, ""
        for thing in chosen.filter(binned_at__isnull=False, purged_at__isnull=True):
            try:
                bin.restore(thing)
                done += 1
            except ProjectError as error:
                refused = f"{bin.title_of(thing)}: {error.message}"
        self._tell(request, f"{done} taken out of the bin.", refused)

    @admin.action(description="Keep whatever the rules say", permissions=["steer"])
    def keep(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """No retention policy takes it."""
        for thing in chosen:
            retention.pin(thing)
        self._tell(request, "No policy takes these any more.")

    @admin.action(description="Leave to the rules again", permissions=["steer"])
    def let_go(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Retention policies take it like all others."""
        for thing in chosen:
            retention.pin(thing, pinned=False)
        self._tell(request, "The policies count for these again.")

    @admin.action(description="Remove from the bin for good…", permissions=["discard"])
    def remove_for_good(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Remove the files of what is in the bin, without waiting for its week to end."""
        there = chosen.filter(binned_at__isnull=False, purged_at__isnull=True)
        if not confirming.is_confirmed(request):
            text = "The files cannot be brought back. Rows stay, so that renders can tell what they were made of."
            return self._ask(request, there, "Remove {} for good?", "Remove for good", text)
        things = list(there)
        done = sum(bin.remove(thing, by=signed_in(request)) for thing in things)
        left = len(things) - done
        self._tell(request, f"{done} removed for good.", f"{left} could not be removed; the log says why." if left else "")
        return None

    def _ask(self, request: HttpRequest, rows: QuerySet[Any], title: str, button: str, explanation: str) -> HttpResponse | None:
        sums = rows.order_by().aggregate(size=Sum("size"))
        count = rows.count()
        if not count:
            self._tell(request, "Nothing to do: none of these is where that could be done.")
            return None
        name = self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural
        related = rows.select_related(*bin.HOMES[self.model])
        lines = (
            f"{bin.title_of(it)} · {bin.home_of(it)} · {figures.size(it.size)}" for it in related[: confirming.LINES_SHOWN]
        )
        return confirming.ask(
            self,
            request,
            title=title.format(f"{count} {name}"),
            button=button,
            explanation=explanation,
            count=count,
            lines=lines,
            size=sums["size"] or 0,
        )

    def _tell(self, request: HttpRequest, done: str, refused: str = "") -> None:
        self.message_user(request, done)
        if refused:
            self.message_user(request, refused, messages.WARNING)
