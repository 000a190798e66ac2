"""Which secrets an instance on a host has, and how each is made.

Names with a dot are tenantry's own; the others are variables of the profile.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from tenantry.adapters.certificates import make_server_certificate
from tenantry.model.profile import Profile
from tenantry.ports import SecretStore
from tenantry.targets.generated import new_password, variable_makers

__all__ = [
    "APP_PASSWORD",
    "AUTHORITY",
    "AUTHORITY_KEY",
    "BACKUP_PASSPHRASE",
    "DEPLOY_PASSWORD",
    "FILES_PASSWORD",
    "SERVER_CERTIFICATE",
    "SERVER_KEY",
    "STACK_PASSPHRASE",
    "SUPPORT_PASSWORD",
    "VOLUME_KEY",
    "ensure_secrets",
    "made_up_secrets",
    "new_password",
]

APP_PASSWORD = "database.app.password"  # noqa: S105 - the names of secrets
DEPLOY_PASSWORD = "database.deploy.password"  # noqa: S105
SUPPORT_PASSWORD = "database.support.password"  # noqa: S105
AUTHORITY = "database.authority.certificate"
AUTHORITY_KEY = "database.authority.key"
SERVER_CERTIFICATE = "database.server.certificate"
SERVER_KEY = "database.server.key"
BACKUP_PASSPHRASE = "backup.database.passphrase"  # noqa: S105
FILES_PASSWORD = "backup.files.password"  # noqa: S105
VOLUME_KEY = "volume.key"
STACK_PASSPHRASE = "stack.passphrase"  # noqa: S105 - in a store of its own: it goes last

_VOLUME_KEY_BYTES = 32  # 64 characters: what the kernel takes for AES-256-XTS


def ensure_secrets(store: SecretStore, profile: Profile, *, opaque: str) -> Mapping[str, str]:
    """Make what is missing of the instance's secrets; return all of them."""
    if SERVER_KEY not in store.names():
        made = make_server_certificate(authority=opaque, names=["localhost", "127.0.0.1"])
        store.put(
            {
                AUTHORITY: made.authority,
                AUTHORITY_KEY: made.authority_key,
                SERVER_CERTIFICATE: made.certificate,
                SERVER_KEY: made.key,
            }
        )
    makers = _makers(profile)
    already = dict.fromkeys(store.names(), new_password)  # never called: they are there
    return store.ensure({**already, **makers})


def made_up_secrets(profile: Profile) -> Mapping[str, str]:
    """Return a value for each secret, for a preview of an instance that is not there; none is kept."""
    certificates = (AUTHORITY, AUTHORITY_KEY, SERVER_CERTIFICATE, SERVER_KEY)
    others = dict.fromkeys((*certificates, *(v.name for v in profile.variables)), new_password)
    return {name: make() for name, make in {**others, **_makers(profile)}.items()}


def _makers(profile: Profile) -> dict[str, Callable[[], str]]:
    own = (APP_PASSWORD, DEPLOY_PASSWORD, SUPPORT_PASSWORD, BACKUP_PASSPHRASE, FILES_PASSWORD)
    makers: dict[str, Callable[[], str]] = dict.fromkeys(own, new_password)
    makers[VOLUME_KEY] = lambda: secrets.token_hex(_VOLUME_KEY_BYTES)
    return {**makers, **variable_makers(profile)}
