"""Pages of lists."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination

from projects.paging import Pager


class Pages(PageNumberPagination):
    """Fifty rows unless `page_size` asks for another number, at most two hundred."""

    django_paginator_class = Pager
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
