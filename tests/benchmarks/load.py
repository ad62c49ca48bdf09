"""Fifty scripts that each ask the API about once a second, of an installation with a library: how long an answer takes.

`make load`. A data folder of its own, a web server without lanes, locust (requirements/load.txt) as the scripts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS, SECONDS = 50, 60
PORT = os.environ.get("PORT", "7861")


def main() -> int:
    """Fill, serve, ask, tell."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HEYGEM_DATA": folder, "PORT": PORT, "CPU_LANES": "0", "IO_LANES": "0"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "heygem_site.settings"
        told = _filled()
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "serve", "--detach"], check=True)
        try:
            asking = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("polling.py")), "--headless"]
            asking += ["--users", str(SCRIPTS), "--spawn-rate", "25", "--run-time", f"{SECONDS}s", "--only-summary"]
            host = ["--host", f"http://127.0.0.1:{PORT}"]
            return subprocess.run([*asking, *host], env={**os.environ, "HEYGEM_LOAD": json.dumps(told)}).returncode
        finally:
            subprocess.run([*manage, "stop"], check=True)


def _filled() -> dict[str, object]:
    import django

    django.setup()
    from django.core.management import call_command

    from projects import accounts
    from projects.models import RenderBatch, RenderJob
    from tests import filled

    call_command("migrate", verbosity=0)
    made = filled.fill(
        filled.Extent(lecturers=30, clips=500, voices=200, videos=5000, cells=500, people=6, homes=10, binned=20)
    )
    tokens = [accounts.create_token(user=made.owner)[0] for _each in range(20)]
    jobs = [str(pk) for pk in RenderJob.objects.values_list("pk", flat=True)[:200]]
    return {"tokens": tokens, "jobs": jobs, "batch": str(RenderBatch.objects.latest("created_at").pk), "event": 0}


if __name__ == "__main__":
    sys.exit(main())
