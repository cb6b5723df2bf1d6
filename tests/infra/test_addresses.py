"""Which addresses may be sent to, as they are written and as they are resolved."""

from ipaddress import IPv4Network, ip_network

import pytest

from domain.errors import Refused
from infra.addresses import check_url, is_allowed, is_loopback

V4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32",
)  # fmt: skip
V6 = (
    "::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:2800:220:1::1", "3ffe:ffff::", "3fff:1000::",
)  # fmt: skip


@pytest.mark.parametrize("block", [*V4, *V6])
def test_no_address_of_a_block_that_is_not_public_is_allowed(block: str):
    network = ip_network(block)
    for address in (network[0], network[network.num_addresses // 2], network[-1]):
        assert not is_allowed(str(address), allow_loopback=False), address
        if isinstance(network, IPv4Network):
            for wrapped in (f"::ffff:{address}", f"::ffff:0:{address}", f"64:ff9b::{address}", f"64:ff9b:1::{address}"):
                assert not is_allowed(wrapped, allow_loopback=True), wrapped


@pytest.mark.parametrize("address", PUBLIC)
def test_what_lies_beside_those_blocks_is_allowed(address: str):
    assert is_allowed(address, allow_loopback=False)


@pytest.mark.parametrize(
    "host",
    ["example.com", "localhost", "", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "1.1.1", "1.1.1.1.", "01.1.1.1", "\uff11.1.1.1",
     " 1.1.1.1", "1.1.1.1\n", "1.1.1.1/32", "2606::1%1", "2606::1%eth0", "[2606::1]", "fe80::1%lo"],
)  # fmt: skip
def test_a_name_or_a_number_in_disguise_is_no_address(host: str):
    assert not is_allowed(host, allow_loopback=True)


def test_loopback_is_for_developers():
    for host in ("127.0.0.1", "127.255.255.254", "::1"):
        assert is_loopback(host)
        assert is_allowed(host, allow_loopback=True)
        assert not is_allowed(host, allow_loopback=False)
    assert is_loopback("localhost") and is_loopback("receiver.localhost")
    assert not is_loopback("localhost.example.com") and not is_loopback("notlocalhost")


def test_a_network_of_ones_own_can_be_forbidden():
    forbidden = (ip_network("1.1.1.0/24"), ip_network("2606:4700::/32"), ip_network("127.0.0.2/32"))
    for address in ("1.1.1.1", "2606:4700::1111", "127.0.0.2"):
        assert is_allowed(address, allow_loopback=True)
        assert not is_allowed(address, allow_loopback=True, forbidden=forbidden)
    with pytest.raises(Refused):
        check_url("https://1.1.1.1/", allow_loopback=False, forbidden=forbidden)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://hooks.example.com/a/b?c=d&e[]=%2F", "https://hooks.example.com/a/b?c=d&e[]=%2F"),
        ("HTTPS://Hooks.EXAMPLE.com/Path?Q=%2f", "https://hooks.example.com/Path?Q=%2f"),
        ("https://example.com", "https://example.com"),
        ("https://example.com?x=1", "https://example.com?x=1"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://under_score.xn--p1ai/@x:y", "https://under_score.xn--p1ai/@x:y"),
        ("https://1.1.1.1/", "https://1.1.1.1/"),
        ("https://[2606:2800:220:1::1]:443/", "https://[2606:2800:220:1::1]:443/"),
    ],
)
def test_an_ordinary_address_is_taken_with_its_host_in_small_letters(url: str, read: str):
    assert check_url(url, allow_loopback=False) == read


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "https://127.0.0.1:1/", "http://LocalHost:65535/", "http://[::1]:80/", "http://a.localhost"]
)  # fmt: skip
def test_a_developers_own_machine_may_be_on_any_port_and_without_tls(url: str):
    assert check_url(url, allow_loopback=True) == url.lower()
    with pytest.raises(Refused, match="BRAVESPACE_WEBHOOK_ALLOW_LOOPBACK"):
        check_url(url, allow_loopback=False)


@pytest.mark.parametrize("port", [0, 1, 22, 25, 80, 444, 8080, 65536, 99999])
def test_a_port_that_is_not_among_those_allowed_is_refused_with_those_that_are(port: int):
    with pytest.raises(Refused, match="443, 8443"):
        check_url(f"https://example.com:{port}/", allow_loopback=True)


def test_other_ports_can_be_allowed_instead():
    assert check_url("https://example.com:9443/", allow_loopback=False, ports=[9443])
    for url in ("https://example.com/", "https://example.com:443/", "https://example.com:8443/"):
        with pytest.raises(Refused, match="9443"):
            check_url(url, allow_loopback=False, ports=[9443])


def test_no_label_and_no_name_is_longer_than_a_name_can_be():
    label = "a" * 63
    assert check_url(f"https://{label}.com/", allow_loopback=False)
    for host in (f"a{label}.com", ".".join([label] * 4) + ".com"):
        with pytest.raises(Refused):
            check_url(f"https://{host}/", allow_loopback=False)
