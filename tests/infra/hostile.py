"""Addresses that must not be sent to: as they are written, and as names lead to them. `{p}` is the port aimed at."""

LOOPBACK = [f"{scheme}://{host}:{{p}}/" for scheme in ("https", "http") for host in (
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "a.localhost", "[::1]", "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]", "0.0.0.0", "[::]",
)]  # fmt: skip
DISGUISED = [f"https://{host}:{{p}}/" for host in (
    "2130706433", "0x7f000001", "0X7F000001", "017700000001", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "00127.0.0.1",
    "127.0.0.0x1", "127.1", "127.0.1", "127.0x1", "0", "0x0", "6425673729", "127.0.0.257", "127.0.0.1.", "127.0.0.1..", "127..0.0.1",
    ".127.0.0.1", "1\uff127.0.0.1", "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1",
    "\uff4cocalhost", "loc\u00adalhost", "localho\u017ft", "127.0.0.1\u200b", "%31%32%37.0.0.1", "127%2e0%2e0%2e1",
    "127.0.0.1%00.example.com", "127.0.0.1%2f", "[127.0.0.1]", "[localhost]", "[v1.x]", "::1", "[::1]x", "[::1", "[::1%25lo]", "[::1%lo]",
    "[::1%251]", "[fe80::1%25eth0]",
)]  # fmt: skip
WRAPPED = [f"https://[{host}]:{{p}}/" for host in (
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:7F00:0001", "0:0:0:0:0:ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:7f00:1::1", "2001:0:7f00:1::", "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
)]  # fmt: skip
TRICKS = [
    "https://example.com@127.0.0.1:{p}/", "https://127.0.0.1:{p}@example.com/", "https://user:pass@127.0.0.1:{p}/", "https://@127.0.0.1:{p}/",
    "https://example.com\\@127.0.0.1:{p}/", "https://127.0.0.1:{p}\\@example.com/", "https:\\\\127.0.0.1:{p}\\", "https:///127.0.0.1:{p}/",
    "https:/127.0.0.1:{p}/", "https:127.0.0.1:{p}/", "//127.0.0.1:{p}/", "127.0.0.1:{p}", "https://127.0.0.1:{p}#@example.com/",
    "https://example.com/#", "https://example.com#@127.0.0.1:{p}/", "https://127.0.0.1\t:{p}/", "https://127.0.0.1:{p}/\n",
    "\thttps://127.0.0.1:{p}/", " https://127.0.0.1:{p}/", "ht\ntps://127.0.0.1:{p}/", "https://127.0.0.1:{p}/\r\nHost: example.com",
    "https://example.com /", "https://exa mple.com/", "https://example.com:{p}:{p}/", "https://example..com/", "https://.example.com/",
    "https://example.com./", "https://-.example.com/", "https://.", "https://..", "https://", "https://example.com,127.0.0.1:{p}/",
    "https://(127.0.0.1):{p}/", "https://example.com:/", "https://example.com/%zz", "https://example.com/{x}", "http\u017f://127.0.0.1:{p}/",
    "https://\u212aelvin.example.com/", "https://example.com/\u017f",
    "http://example.com/", "ftp://127.0.0.1:{p}/", "gopher://127.0.0.1:{p}/_x", "file:///etc/passwd", "unix://127.0.0.1:{p}/",
    "ws://127.0.0.1:{p}/", "javascript:alert(1)", "data:text/plain,x", "jar:https://127.0.0.1:{p}/!/", "nonsense",
]  # fmt: skip
PORTS = [f"https://example.com:{port}/" for port in (
    "0", "22", "25", "80", "6379", "65536", "99999", "443443", "-1", "+443", "0x1bb", "\uff14\uff14\uff13",
)]  # fmt: skip
INTERNAL = [f"https://{host}:{{p}}/" for host in (
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.168.0.1", "192.88.99.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[fc00::1]", "[fd00:ec2::254]",
    "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[2620:4f:8000::1]",
    "metadata.google.internal", "printer.local", "router.home.arpa", "hidden.onion", "intranet",
)]  # fmt: skip
URLS = [*LOOPBACK, *DISGUISED, *WRAPPED, *TRICKS, *PORTS, *INTERNAL]

PUBLIC, PUBLIC6 = "93.184.216.34", "2606:2800:220:1::1"
"""Never connected to: each stands beside an address that spoils it."""
RESOLUTIONS = [
    ["127.0.0.1"], ["127.0.0.2"], ["::1"], ["0.0.0.0"], ["::"], ["127.0.0.1", "::1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC],
    [PUBLIC, PUBLIC, "127.0.0.1"], [PUBLIC6, "::1"], [PUBLIC, "::1"], [PUBLIC6, "127.0.0.1"], ["::ffff:127.0.0.1"], ["::ffff:7f00:1"],
    ["::127.0.0.1"], [PUBLIC, "::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["64:ff9b:1::7f00:1"], ["2002:7f00:1::1"], ["2001:0:7f00:1::"],
    ["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["100.64.0.1"], ["168.63.129.16"], ["169.254.169.254"], ["172.16.0.1"], ["192.168.1.1"],
    [PUBLIC6, "fd00::1"], ["fd00::1"], ["fe80::1"], ["fe80::1%lo"], ["fd00:ec2::254"], ["224.0.0.1"], ["ff02::1"], ["255.255.255.255"],
]  # fmt: skip
