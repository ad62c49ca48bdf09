"""What a person says of themselves: name and address, time zone, mails, and that they forgot their password."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from projects import preferences
from projects.models import Mail, Scope
from projects.models.tokens import TOKEN_NAME_LENGTH
from projects.preferences import NAME_LENGTH

EMAIL_LENGTH = 254
TOKEN_LIVES = ((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("a year")))


class DescriptionForm(forms.Form):
    """What somebody is called, and where mail reaches them."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=NAME_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("What others in your projects read. Left empty: your user name."),
    )
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=EMAIL_LENGTH,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("Needed only to change the address."),
    )

    @classmethod
    def of(cls, user: User) -> DescriptionForm:
        """As it is now."""
        return cls(initial={"name": user.get_full_name(), "email": user.email}, prefix="you")


class TimeZoneForm(forms.Form):
    """Where somebody's clock stands."""

    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        regions = groupby(preferences.time_zones(), lambda name: name.partition("/")[0])
        listed = [(region, [(name, _place(name)) for name in names]) for region, names in regions]
        field = self.fields["time_zone"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("As this browser says")), *listed]


class MailsForm(forms.Form):
    """What somebody wishes to be told by mail."""

    mails = forms.MultipleChoiceField(
        label=_("Write to me when"), choices=Mail.choices, required=False, widget=forms.CheckboxSelectMultiple
    )


class ForgottenForm(forms.Form):
    """Whose password shall be chosen anew."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


def _place(name: str) -> str:
    """Europe/Isle_of_Man -> Isle of Man."""
    return (name.partition("/")[2] or name).replace("_", " ")


class TokenForm(forms.Form):
    """A new API token."""

    token_name = forms.CharField(
        label=_("Name"),
        max_length=TOKEN_NAME_LENGTH,
        required=False,
        help_text=_("To know it again, for example: course pipeline"),
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=Scope.choices,
        initial=[Scope.READ, Scope.UPLOAD, Scope.RENDER],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose what the token may be used for.")},
    )
    days = forms.TypedChoiceField(label=_("It ends after"), choices=TOKEN_LIVES, coerce=int, initial=90)
