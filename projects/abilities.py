"""What can be rendered where: some engines need weights and torch, which not every machine has.

Each machine looks what it has; its lanes' rows tell it to all others. A job that no lane can do is refused at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from lipsync.weights import usable
from projects.errors import Refused
from projects.models import Lane, RenderJob
from projects.models.choices import Engine, Enhancer
from projects.models.lanes import RENDERING

USUAL = Engine.RESYNTH.value
NEEDING_WEIGHTS = (Engine.WAV2LIP.value, Enhancer.GFPGAN.value)  # each bears its network's name


def here() -> list[str]:
    """What this machine's lanes can run, from the weights that are installed and allowed at this moment."""
    if find_spec("torch") is None:
        return [USUAL]
    return [USUAL, *(name for name in NEEDING_WEIGHTS if usable(name, settings.WEIGHTS_ROOT))]


def within() -> Q:
    """The jobs that this machine's lanes can run."""
    able = here()
    return Q(engine__in=able, enhancer__in=[Enhancer.NONE.value, *able])


def require(rows: Iterable[RenderJob]) -> None:
    """Raise ProjectError `no_lane_for_engine` where no lane that takes jobs can run one of these."""
    needs = [{job.engine, job.enhancer} - {USUAL, Enhancer.NONE.value} for job in rows]
    if not any(needs):
        return
    lanes = _lanes()
    for need in needs:
        if not any(need <= able for able in lanes):
            text = _(
                "No worker can make this: {names} is not installed anywhere. Choose the usual engine, or ask the administrator "
                "to install it (manage.py weights)."
            )
            names = ", ".join(sorted(need))
            raise Refused("no_lane_for_engine", text.format(names=names), field="engine")


def _lanes() -> list[set[str]]:
    """What each lane that takes jobs can run."""
    return [set(able) for able in Lane.objects.working().of(*RENDERING).values_list("abilities", flat=True)]
