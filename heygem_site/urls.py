"""All addresses: pages, files, the API, the door for scripts written for Duix-Avatar, and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from projects.api import duix

urlpatterns = [
    path("", include("projects.pages.urls")),
    path("files/", include("projects.media_urls")),
    path("api/v1/", include("projects.api.urls")),
    path("easy/submit", duix.Submit.as_view(), name="duix_submit"),
    path("easy/query", duix.Query.as_view(), name="duix_query"),
    path("admin/", admin.site.urls),
]

handler400 = "heygem_site.refusals.bad_request"
handler403 = "heygem_site.refusals.permission_denied"
handler404 = "heygem_site.refusals.page_not_found"
handler500 = "heygem_site.refusals.server_error"
