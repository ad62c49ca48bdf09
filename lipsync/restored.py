"""Any engine with GFPGAN after it, which restores what was painted (Wang et al. 2021)."""

from __future__ import annotations

from lipsync.clock import Clock
from lipsync.enhancing import RestoredMouths
from lipsync.painting import BorrowedMouths
from lipsync.speaking import Network
from lipsync.stages import Method, Prepared, Take
from lipsync.version import release
from lipsync.weights import chosen, terms


class Restored:
    """See `stages.Method`. Raises EnvironmentFault (`weights_missing`, `licence_forbidden`)."""

    def __init__(self, method: Method, device: str, precision: str) -> None:
        self._method, self._weights = method, chosen("gfpgan")
        self._device, self._precision = device, precision
        self._network: Network | None = None
        self.follows_plan = method.follows_plan
        self.notices = method.notices + terms(self._weights)

    def get_ready(self, clock: Clock) -> None:
        """Load both networks, unless they are."""
        self._method.get_ready(clock)
        with clock.stage("load"):
            from lipsync.networks.opened import opened  # noqa: PLC0415 - torch, which only those who use it pay for

            self._network = opened(self._weights, self._device, self._precision)

    def prepare(self, take: Take) -> Prepared:
        """Plan as the engine does, and restore after it."""
        if self._network is None:
            raise RuntimeError("the network was not made ready")
        first = self._method.prepare(take)
        painter = first.painter or BorrowedMouths(take.analysis, first.plan)
        named = f"{first.painted_with} {self._weights.sha256} {self._device} {self._precision} {release('torch')}"
        return Prepared(first.plan, RestoredMouths(painter, take.analysis, first.plan, self._network), named)
