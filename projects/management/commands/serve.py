"""`manage.py serve`: web server and lanes with one command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from projects import accounts, lanes, running, schema, static_files, supervisor
from projects.members import LaneMember, web_server

READY = "Ready."
DETACHED_START_SECONDS = 90


def _port(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) < 2**16:
        raise ArgumentTypeError(f"PORT must be a whole number from 1 to 65535, not {word!r}.")
    return int(word)


class Command(BaseCommand):
    """Runs the installation until Ctrl-C."""

    help = "Starts the web server and the lanes. Ctrl-C ends them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen and whether to wait."""
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
        parser.add_argument("--port", type=_port, default=os.environ.get("PORT") or "7860")
        parser.add_argument("--detach", action="store_true", help="run in the background; end it with manage.py stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, or say why not."""
        host, port = str(options["host"]), int(options["port"])
        address = running.address(host, port)
        if (server := running.current()) is not None:
            raise CommandError(_already(server))
        if not running.becomes_free(host, port):
            raise CommandError(
                f"Port {port} on {host} is in use by another program, or not ours to use. "
                f"Choose another one: PORT={port + 1} make serve"
            )
        if options["detach"]:
            self._detach(host, port)
            return
        with running.alone(address) as alone:
            if not alone:
                server = running.current()
                raise CommandError(_already(server) if server else "HeyGem Studio is being started already.")
            self._serve(host, port, address)

    def _serve(self, host: str, port: int, address: str) -> None:
        schema.bring_up_to_date()
        static_files.gather()

        def on_ready() -> None:
            self.stdout.write(f"HeyGem Studio runs at {address}")
            token = accounts.new_setup_token()
            if token is not None:
                self.stdout.write(f"Create the first account (this link works once): {address}/setup/{token}/")
            self.stdout.write(f"{READY} Ctrl-C ends it.")
            self.stdout.flush()

        wanted = lanes.wanted()
        members = [web_server(host, port), *(LaneMember(lane) for lane in wanted)]
        with running.only_lanes() if wanted else nullcontext(True) as alone:
            if not alone:
                raise CommandError(
                    "The lanes of this machine run already. Set CPU_LANES=0 GPU_LANES=0 IO_LANES=0 to serve the pages alone."
                )
            supervisor.supervise(members, on_ready=on_ready, is_ready=lambda: running.answers(host, port))
        self.stdout.write("Stopped.")

    def _detach(self, host: str, port: int) -> None:
        """Start the same in the background and show what it says until it is ready."""
        log_path = Path(settings.LOG_FOLDER) / "serve.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, sys.argv[0], "serve", "--host", host, "--port", str(port)]
        with log_path.open("ab") as log:
            begin = log.tell()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + DETACHED_START_SECONDS
        said = ""
        while READY not in said and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
            said = log_path.read_bytes()[begin:].decode(errors="replace")
        said = log_path.read_bytes()[begin:].decode(errors="replace")
        if READY not in said:
            raise CommandError(f"It did not start; {log_path} says:\n{said}")
        self.stdout.write(said.replace("Ctrl-C ends it.", "End it with: make stop"))
        self.stdout.write(f"Its log: {log_path}")


def _already(server: running.Server) -> str:
    return (
        f"HeyGem Studio already runs at {server.address} (process {server.pid}). Open that address, or end it first: make stop"
    )
