"""Long lists cut into pages, for pages and API alike."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet


class Pager(Paginator):  # type: ignore[type-arg]  # Django's own takes no argument
    """Finds which rows a page has before anything is joined to them: a database may join all of them before it sorts."""

    def page(self, number: int | str) -> Page[Any]:
        """See Paginator."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        ids = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=ids), number, self)
