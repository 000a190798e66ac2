"""The kernel's own file encryption (fscrypt, policy version 2) by its system calls.

Contents AES-256-XTS, names AES-256-CTS, keys derived by the kernel (HKDF-SHA512)
from the master key that is added to a mounted file system. No metadata on disk
and no settings in /etc are needed, unlike with the ``fscrypt`` program; what
takes its place is the instance's vault, which keeps the key. See
Documentation/filesystems/fscrypt.rst of the kernel.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

__all__ = [
    "KEY_BYTES",
    "LEAST_KEY_BYTES",
    "add_key",
    "has_key",
    "identifier_of",
    "protect",
    "remove_key",
    "supported",
]

KEY_BYTES = 64  # the most that the kernel takes
LEAST_KEY_BYTES = 32  # what AES-256 needs

_SET_POLICY = 0x800C6613
_GET_POLICY_EX = 0xC0096616
_ADD_KEY = 0xC0506617
_REMOVE_KEY_ALL_USERS = 0xC0406619
_KEY_STATUS = 0xC080661A
_BY_IDENTIFIER = 2
_POLICY = struct.Struct("<BBBBB3x16s")  # version, contents, names, flags, unit size, key identifier
_POLICY_MODES = (2, 1, 4, 3, 0)  # version 2, AES-256-XTS, AES-256-CTS, names padded to 32, default unit
_SPECIFIER = struct.Struct("<II16s16x")  # type, reserved, identifier
_PRESENT = 2


def supported(folder: Path) -> bool:
    """Say whether the file system of a folder can encrypt: its feature and the kernel's."""
    return _policy(folder)[0] != errno.EOPNOTSUPP


def identifier_of(folder: Path) -> bytes | None:
    """Return the identifier of the key that a folder is encrypted under; None: it is not."""
    code, policy = _policy(folder)
    return None if code else _POLICY.unpack(policy)[5]


def add_key(mount: Path, key: bytes) -> bytes:
    """Add a master key to a mounted file system; return its identifier. Again is fine."""
    argument = bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, 0, b"") + struct.pack("<II32x", len(key), 0) + key)
    _call(mount, _ADD_KEY, argument)
    identifier: bytes = _SPECIFIER.unpack_from(argument)[2]
    return identifier


def has_key(mount: Path, identifier: bytes) -> bool:
    """Say whether the key of that identifier is there, so that files can be opened."""
    argument = bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, 0, identifier) + bytes(88))
    _call(mount, _KEY_STATUS, argument)
    status: int = struct.unpack_from("<I", argument, 64)[0]
    return status == _PRESENT


def remove_key(mount: Path, identifier: bytes) -> None:
    """Take a key out of the kernel; one that is not there is fine."""
    argument = bytearray(_SPECIFIER.pack(_BY_IDENTIFIER, 0, identifier) + bytes(24))
    try:
        _call(mount, _REMOVE_KEY_ALL_USERS, argument)
    except OSError as error:
        if error.errno != errno.ENOKEY:
            raise


def protect(folder: Path, identifier: bytes) -> None:
    """Encrypt everything that will ever be in an empty folder. The same again is fine.

    Raises:
        OSError: ENOTEMPTY, or EEXIST when it is encrypted under another key.
    """
    _call(folder, _SET_POLICY, bytearray(_POLICY.pack(*_POLICY_MODES, identifier)))


def _policy(folder: Path) -> tuple[int, bytes]:
    """Return errno (0: there is a policy) and the policy."""
    argument = bytearray(struct.pack("<Q", _POLICY.size) + bytes(_POLICY.size))
    try:
        _call(folder, _GET_POLICY_EX, argument)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return error.errno, b""
        if error.errno == errno.ENOTTY:
            return errno.EOPNOTSUPP, b""
        raise
    return 0, bytes(argument[8 : 8 + _POLICY.size])


def _call(folder: Path, number: int, argument: bytearray) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, number, argument, True)
    finally:
        os.close(descriptor)
