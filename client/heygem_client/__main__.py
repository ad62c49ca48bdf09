"""`python -m heygem_client` is the command `heygem`."""

from __future__ import annotations

import sys

from heygem_client.command import main

sys.exit(main())
