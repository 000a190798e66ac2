"""Mount namespaces of a test's own, for what a test must not do to the machine.

A new mount namespace holds a copy of every mount, other tests' volumes too, and
would keep their loop devices busy. So it begins by letting those go.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["LET_GO", "in_namespace"]

# Lets every volume go but $KEEP.
LET_GO = r"""for place in $(awk -v keep="$KEEP" '/ \/dev\/loop/ && (keep == "" || $5 != keep) {print $5}' \
/proc/self/mountinfo); do umount -l "$place" 2>/dev/null; done
"""


def in_namespace(script: str, *arguments: str, keep: Path | None = None) -> list[str]:
    """Return the command that runs a shell script in a mount namespace of its own.

    keep: the one volume that stays mounted there.
    """
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
    return [*wrapper, f"KEEP={keep or ''}\n{LET_GO}{script}", "sh", *arguments]
