"""Names that people choose and names that we make.

A client's name never becomes the name of a Unix user, a folder, a process or a
unit: those carry an opaque name, so that what a host keeps of them for years
(account files, logs) says nothing about a client.
"""

from __future__ import annotations

import re
import secrets

__all__ = ["INSTANCE_NAME", "RESERVED_NAMES", "new_opaque_name", "new_operation_id"]

INSTANCE_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}")  # 2 to 40 characters
RESERVED_NAMES = frozenset({"all", "default", "host", "none", "tenantry", "localhost"})

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # no i, l, o, u, 0, 1: read aloud without mistakes


def new_opaque_name() -> str:
    """Return a fresh name of 12 characters, valid as a Unix user and a database."""
    return "tn" + _random(10)


def new_operation_id() -> str:
    """Return a fresh identifier of an operation, 10 characters after ``op-``."""
    return "op-" + _random(10)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
