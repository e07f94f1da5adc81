"""Networks: an address as a request carries it, a CIDR as people type it, and which of the declared
networks an address lies in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

#: By version: no campus is wider than this, a slip of the pen is. 65,536 addresses, or 256 times
#: what one site gets.
WIDEST: Final = {4: 16, 6: 40}
#: By version: what a whole site has in common. A campus leaves by several addresses of one /24; it
#: is also what the door counts as one network (voter.Place).
OF_A_SITE: Final = {4: 24, 6: 48}
MOST_PEOPLE: Final = 50_000

#: Some balancers put the port behind the address.
_WITH_PORT: Final = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+|\[([0-9A-Fa-f:.]+)\](?::\d+)?")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
#: Not only `is_private`: that holds the networks of documentation too, which mislead nobody.
_INSIDE: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
        "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


class NotANetwork(Exception):  # noqa: N818 the plain word
    """This can't be declared as a network; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A network that organizers announced in advance: a campus, an office.

    `network` is CIDR as Python writes it; up to `people` new voters an hour come in freely there;
    `words` is what people call it. `until_ms` 0 is the vote's close, whenever that will be; a
    Board gives the moment. `n` is the row of the operators' log that declared it.
    """

    network: str
    people: int
    words: str
    until_ms: int = 0
    reason: str = ""
    by: str = ""
    since_ms: int = 0
    n: int = 0


class DeclaredIn:
    """Finds an address among the declared networks: a look at each length of prefix in use."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        lengths: dict[int, dict[int, dict[int, Declared]]] = {4: {}, 6: {}}
        for one in declared:
            network = ip_network(one.network)
            shift = network.max_prefixlen - network.prefixlen
            found = lengths[network.version].setdefault(shift, {})
            found[int(network.network_address) >> shift] = one
        self._lengths = {version: sorted(found.items()) for version, found in lengths.items()}

    def of(self, address: str, now_ms: int) -> Declared | None:
        """The most specific network around this address that is declared until later than now."""
        ip = ip_of(address)
        if ip is None:
            return None
        bits = int(ip)
        for shift, networks in self._lengths[ip.version]:
            one = networks.get(bits >> shift)
            if one is not None and now_ms < one.until_ms:
                return one
        return None


def ip_of(address: str) -> Address | None:
    """The address that a request came from (`remote_addr`, behind the trusted proxies), an IPv4
    one in IPv6 as the IPv4 one that it is; None for what is no address."""
    if found := _WITH_PORT.fullmatch(address):
        address = found[1] or found[2]
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def read_network(text: str) -> Network:
    """`202.194.15.0/24`, or an address: then it alone, or in IPv6 its /64, which one host owns.

    Full-width characters count as plain ones. Raises NotANetwork.
    """
    plain = unicodedata.normalize("NFKC", text).replace("。", ".").replace(" ", "").strip()
    if not plain:
        raise NotANetwork("请填写网络，例如 202.194.15.0/24")
    try:
        if "%" in plain or len(plain) > 64:
            raise ValueError
        network: Network = ip_network(plain, strict=False)
    except ValueError as error:
        raise NotANetwork(
            "这不是一个地址，也不是一个网段；要写成 202.194.15.7、202.194.15.0/24 "
            "或 2001:da8:7000::/48 这样"
        ) from error
    if isinstance(network, IPv6Network):
        network = _plain(network, alone="/" not in plain)
    widest = WIDEST[network.version]
    if network.prefixlen < widest:
        raise NotANetwork(
            f"{network} 太宽了，不会是一所学校或一家单位的网络；最宽可以登记到 /{widest}"
        )
    return network


def site_of(ip: Address) -> Network:
    """The network of the whole site that this address seems to belong to."""
    return ip_network((ip, OF_A_SITE[ip.version]), strict=False)


def is_inside(one: Address | Network) -> bool:
    """Whether this is an address that no visitor from the internet can have: a machine's own, or a
    house's."""
    network = ip_network(one)
    return any(
        network.version == inside.version and network.overlaps(inside) for inside in _INSIDE
    )


def _plain(network: IPv6Network, *, alone: bool) -> Network:
    if network.subnet_of(_MAPPED):
        address = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((address, network.prefixlen - 96))
    return network.supernet(new_prefix=64) if alone else network
