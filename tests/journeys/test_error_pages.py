"""Error pages look like the rest and say what to do."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from projects.models import Project


def test_an_unknown_address_says_so(owner_client: Client) -> None:
    response = owner_client.get("/nowhere/")
    assert response.status_code == 404
    assert "Nothing is at this address" in response.content.decode()


def test_a_form_without_its_token_says_what_to_do(owner: object) -> None:
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {})
    assert response.status_code == 403
    assert "load the page again" in response.content.decode()


def test_an_address_that_takes_forms_says_so_to_whoever_opens_it(owner_client: Client, project: Project) -> None:
    address = f"/projects/{project.pk}/invitations/add/"
    page = owner_client.get(address, headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert "data-error-sentence" in page.text
    assert owner_client.get(address).content == b""  # a script has asked


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "405", "413", "500"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_renders_without_a_request(code: str, language: str) -> None:
    with translation.override(language):
        text = render_to_string(f"{code}.html")
    assert "data-error-sentence" in text
    assert f'lang="{language}"' in text


def test_a_too_large_upload_carries_its_sentence() -> None:
    assert "larger than 5 MB" in render_to_string("413.html", {"message": "The file is larger than 5 MB."})
