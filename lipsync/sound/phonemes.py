"""Classes of speech sounds by what the lips and the jaw do for them; free of imports, for whoever shows a timeline."""

from __future__ import annotations

CLASSES = (
    *("sil", "p", "m", "f", "w", "sh", "s", "t", "n", "l", "r", "k", "h", "th", "j"),
    *("i", "e", "eh", "a", "aa", "ax", "ao", "o", "u", "y", "ih2"),
)
"""Position in this tuple is the class's number; 0 is silence, then consonants, from `i` on vowels."""
