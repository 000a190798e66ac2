"""The only reasons for which a test may be skipped; any other skip fails the run."""

from __future__ import annotations

__all__ = ["ALLOWED_SKIPS", "allowed"]

# A reason begins with one of these. Each names something that the machine lacks and set-up cannot bring.
ALLOWED_SKIPS: tuple[str, ...] = (
    "the kernel lacks device-mapper",  # LUKS
    "the kernel lacks fscrypt",
    "the kernel lacks loop devices",
    "the kernel lacks nftables",
    "the machine grants no control groups",
    "the machine grants no namespaces",  # systemd is booted in its own
    "needs root",  # accounts, mounts and nftables; run the tests as root to have them all
)


def allowed(reason: str) -> bool:
    """Say whether a test may be skipped for this reason."""
    return reason.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS)
