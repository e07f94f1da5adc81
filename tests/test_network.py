"""Addresses as requests carry them, networks as people type them, and which one counts."""

from __future__ import annotations

import pytest

from voting.network import (
    Declared,
    DeclaredIn,
    NotANetwork,
    ip_of,
    is_inside,
    read_network,
    site_of,
)

LATER = 1 << 50


def declared(*networks: str, until_ms: int = LATER) -> list[Declared]:
    return [Declared(network, 100, network, until_ms) for network in networks]


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        ("202.194.15.7", "202.194.15.7"),
        ("202.194.15.7:51234", "202.194.15.7"),
        ("::ffff:202.194.15.7", "202.194.15.7"),
        ("::ffff:cac2:f07", "202.194.15.7"),
        ("[::ffff:202.194.15.7]:443", "202.194.15.7"),
        ("2001:da8:7000::1", "2001:da8:7000::1"),
        ("[2001:DA8:7000::1]:443", "2001:da8:7000::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_read_however_it_comes(address: str, ip: str):
    assert str(ip_of(address)) == ip


@pytest.mark.parametrize("junk", ["", "unix:", "1.2.3", "1.2.3.4.5", "01.2.3.4", "a" * 9999, "::g"])
def test_what_is_no_address_is_none(junk: str):
    assert ip_of(junk) is None


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        ("202.194.15.0/24", "202.194.15.0/24"),
        ("202.194.15.7/24", "202.194.15.0/24"),
        ("202.194.15.0/255.255.255.0", "202.194.15.0/24"),
        (" 202.194.15.7 ", "202.194.15.7/32"),
        ("202.194.15.0 / 24", "202.194.15.0/24"),
        ("２０２．１９４．１５．０／２４", "202.194.15.0/24"),
        ("202。194。15。7", "202.194.15.7/32"),
        ("202.194.0.0/16", "202.194.0.0/16"),
        ("2001:DA8:7000::/48", "2001:da8:7000::/48"),
        ("2001:da8:7000:1:a:b:c:d", "2001:da8:7000:1::/64"),
        ("2001:da8:7000:1:a:b:c:d/128", "2001:da8:7000:1:a:b:c:d/128"),
        ("::ffff:202.194.15.7", "202.194.15.7/32"),
        ("::ffff:202.194.15.0/120", "202.194.15.0/24"),
    ],
)
def test_a_network_is_read_however_people_type_it(typed: str, network: str):
    assert str(read_network(typed)) == network


@pytest.mark.parametrize(
    "junk",
    [
        "abc", "202.194.15", "202.194.15.0/33", "202.194.15.0/-1", "202.194.15.*", "1/2/3",
        "202.194.15.0/24\x00", "http://202.194.15.7", "202.194.15.1-202.194.15.9",
        "fe80::1%eth0/64", "2001:da8::/129", "202.194.15.0/9999999999999999999999", "/", "/24",
        "9" * 5000, "🙂", "3405803783", "202.194.15.0/1e1", "<script>", "10.0.0.0/8; drop",
    ],
)  # fmt: skip
def test_junk_is_refused_in_one_sentence_with_an_example(junk: str):
    with pytest.raises(NotANetwork, match=r"202\.194\.15\.0/24"):
        read_network(junk)


@pytest.mark.parametrize("nothing", ["", "   ", "\u3000"])
def test_nothing_asks_for_a_network(nothing: str):
    with pytest.raises(NotANetwork, match="请填写网络"):
        read_network(nothing)


@pytest.mark.parametrize(
    "wide", ["0.0.0.0/0", "202.0.0.0/8", "202.194.0.0/15", "::/0", "2001:da8::/32", "::ffff:0:0/96"]
)
def test_what_is_too_wide_says_how_wide_it_may_be(wide: str):
    with pytest.raises(NotANetwork, match=r"太宽了.*最宽可以登记到 /(16|40)$"):
        read_network(wide)


@pytest.mark.parametrize(
    "inside",
    ["127.0.0.1", "10.3.2.1", "172.20.1.1", "192.168.1.9", "100.64.3.3", "169.254.1.1", "0.1.2.3",
     "::1", "fe80::1", "fd00::1", "ff02::1", "239.1.1.1", "10.3.0.0/16", "192.168.0.0/16"],
)  # fmt: skip
def test_an_address_that_nobody_on_the_internet_has_is_inside(inside: str):
    assert is_inside(read_network(inside))


@pytest.mark.parametrize(
    "outside", ["202.194.15.7", "203.0.113.9", "2001:da8:7000::1", "172.32.0.1"]
)
def test_a_visitor_s_address_is_not_inside(outside: str):
    assert not is_inside(read_network(outside))


def test_a_site_s_network_is_what_the_door_counts_as_one():
    assert str(site_of(ip_of("202.194.15.7"))) == "202.194.15.0/24"
    assert str(site_of(ip_of("2001:da8:7000:1::9"))) == "2001:da8:7000::/48"


def test_the_most_specific_network_counts():
    found = DeclaredIn(declared("202.194.0.0/16", "202.194.15.0/24", "202.194.15.7/32"))
    assert found.of("202.194.15.7", 0).network == "202.194.15.7/32"
    assert found.of("202.194.15.8", 0).network == "202.194.15.0/24"
    assert found.of("202.194.16.8", 0).network == "202.194.0.0/16"
    assert found.of("202.195.16.8", 0) is None


def test_an_address_is_found_in_either_version():
    found = DeclaredIn(declared("202.194.15.0/24", "2001:da8:7000::/48"))
    assert found.of("::ffff:202.194.15.7", 0).network == "202.194.15.0/24"
    assert found.of("2001:da8:7000:ffff::1", 0).network == "2001:da8:7000::/48"
    assert found.of("2001:da8:7001::1", 0) is None
    assert found.of("no address", 0) is None


def test_one_whose_time_is_over_hides_none_around_it():
    over = declared("202.194.15.0/24", until_ms=10)
    found = DeclaredIn([*over, *declared("202.194.0.0/16")])
    assert found.of("202.194.15.7", 9).network == "202.194.15.0/24"
    assert found.of("202.194.15.7", 10).network == "202.194.0.0/16"
