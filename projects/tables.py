"""Cells of CSV files that people open in a table program."""

from __future__ import annotations

# A table program takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text, kept from being a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
