"""A server that hears of finished renders, and believes nothing that is not signed. Python alone, nothing to install.

    HEYGEM_SECRET=whsec_... python examples/webhook_receiver.py 8000

Behind a web server with a certificate it is an address for *Webhooks* on the account page. It answers at once; what takes time
belongs into a queue. The same message may come twice, with the same `id`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OLDEST_SECONDS = 300
LARGEST_BYTES = 1_000_000


def is_ours(secret: str, signature: str, body: bytes, now: float) -> bool:
    """Whether a message was signed with the secret, and lately."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    moment = parts.get("t", "")
    if not moment.isdecimal() or abs(now - int(moment)) > OLDEST_SECONDS:
        return False
    wanted = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts.get("v1", ""))


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is ours, 400 to anything else."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST_BYTES))
        ours = is_ours(os.environ["HEYGEM_SECRET"], self.headers.get("HeyGem-Signature", ""), body, time.time())
        if ours:
            event = json.loads(body)
            sys.stdout.write(f"{event['kind']} {event['object_type']} {event['object_id']}\n")
            sys.stdout.flush()
        self.send_response(204 if ours else 400)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
