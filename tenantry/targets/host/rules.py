"""The firewall rules of one instance, read from the kernel."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

from tenantry.errors import UnavailableError
from tenantry.targets.host.place import Place

__all__ = ["of"]

_ATTEMPTS = 5  # nft gives up when somebody changes the rules while it reads them
_PAUSE_SECONDS = 0.1


def of(place: Place) -> Iterator[tuple[str, str]]:
    """Yield each line of the kernel's rule set that names the instance or its user.

    Raises:
        UnavailableError: the rules cannot be read.
    """
    if os.geteuid() != 0:
        return  # without root there are no rules of ours, and none can be read
    for line in _rules().splitlines():
        words = line.replace("{", " ").replace("}", " ").replace(",", " ").split()
        if place.marks.opaque in line or (place.marks.uid is not None and str(place.marks.uid) in words):
            yield line.strip(), ""


def _rules() -> str:
    for _ in range(_ATTEMPTS):
        argv = ["/usr/sbin/nft", "list", "ruleset"]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        if ran.returncode == 0:
            return ran.stdout
        time.sleep(_PAUSE_SECONDS)
    raise UnavailableError("the firewall's rules cannot be read", code="no-rules")
