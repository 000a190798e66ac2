# ruff: noqa: ARG002 - the signatures are those of Handler
"""An instance's place at the proxy: its host name, its certificate, its public folders."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError, SpecError, UnavailableError
from tenantry.model.spec import TlsMode
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import acl
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.proxy import Proxy, route_of

__all__ = ["Site"]

_KEYS = ("hostname", "upstreamPort", "tls", "publicFolders")


class Site:
    """A route from a host name to an instance's port.

    Inputs: opaque, hostname, upstreamPort (on 127.0.0.1), tls {mode, certificateFile,
    keyFile}, publicFolders [{path, folder}]. No outputs.
    """

    type: ClassVar[str] = "Site"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"opaque"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, executor: Executor, layout: HostLayout, *, proxy: Proxy) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout
        self._proxy = proxy

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("opaque", "hostname", "upstreamPort", "tls"))
        tls = inputs.get("tls")
        if isinstance(tls, Mapping) and tls.get("mode") not in list(TlsMode):
            failures.append(("tls", f"mode must be one of {', '.join(TlsMode)}"))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Have it served, and note it for the next start of the proxy.

        Raises:
            RefusedError: another instance has the host name.
            SpecError: the given certificate or key cannot be read.
            FailedError: the proxy refuses it; the other sites are served as before.
        """
        opaque, site = str(inputs["opaque"]), _site(inputs)
        self._proxy.ensure_user()
        with self._proxy.locked():
            others = {name: other for name, other in self._proxy.site_files().items() if name != opaque}
            _refuse_taken(site["hostname"], others)
            before = self._proxy.site_files().get(opaque)
            self._proxy.make_folders()
            self._hand_over_keys(opaque, site["tls"])
            self._grant(opaque, site, before)
            self._proxy.load({**others, opaque: site})
            self._executor.write(self._file(opaque), json.dumps(site, indent=1), mode=0o600)
            if before is not None and before["hostname"] != site["hostname"]:
                self._proxy.forget_certificates(before["hostname"])
        return opaque, {}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at the note and at what the running proxy has.

        Further keys say what is not as it should be: ``served`` (the proxy is down
        or its route is another), ``keys``, ``certificate`` (ACME has not given one,
        and is asked again), ``access`` to a public folder.
        """
        site = self._proxy.site_files().get(resource_id)
        if site is None:
            return None
        observed = {key: site.get(key, value) for key, value in inputs.items()}
        observed["opaque"] = resource_id
        if not self._served(resource_id, site):
            observed["served"] = False
        if not self._keys_intact(resource_id, site["tls"]):
            observed["keys"] = "changed"
        if site["tls"]["mode"] == TlsMode.ACME and not self._proxy.has_certificate(site["hostname"]):
            observed["certificate"] = "missing"
        if not all(self._readable(Path(item["folder"])) for item in site.get("publicFolders") or ()):
            observed["access"] = False
        return Observed(inputs=observed, outputs={})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Have it served as wanted now."""
        return self.create(new)[1]

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Take away the route, the note, the certificate and its key, and access to folders."""
        with self._proxy.locked():
            sites = self._proxy.site_files()
            site = sites.pop(resource_id, None) or _site(inputs)
            if self._proxy.running():
                self._proxy.load(sites)
            else:
                self._proxy.note(sites)
            for folder in _folders(site):
                self._revoke(resource_id, folder)
            self._proxy.forget_certificates(site["hostname"])
            self._proxy.forget_in_logs(site["hostname"])
            for rest in (*self._key_files(resource_id), self._file(resource_id)):
                self._executor.remove(rest)

    def _file(self, opaque: str) -> Path:
        return self._proxy.sites / f"{opaque}.json"

    def _key_files(self, opaque: str) -> tuple[Path, Path]:
        return self._proxy.keys / f"{opaque}.crt", self._proxy.keys / f"{opaque}.key"

    def _served(self, opaque: str, site: Mapping[str, Any]) -> bool:
        try:
            status, body = self._proxy.ask("GET", f"/id/site-{opaque}")
        except UnavailableError:
            return False
        return status == 200 and json.loads(body) == route_of(opaque, site)  # noqa: PLR2004

    def _hand_over_keys(self, opaque: str, tls: Mapping[str, Any]) -> None:
        """Copy a given certificate and key to memory, readable by the proxy alone."""
        if tls["mode"] != TlsMode.FILES:
            for path in self._key_files(opaque):
                self._executor.remove(path)
            return
        for path, source in zip(self._key_files(opaque), _sources(tls), strict=True):
            try:
                content = source.read_bytes()
            except OSError as error:
                raise SpecError(
                    f"{source} cannot be read: {error.strerror}",
                    hint="tls.certificate_file and tls.key_file must be PEM files that this user can read",
                    code="no-certificate",
                ) from error
            if not path.exists() or path.read_bytes() != content:
                self._executor.write(path, content, mode=0o400, uid=self._proxy.uid())

    def _keys_intact(self, opaque: str, tls: Mapping[str, Any]) -> bool:
        if tls["mode"] != TlsMode.FILES:
            return True
        with contextlib.suppress(OSError):
            return [_digest(path) for path in self._key_files(opaque)] == [_digest(p) for p in _sources(tls)]
        return False

    def _grant(self, opaque: str, site: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        """Let the proxy read public folders, and no longer those that were and are not any more."""
        uid = self._proxy.uid()
        if uid is None:
            return
        for folder in _folders(before or {}):
            if folder not in _folders(site):
                self._revoke(opaque, folder)
        for folder in _folders(site):
            if not folder.is_dir():
                raise FailedError(f"the public folder {folder} is not there", code="no-folder")
            acl.grant(self._executor, folder, uid=uid, below=self._layout.home(opaque))

    def _revoke(self, opaque: str, folder: Path) -> None:
        uid = self._proxy.uid()
        if uid is not None:
            acl.revoke(self._executor, folder, uid=uid, below=self._layout.home(opaque))

    def _readable(self, folder: Path) -> bool:
        uid = self._proxy.uid()
        return uid is None or bool(acl.granted(folder, uid) & 4)


def _site(inputs: Inputs) -> dict[str, Any]:
    return {key: inputs[key] for key in _KEYS if key in inputs}


def _folders(site: Mapping[str, Any]) -> list[Path]:
    return [Path(item["folder"]) for item in site.get("publicFolders") or ()]


def _sources(tls: Mapping[str, Any]) -> tuple[Path, Path]:
    return Path(tls["certificateFile"]), Path(tls["keyFile"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refuse_taken(hostname: str, others: Mapping[str, Mapping[str, Any]]) -> None:
    for opaque, other in others.items():
        if other["hostname"] == hostname:
            raise RefusedError(
                f"the host name {hostname} belongs to another instance ({opaque})",
                hint="choose another hostname in the spec",
                code="hostname-taken",
            )
