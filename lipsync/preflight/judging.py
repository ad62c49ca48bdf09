"""From evidence to card."""

from __future__ import annotations

from lipsync.preflight.card import Card, Severity, Verdict
from lipsync.preflight.evidence import Evidence
from lipsync.preflight.figures import measure_figures
from lipsync.preflight.findings import find


def judge(evidence: Evidence) -> Card:
    """Measure, find, and say whether the take can be used. Raises nothing: a hopeless take gives a card that refuses it."""
    figures = measure_figures(evidence)
    findings = find(evidence, figures)
    severities = {finding.severity for finding in findings}
    if Severity.REFUSAL in severities:
        return Card(Verdict.REFUSED, findings, figures)
    return Card(Verdict.WARNINGS if Severity.WARNING in severities else Verdict.READY, findings, figures)
