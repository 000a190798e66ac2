"""What log files of real parts have new: from their beginning, then from where the last look ended."""

from __future__ import annotations

from pathlib import Path

from tenantry.sandbox.kinds import Cloud
from tenantry.sandbox.parts.notes import tidy

__all__ = ["Tails", "forget_tails"]

_NOTES = "watch/tail/"
_MOST = 1_000_000  # bytes at a time


class Tails:
    """Follows files; how far each was read outlives a restart."""

    def new_lines(self, cloud: Cloud, resource_id: str, file: Path) -> list[str]:
        """Return the whole lines that were written since the last time."""
        key = _NOTES + tidy(resource_id)
        try:
            size = file.stat().st_size
        except OSError:
            return []
        note = cloud.recall(key).get(key)
        if note is not None and note["at"] == size:
            return []
        # A file that is shorter than it was is a new one.
        at = 0 if note is None or note["at"] > size else int(note["at"])
        with file.open("rb") as opened:
            opened.seek(at)
            text = opened.read(_MOST)
        whole, found, _ = text.rpartition(b"\n")
        if not found and len(text) < _MOST:
            return []
        read = whole + found if found else text
        cloud.remember(key, {"at": at + len(read)})
        return [line for line in read.decode(errors="replace").splitlines() if line.strip()]


def forget_tails(cloud: Cloud) -> None:
    """Forget how far logs were read of what is gone."""
    for key in cloud.recall(_NOTES):
        if cloud.find("/" + key.removeprefix(_NOTES)) is None:
            cloud.remember(key, None)
