"""The reverse proxy of a host: one Caddy under the supervisor, for every instance.

It runs as a user of its own, whose only extra right is to listen below 1024.
Its configuration is put together from one file per site and handed over through
an admin socket (0600, in memory) without losing a connection; the same text is
what it starts with again. A configuration that Caddy refuses is not kept, so
one bad site cannot take the others down.

Certificates come from files, from an ACME directory, or from an authority of
the proxy's own, whose root certificate clients must be given
(``root_certificate``); nothing is installed into the machine's trust store.

Deliberately not done: access logs. Addresses and query strings are personal
data of the client's people, and an application logs what it needs itself. What
goes wrong is logged at WARN, without the request. A host name that stands in
that log is taken out with its site.
"""

from __future__ import annotations

import contextlib
import grp
import http.client
import json
import os
import pwd
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tenantry.errors import FailedError, UnavailableError
from tenantry.model.spec import HostSettings, TlsMode
from tenantry.providers.host.account import Account
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.process import Supervised
from tenantry.providers.host.supervisor import locked

__all__ = ["SERVICE", "Proxy", "proxy_user", "root_certificate", "route_of"]

SERVICE = "proxy"
_AUTHORITY = "tenantry"
_SECONDS = 20.0
_GRACE_SECONDS = 10
# Errors would tell address, path and query of the request that they met.
_ENCODER = {"format": "filter", "wrap": {"format": "json"}, "fields": {"request": {"filter": "delete"}}}


def proxy_user(layout: HostLayout) -> str:
    """Return the name of the Unix user that the proxy runs as."""
    return f"tenantry-proxy-{layout.host_id}"


def root_certificate(layout: HostLayout) -> Path:
    """Return where the root certificate of the proxy's own authority lies (PEM); made at first use."""
    return layout.proxy_state / "pki" / "authorities" / _AUTHORITY / "root.crt"


class Proxy:
    """The Caddy of one host."""

    def __init__(
        self,
        executor: Executor,
        layout: HostLayout,
        *,
        settings: HostSettings,
        supervised: Supervised | None = None,
    ) -> None:
        """Keep what is needed; it is started with the first site."""
        self._executor = executor
        self._layout = layout
        self._settings = settings
        self._supervised = supervised or Supervised(executor, layout)
        self._account = Account(executor, layout)

    @property
    def sites(self) -> Path:
        """The folder with one file per site."""
        return self._layout.proxy_runtime / "sites"

    @property
    def keys(self) -> Path:
        """The folder, in memory, with certificates and keys that were given as files."""
        return self._layout.proxy_runtime / "keys"

    def uid(self) -> int | None:
        """Return the proxy's user id; None: it has no user of its own (yet)."""
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(proxy_user(self._layout)).pw_uid
        return None

    def ensure_user(self) -> int | None:
        """Make the proxy's user if we are root; return its id, None if we are not.

        Its number is the highest free one below those of the instances.
        """
        if os.geteuid() != 0:
            return None
        with self.locked():
            uid = self.uid()
            if uid is None:
                uid = self._begun() or next(
                    number for number in range(self._settings.uid_base - 1, 999, -1) if _free(number)
                )
            self._account.create(self._user(uid))
        return uid

    def _begun(self) -> int | None:
        """Return the number of our group where a killed run made it and not yet its user."""
        with contextlib.suppress(KeyError):
            return grp.getgrnam(proxy_user(self._layout)).gr_gid
        return None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sole right to change the proxy's sites."""
        if not self._layout.proxy_runtime.is_dir():
            self._executor.folder(self._layout.proxy_runtime, mode=0o711)
        with locked(self._layout.proxy_runtime / ".lock"):
            yield

    def load(self, sites: Mapping[str, Mapping[str, Any]]) -> None:
        """Make these sites the ones that are served, by opaque name; the lock must be held.

        Raises:
            FailedError: Caddy refuses them; what was served before is still served.
            UnavailableError: Caddy is not installed or does not start.
        """
        self.make_folders()
        if self.running():
            status, body = self.ask("POST", "/load", self._text(sites))
            if status != 200:  # noqa: PLR2004
                raise FailedError(
                    f"the proxy refuses its configuration: {_complaint(body)}",
                    hint="look at the host name, the certificate's files and the ports in tenantry.yaml",
                    code="proxy-refuses",
                )
        self.note(sites)
        self._ensure_process()

    def note(self, sites: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the configuration that the proxy starts with next time; the lock must be held."""
        self._executor.write(self._config, self._text(sites), mode=0o400, uid=self.uid())

    def site_files(self) -> dict[str, dict[str, Any]]:
        """Return the sites as their files have them, by opaque name; a broken file is left out."""
        found = {}
        for path in sorted(self.sites.glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                found[path.stem] = dict(json.loads(path.read_text()))
        return found

    def running(self) -> bool:
        """Say whether the proxy answers on its admin socket."""
        try:
            return self.ask("GET", "/config/admin")[0] == 200  # noqa: PLR2004
        except UnavailableError:
            return False

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        """Ask the admin socket; return status and body.

        Raises:
            UnavailableError: nothing answers there.
        """
        connection = _UnixConnection(self._admin)
        try:
            # must-revalidate: files that the same configuration names (certificates) are read anew.
            headers = {
                "Content-Type": "application/json",
                "Host": "localhost",
                "Cache-Control": "must-revalidate",
            }
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(
                f"the proxy does not answer on {self._admin}: {error}",
                hint="deploy any instance: it starts the proxy",
                code="proxy-down",
            ) from error
        finally:
            connection.close()

    def has_certificate(self, hostname: str) -> bool:
        """Say whether there is a certificate that the proxy made or fetched for a host name."""
        return any((self._layout.proxy_state / "certificates").glob(f"*/{hostname}/{hostname}.crt"))

    def forget_certificates(self, hostname: str) -> None:
        """Remove the certificate and key that the proxy made or fetched for a host name."""
        for folder in sorted((self._layout.proxy_state / "certificates").glob(f"*/{hostname}")):
            self._executor.remove(folder)

    def forget_in_logs(self, hostname: str) -> None:
        """Take every line with a host name out of the proxy's own log."""
        if not self._logs.is_dir():
            return
        with contextlib.suppress(FailedError):  # without a logger nobody writes to it
            self._supervised.rotate_log(SERVICE)
        for path in sorted(self._logs.iterdir()):
            if not path.is_file() or path.is_symlink():
                continue
            lines = path.read_text(errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if hostname not in line]
            if len(kept) < len(lines):
                self._executor.write(path, "".join(kept), mode=0o600, uid=self.uid())

    def remove(self) -> None:
        """Take the whole proxy away: process, user, certificates, own authority."""
        self._supervised.remove(SERVICE)
        uid = self.uid()
        if uid is not None:
            self._account.delete(proxy_user(self._layout), self._user(uid))
        for folder in (self._layout.proxy_runtime, self._layout.proxy_state):
            self._executor.remove(folder)

    # Below: the parts of the above.

    def _user(self, uid: int) -> dict[str, Any]:
        return {"name": proxy_user(self._layout), "uid": uid, "home": str(self._layout.proxy_state)}

    @property
    def _config(self) -> Path:
        return self._layout.proxy_runtime / "config.json"

    @property
    def _logs(self) -> Path:
        return self._layout.proxy_state / "logs"

    @property
    def _admin(self) -> Path:
        return self._layout.proxy_runtime / "admin" / "socket"

    def make_folders(self) -> None:
        """Make the proxy's folders, or put owner and mode right."""
        uid = self.uid()
        self._executor.folder(self._layout.proxy_state, mode=0o700, uid=uid)
        self._executor.folder(self.sites, mode=0o700)
        for path in (self.keys, self._admin.parent):
            self._executor.folder(path, mode=0o700, uid=uid)

    def _ensure_process(self) -> None:
        caddy = shutil.which("caddy", path="/usr/bin:/usr/local/bin:/bin")
        if caddy is None:
            raise UnavailableError(
                "caddy is not installed", hint="run: tenantry doctor", code="missing-program"
            )
        self._supervised.ensure(
            SERVICE,
            argv=[caddy, "run", "--config", str(self._config)],
            env={"HOME": str(self._layout.proxy_state), "XDG_DATA_HOME": str(self._layout.proxy_state)},
            uid=self.uid(),
            cwd=self._layout.proxy_state,
            grace_seconds=_GRACE_SECONDS,
            log_folder=self._logs,
            low_ports=os.geteuid() == 0,
            ready=self.running,
        )

    def _text(self, sites: Mapping[str, Mapping[str, Any]]) -> str:
        return json.dumps(self._configuration(sites), indent=1, sort_keys=True)

    def _configuration(self, sites: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        settings = self._settings
        servers: dict[str, Any] = {
            "https": {
                "listen": [f"{_bracketed(settings.bind)}:{settings.https_port}"],
                "protocols": ["h1", "h2"],
                "routes": [route_of(opaque, sites[opaque]) for opaque in sorted(sites)],
                "automatic_https": {"disable_redirects": True},
                # Its address is what a certificate is for; an unknown name gets none.
                "strict_sni_host": True,
            }
        }
        if settings.http_port:
            servers["http"] = {
                "listen": [f"{_bracketed(settings.bind)}:{settings.http_port}"],
                "routes": [_redirect(settings.https_port)],
            }
        http_app: dict[str, Any] = {"https_port": settings.https_port, "servers": servers}
        if settings.http_port:
            http_app["http_port"] = settings.http_port
        return {
            "admin": {
                "listen": f"unix/{self._admin}",
                "origins": ["localhost"],
                "config": {"persist": False},
            },
            "logging": {"logs": {"default": {"level": "WARN", "encoder": _ENCODER}}},
            "storage": {"module": "file_system", "root": str(self._layout.proxy_state)},
            "apps": {"http": http_app, "pki": _authority(), "tls": self._certificates(sites)},
        }

    def _certificates(self, sites: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        by_mode: dict[str, list[str]] = {mode: [] for mode in TlsMode}
        files = []
        for opaque in sorted(sites):
            site = sites[opaque]
            by_mode[site["tls"]["mode"]].append(site["hostname"])
            if site["tls"]["mode"] == TlsMode.FILES:
                files.append({"certificate": f"{self.keys}/{opaque}.crt", "key": f"{self.keys}/{opaque}.key"})
        policies = []
        if by_mode[TlsMode.ACME]:
            policies.append({"subjects": by_mode[TlsMode.ACME], "issuers": [self._acme()]})
        own = {"module": "internal", "ca": _AUTHORITY, "lifetime": "168h"}
        policies.append({"subjects": by_mode[TlsMode.OWN_CA], "issuers": [own]})
        tls: dict[str, Any] = {"automation": {"policies": [p for p in policies if p["subjects"]]}}
        if files:
            tls["certificates"] = {"load_files": files}
        return tls

    def _acme(self) -> dict[str, Any]:
        settings = self._settings
        issuer: dict[str, Any] = {"module": "acme"}
        if settings.acme_directory:
            issuer["ca"] = settings.acme_directory
        if settings.acme_email:
            issuer["email"] = settings.acme_email
        if settings.acme_ca_file:
            issuer["trusted_roots_pem_files"] = [str(settings.acme_ca_file)]
        challenges: dict[str, Any] = {"tls-alpn": {"alternate_port": settings.https_port}}
        challenges["http"] = (
            {"alternate_port": settings.http_port} if settings.http_port else {"disabled": True}
        )
        return {**issuer, "challenges": challenges}


def _authority() -> dict[str, Any]:
    return {
        "certificate_authorities": {
            _AUTHORITY: {
                "name": "tenantry host authority",
                "root_common_name": "tenantry host root",
                "intermediate_common_name": "tenantry host intermediate",
                "install_trust": False,
            }
        }
    }


def route_of(opaque: str, site: Mapping[str, Any]) -> dict[str, Any]:
    """Return the route of a site, as Caddy has it: public folders first, then the workload."""
    public = [_public(item) for item in site.get("publicFolders") or ()]
    upstream = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{int(site['upstreamPort'])}"}],
        "headers": {"response": {"delete": ["Server"]}},
    }
    return {
        "@id": f"site-{opaque}",
        "match": [{"host": [site["hostname"]]}],
        "handle": [{"handler": "subroute", "routes": [*public, {"handle": [upstream]}]}],
        "terminal": True,
    }


def _public(item: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "/" + str(item["path"]).strip("/")
    return {
        "match": [{"path": [f"{prefix}/*"]}],
        "handle": [
            {"handler": "rewrite", "strip_path_prefix": prefix},
            {
                "handler": "headers",
                # What people uploaded must not run as a page of the application's.
                "response": {
                    "set": {
                        "X-Content-Type-Options": ["nosniff"],
                        "Content-Security-Policy": ["default-src 'none'; sandbox"],
                    }
                },
            },
            {"handler": "file_server", "root": item["folder"], "hide": [".*"], "index_names": []},
        ],
        "terminal": True,
    }


def _redirect(https_port: int) -> dict[str, Any]:
    port = "" if https_port == 443 else f":{https_port}"  # noqa: PLR2004
    location = f"https://{{http.request.host}}{port}{{http.request.uri}}"
    return {
        "handle": [{"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}]
    }


def _free(number: int) -> bool:
    """Say whether no user and no group has a number."""
    for look in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            look(number)
            return False
    return True


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _complaint(body: str) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body)["error"])[-400:]
    return body[-400:]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))
