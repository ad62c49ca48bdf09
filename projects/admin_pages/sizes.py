"""Sizes, typed as they are shown: in gigabytes of 1024 megabytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

GIGABYTE = 2**30
# So many that a field sent back as it was shown gives the same byte.
SHOWN = Decimal("1e-10")


class GigabytesField(forms.DecimalField):
    """Bytes behind the page, gigabytes on it."""

    def __init__(self, *, label: str, help_text: str) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
        super().__init__(min_value=Decimal(0), required=False, label=label, help_text=help_text, widget=widget)

    def prepare_value(self, value: Any) -> Any:
        """What stands in the field: of a number of bytes the gigabytes, of what was typed itself."""
        return f"{(value / Decimal(GIGABYTE)).quantize(SHOWN).normalize():f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Bytes of what was typed. Raises ValidationError."""
        typed = super().clean(value)
        return None if typed is None else round(typed * GIGABYTE)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compared as shown."""
        return super().has_changed(self.to_python(self.prepare_value(initial)), data)
