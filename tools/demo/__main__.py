"""``make demo``: it drives the installed command line, psql and curl, and imports nothing of tenantry.

It prints each command before it runs it. ``KEEP=1`` leaves everything in place; the
last lines then say how to go on by hand.
"""

from __future__ import annotations

from tools.demo import host

host.tell()
