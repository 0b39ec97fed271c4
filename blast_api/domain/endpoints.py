"""Where webhooks may go: https to public addresses, and to those networks of its own that the operator opens. Pure.

The rule is asked twice: of the URL when it is given, and of the address at each connection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2048  # characters
_PORTS = {"https": 443, "http": 80}
_VISIBLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
# What Python's table calls global, or did in a release that we run on, and leads inside all the same, or nowhere: translation
# and tunnels to IPv4, shared space of carriers, identifiers, segment routing, documentation.
_NOT_PUBLIC = tuple(
    ip_network(each)
    for each in (
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
        "::/96",
    )
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads: `host` is a name, or an address without brackets; `target` is path and query."""

    secured: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the header Host says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secured else "http"] else f"{host}:{self.port}"


def endpoint(url: str, *, opened: Sequence[Network]) -> Endpoint:
    """Where this URL leads. Raises ValueError, with a sentence for an application's developer.

    `opened` are the networks that may be told although they are not public; plain http may go there alone.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"Ensure this field has no more than {LONGEST_URL} characters.")
    if not _VISIBLE.fullmatch(url):
        raise ValueError(
            "Expected a URL of visible ASCII characters; others are percent-encoded, or in a host's ASCII form."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("Expected a URL, as https://example.org/hooks.") from None
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in _PORTS or not parts.netloc:
        raise ValueError("Expected an https URL, as https://example.org/hooks.")
    if "@" in parts.netloc:
        raise ValueError("No user name and password may stand in the URL: the signature tells who sends.")
    if "#" in url:
        raise ValueError("No fragment (#) may stand in the URL: it is not sent.")
    if "\\" in url or port == 0:
        raise ValueError("Expected a URL, as https://example.org/hooks.")
    literal = _literal(host)
    if literal is None and not _is_name(host):
        raise ValueError("The URL names no host.")
    secured = scheme == "https"
    if not secured and not opened:
        raise ValueError("Expected https: http would show what is told to everybody on the way.")
    if literal is not None and not is_open(literal, secured=secured, opened=opened):
        raise ValueError(_why_not(secured=secured))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(secured, host, port or _PORTS[scheme], target)


def is_open(address: Address, *, secured: bool, opened: Sequence[Network]) -> bool:
    """Whether a webhook may go to this address: a public one by https, one of the operator's networks by either."""
    address = plain(address)
    if any(address.version == each.version and address in each for each in opened):
        return True
    return secured and is_public(address)


def is_public(address: Address) -> bool:
    """Whether everybody on the internet reaches the same host by it, and none of ours."""
    address = plain(address)
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == each.version and address in each for each in _NOT_PUBLIC)


def plain(address: Address) -> Address:
    """IPv4 in IPv6's clothes is what it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return 0 < len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _why_not(*, secured: bool) -> str:
    if secured:
        return "The address is not public."
    return "Expected https: http is for networks that the operator has opened."
