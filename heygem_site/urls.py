"""All addresses: pages, files, the API and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("projects.pages.urls")),
    path("files/", include("projects.media_urls")),
    path("api/v1/", include("projects.api.urls")),
    path("admin/", admin.site.urls),
]
