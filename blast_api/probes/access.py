"""Who may read the metrics: the addresses that the operator named, and nobody on behalf of another one."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from blast_api.conf import configuration


def may_read_metrics(peer: str, forwarded_for: str) -> bool:
    """Whether everybody may who has a hand in the request: who connects, and whom X-Forwarded-For names.

    A client can add names to that header, but cannot take away the one that our own proxy adds.
    """
    hands = [peer, *(forwarded_for.split(",") if forwarded_for else ())]
    return all(_is_allowed(hand.strip()) for hand in hands)


def _is_allowed(name: str) -> bool:
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in configuration().metrics_allowed)
