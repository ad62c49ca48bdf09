"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects import access
from projects.models import EventKind, Project
from projects.models.webhooks import URL_LENGTH


class WebhookForm(forms.Form):
    """Where to, and of what. fixed: of one that is there already, whose project stays"""

    url = forms.CharField(
        label=_("Address"),
        max_length=URL_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off", "inputmode": "url"}),
        help_text=_("A server of yours that takes POST requests, by https."),
    )
    project = forms.ModelChoiceField(
        label=_("Project"), queryset=Project.objects.none(), required=False, empty_label=_("All that I may see")
    )
    kinds = forms.MultipleChoiceField(
        label=_("Tell when"), choices=EventKind.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, user: Any, *arguments: Any, fixed: bool = False, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if fixed:
            del self.fields["project"]
        else:
            self.fields["project"].queryset = access.projects_of(user).order_by("name")  # type: ignore[attr-defined]
