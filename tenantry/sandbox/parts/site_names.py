"""Host names of a site beside its own, and the certificates that App Service manages for them.

As App Service does: a name is bound once its DNS leads to the site (CNAME) or
says whose it is (TXT at ``asuid.<name>``); a certificate is made for a name that
is bound and whose CNAME leads straight to the site, in an operation, and renewed
45 days before its end. The certificate on the wire is the authority's, which is
valid for longer than Resource Manager says: TLS looks at the machine's clock.
Not here: A records, zone apexes, certificates that people bring along.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tenantry.sandbox import public_dns
from tenantry.sandbox.kinds import ArmFault, Cloud, Kind, Resource
from tenantry.sandbox.parts.notes import iso, moment, same, subscription, tidy

__all__ = [
    "BINDING",
    "CERTIFICATE",
    "Certificates",
    "HostNames",
    "analysis",
    "bound_to",
    "default_host",
    "ssl_states",
    "verification_id",
]

_SITE = "Microsoft.Web/sites"
BINDING = f"{_SITE}/hostNameBindings"
CERTIFICATE = "Microsoft.Web/certificates"
_KEYS = "sites/certificate/"  # notes: certificate and key of a certificate's id
_VALID, _RENEWED_BEFORE = timedelta(days=182), timedelta(days=45)
_WITH_TLS = frozenset({"SniEnabled", "IpBasedEnabled"})


def default_host(cloud: Cloud, site: Resource) -> str:
    """Return the name that App Service gave a site."""
    return f"{site.name.lower()}.azurewebsites.{cloud.suffix}"


def verification_id(site: Resource) -> str:
    """Return what proves that a name's owner means this subscription; the same for all of its sites."""
    return hashlib.sha256(subscription(site.id).lower().encode()).hexdigest().upper()


def bound_to(cloud: Cloud, host: str) -> Resource | None:
    """Return the binding of a name, on whichever site."""
    return next((one for one in cloud.children("", BINDING) if one.name.lower() == host.lower()), None)


def ssl_states(cloud: Cloud, site: Resource) -> list[dict[str, Any]]:
    """Return how each name of a site is served, as the site tells it."""
    own = default_host(cloud, site)
    scm = own.replace(".azurewebsites.", ".scm.azurewebsites.", 1)
    found: list[dict[str, Any]] = [
        {"name": own, "sslState": "Disabled", "hostType": "Standard"},
        {"name": scm, "sslState": "Disabled", "hostType": "Repository"},
    ]
    for one in cloud.children(site.id, BINDING):
        state = {"name": one.name, "sslState": one.properties["sslState"], "hostType": "Standard"}
        if thumbprint := one.properties.get("thumbprint"):
            state["thumbprint"] = thumbprint
        found.append(state)
    return found


def analysis(cloud: Cloud, site: Resource, host: str) -> dict[str, Any]:
    """Answer ``analyzeCustomHostname``: what is seen of a name, and whether it may be bound to a site."""
    host = host.lower()
    if not host:
        raise ArmFault(400, "BadRequest", "The parameter hostName is missing.")
    fault = _not_verified(cloud, site, host)
    taken = bound_to(cloud, host)
    elsewhere = taken is not None and not _is_below(taken, site)
    told: dict[str, Any] = {
        "isHostnameAlreadyVerified": taken is not None and not elsewhere,
        "customDomainVerificationTest": "Failed" if fault else "Passed",
        "hasConflictOnScaleUnit": elsewhere,
        "hasConflictAcrossSubscription": elsewhere and not _same_subscription(taken, site),
        "cNameRecords": public_dns.look_up(cloud, host, "CNAME"),
        "txtRecords": public_dns.look_up(cloud, f"asuid.{host}", "TXT"),
        "aRecords": [],
        "alternateCNameRecords": [],
        "alternateTxtRecords": [],
    }
    if fault is not None:
        told["customDomainVerificationFailureInfo"] = {"code": fault.code, "message": fault.message}
    if taken is not None and elsewhere and _same_subscription(taken, site):
        told["conflictingAppResourceId"] = taken.id.rsplit("/", 2)[0]
    return {"id": site.id, "name": site.name, "type": _SITE, "properties": told}


class HostNames(Kind):
    """The names of a site; its own is listed with them."""

    type = BINDING

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse a name that is another site's or whose DNS is silent, and an unknown certificate."""
        site, host = _site(cloud, new), new.name.lower()
        taken = bound_to(cloud, host)
        if taken is not None and not _is_below(taken, site):
            raise ArmFault(
                409, "Conflict", f"Hostname '{host}' already exists. Please select a different name."
            )
        if old is None and (fault := _not_verified(cloud, site, host)) is not None:
            raise fault
        if new.properties.get("sslState") in _WITH_TLS:
            thumbprint = str(new.properties.get("thumbprint") or "")
            if not any(
                one.properties.get("thumbprint") == thumbprint
                and host in (one.properties.get("hostNames") or ())
                for one in cloud.children("", CERTIFICATE)
            ):
                raise ArmFault(404, "NotFound", f"Cannot find Certificate with thumbprint {thumbprint}.")

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Fill it."""
        del old
        site, properties = _site(cloud, new), new.properties
        properties.setdefault("hostNameType", "Verified")
        properties.setdefault("customHostNameDnsRecordType", "CName")
        properties.setdefault("sslState", "Disabled")
        properties["siteName"] = site.name
        if properties["sslState"] not in _WITH_TLS:
            properties.pop("thumbprint", None)
        new.body["name"] = f"{site.name}/{new.name}"

    def listed(self, cloud: Cloud, parent: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Tell the site's own name."""
        del query
        site = cloud.find(parent)
        if site is None:
            return []
        host = default_host(cloud, site)
        return [
            {
                "id": f"{site.id}/hostNameBindings/{host}",
                "name": f"{site.name}/{host}",
                "type": BINDING,
                "properties": {"siteName": site.name, "hostNameType": "Verified", "sslState": "Disabled"},
            }
        ]


class Certificates(Kind):
    """Certificates that App Service makes, keeps the keys of, and renews."""

    type = CERTIFICATE

    def __init__(self, issue: Callable[[list[str]], tuple[bytes, bytes]]) -> None:
        """``issue`` makes a certificate of the sandbox's authority, and its key."""
        self._issue = issue
        self._renewing = threading.Lock()  # the clock may be moved while the sweep of the minute runs

    def admit(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Refuse one without a plan, or for a name that no site on the plan has."""
        del old
        plan, host = str(new.properties.get("serverFarmId") or ""), _canonical(new)
        if not host:
            raise ArmFault(501, "NotImplemented", "The sandbox makes managed certificates only.")
        if cloud.find(plan) is None:
            raise ArmFault(
                404, "NotFound", f"Cannot find AppServicePlan with name {plan.rpartition('/')[2]}."
            )
        site = _carrier(cloud, host)
        if site is None or not same(str(site.properties.get("serverFarmId")), plan):
            raise ArmFault(
                400,
                "BadRequest",
                f"Properties.CanonicalName is invalid.  Canonical name {host} is not a host name of "
                "a site on the App Service plan.",
            )

    def put(self, cloud: Cloud, new: Resource, old: Resource | None) -> None:
        """Make it, when the DNS still leads to the site; an older one of the same name stays."""
        host = _canonical(new)
        if old is not None and _canonical(old) == host and old.properties.get("thumbprint"):
            new.properties.update({**old.properties, **new.properties})
            return
        if not _leads_here(cloud, host):
            cloud.drop(new)
            raise ArmFault(
                400,
                "BadRequest",
                "Properties.CanonicalName is invalid.  Certificate creation failed unexpectedly for "
                f"canonical name {host}",
            )
        self._make(cloud, new)

    def admit_delete(self, cloud: Cloud, resource: Resource) -> None:
        """Refuse while a name is served with it."""
        for one in cloud.children("", BINDING):
            if one.properties.get("thumbprint") == resource.properties.get("thumbprint", ""):
                raise ArmFault(
                    409,
                    "Conflict",
                    f"The certificate '{resource.name}' is used by the TLS binding of {one.name}.",
                )

    def delete(self, cloud: Cloud, resource: Resource) -> None:
        """Forget its key."""
        cloud.remember(_KEYS + tidy(resource.id), None)

    def sweep(self, cloud: Cloud) -> None:
        """Renew what ends soon, where the DNS still leads to the site; bindings go on with the new one."""
        with self._renewing:
            for one in cloud.children("", CERTIFICATE):
                end = one.properties.get("expirationDate")
                due = end is not None and moment(end) - _RENEWED_BEFORE <= cloud.now()
                if due and _leads_here(cloud, _canonical(one)):
                    self._renew(cloud, one)

    def _renew(self, cloud: Cloud, certificate: Resource) -> None:
        before = certificate.properties["thumbprint"]
        self._make(cloud, certificate)
        cloud.save(certificate)
        for binding in cloud.children("", BINDING):
            if binding.properties.get("thumbprint") == before:
                binding.properties["thumbprint"] = certificate.properties["thumbprint"]
                cloud.save(binding)

    def served(self, cloud: Cloud, host: str) -> str:
        """Return certificate and key of the binding of a name."""
        binding = bound_to(cloud, host)
        wanted = binding.properties.get("thumbprint") if binding is not None else None
        for one in cloud.children("", CERTIFICATE) if wanted else ():
            if one.properties.get("thumbprint") == wanted:
                key = _KEYS + tidy(one.id)
                return str(cloud.recall(key).get(key, {}).get("pem", ""))
        return ""

    def _make(self, cloud: Cloud, certificate: Resource) -> None:
        host, now = _canonical(certificate), cloud.now()
        pem, key = self._issue([host])
        cloud.remember(_KEYS + tidy(certificate.id), {"pem": pem.decode() + key.decode()})
        read = x509.load_pem_x509_certificate(pem)
        certificate.properties.update(
            canonicalName=host,
            hostNames=[host],
            subjectName=host,
            friendlyName=host,
            issuer=read.issuer.rfc4514_string().partition("=")[2],
            issueDate=iso(now),
            expirationDate=iso(now + _VALID),
            thumbprint=read.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Azure's word for it
        )


def _canonical(certificate: Resource) -> str:
    return str(certificate.properties.get("canonicalName") or "").lower()


def _carrier(cloud: Cloud, host: str) -> Resource | None:
    """Return the site that has a name."""
    binding = bound_to(cloud, host)
    return None if binding is None else cloud.find(binding.id.rsplit("/", 2)[0])


def _leads_here(cloud: Cloud, host: str) -> bool:
    """Say whether a name's CNAME leads straight to the site that has it: no certificate over a detour."""
    site = _carrier(cloud, host)
    return site is not None and default_host(cloud, site) in public_dns.look_up(cloud, host, "CNAME")


def _not_verified(cloud: Cloud, site: Resource, host: str) -> ArmFault | None:
    """Return why a name may not be bound to a site, None when its DNS says that it may."""
    wanted = verification_id(site)
    if default_host(cloud, site) in public_dns.look_up(cloud, host, "CNAME"):
        return None
    # As for a name that moves: who can write this record owns the name.
    if wanted in (one.upper() for one in public_dns.look_up(cloud, f"asuid.{host}", "TXT")):
        return None
    return ArmFault(400, "BadRequest", f"A TXT record pointing from asuid.{host} to {wanted} was not found.")


def _same_subscription(binding: Resource | None, site: Resource) -> bool:
    return binding is not None and same(subscription(binding.id), subscription(site.id))


def _is_below(binding: Resource, site: Resource) -> bool:
    return tidy(binding.id).startswith(tidy(site.id) + "/")


def _site(cloud: Cloud, binding: Resource) -> Resource:
    site = cloud.find(binding.id.rsplit("/", 2)[0])
    if site is None:
        raise ArmFault(404, "ResourceNotFound", "The site is not there.")
    return site
