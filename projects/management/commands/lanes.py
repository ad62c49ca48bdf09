"""`manage.py lanes`: the lanes alone, beside a web server on this machine or another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from projects import lanes, running, supervisor
from projects.management.prepared import PreparedCommand
from projects.members import LaneMember


class Command(PreparedCommand):
    """Runs this machine's lanes until Ctrl-C."""

    help = "Starts the lanes that CPU_LANES, GPU_LANES and IO_LANES ask for, without a web server. Ctrl-C ends them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run them, or say why not."""
        wanted = lanes.wanted()
        if not wanted:
            raise CommandError("No lanes are asked for. Set CPU_LANES, GPU_LANES or IO_LANES.")
        with running.only_lanes() as alone:
            if not alone:
                raise CommandError("The lanes of this machine run already. End `serve` or `lanes` first.")
            supervisor.supervise([LaneMember(lane) for lane in wanted], on_ready=self._say, is_ready=lambda: True)
        self.stdout.write("Stopped.")

    def _say(self) -> None:
        names = ", ".join(lane.name for lane in lanes.wanted())
        self.stdout.write(f"Lanes: {names}\nReady. Ctrl-C ends them.")
        self.stdout.flush()
