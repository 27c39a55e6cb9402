"""The rules: one spelling for each host, a check of every address, and the operator's intent."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from bellglass.sandboxes.egress.names import InvalidHost, Target, parsed
from bellglass.sandboxes.egress.rules import Entry, Mode, Refused, Rules

OWN = {
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:a00:1::", "::127.0.0.1", "2001::1", "100::1",
    "192.0.0.9", "192.0.0.170", "192.88.99.1", "203.0.113.7", "2001:1::1", "2001:2::1", "3fff::1",
    "5f00::1", "4000::1", "2001:0:5db8:d70e::5601:5601", "::5db8:d70e", "2600::5efe:a00:1",
    "2600::200:5efe:7f00:1", "64:ff9b:1:5db8:d7:e00::", "64:ff9b:1:0:5d:b8d7:e00::",
}  # fmt: skip

METADATA = {
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "168.63.129.16",
    "192.0.0.192", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254",
    # The same in the forms that hold an address of IPv4: mapped, NAT64, 6to4, Teredo, ISATAP.
    "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "2002:a83f:8110::", "2001:0:a83f:8110::",
    "2001::57c0:7eef", "2600::5efe:a83f:8110", "64:ff9b:1:a83f:81:1000::",
    "64:ff9b:1:0:a8:3f81:1000::", "64:ff9b:1::a8:3f81:1000:0", "64:ff9b:1::a83f:8110",
}  # fmt: skip

PUBLIC = {
    "93.184.215.14", "1.1.1.1", "100.63.255.255", "100.128.0.0", "168.63.129.15", "192.0.1.1",
    "172.32.0.1", "198.20.0.1", "192.31.196.1", "2606:4700:4700::1111", "2620:4f:8000::1",
    "2001:200::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
}  # fmt: skip

SPELLINGS = {
    "127.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "0x7F000001": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "0": "0.0.0.0",
    "127.0.0.1.": "127.0.0.1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11": "127.0.0.1",
    "127\u30020\u30020\u30021": "127.0.0.1",
    "LOCALHOST": "localhost",
    "Example.ORG.": "example.org",
    "bücher.example": "xn--bcher-kva.example",
    "[::FFFF:7f00:1]": "::ffff:7f00:1",
    "[0:0:0:0:0:0:0:1]": "::1",
}

NO_HOSTS = (
    "", ".", "a..b", "-a.example", "a.example-", "a b", "a\tb", "a\0b", "a/b", "a@b", "a?b", "a#b",
    "a%00", "exa%6dple.org", "1.2.3.4.5", "256.1.1.1", "0x100000000", "08.1.1.1",
    "[::1", "[127.0.0.1]", "[fe80::1%eth0]", "a:", "a:0", "a:65536", "a:+80", "a:80:80",
    "a:\uff18\uff10",
    "x" * 64 + ".example", "a\r\nHost: b", "xn--a.ex\u0000",
)  # fmt: skip


def judging(mode: Mode, *hosts: str, **names: str) -> Rules:
    async def resolve(name: str) -> list[str]:
        return names[name.replace(".", "_")].split()

    return Rules(mode, hosts, resolve=resolve)


async def reason(rules: Rules, authority: str) -> str:
    try:
        await rules.allowed_addresses(parsed(authority, 443))
    except Refused as exc:
        return str(exc)
    return "allowed"


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_host_has_one_spelling(written: str) -> None:
    assert parsed(written, 80).host == SPELLINGS[written].strip("[]")


@pytest.mark.parametrize("written", NO_HOSTS)
def test_what_is_no_host_is_none(written: str) -> None:
    with pytest.raises(InvalidHost):
        parsed(written, 80)


@pytest.mark.parametrize("address", sorted(OWN))
async def test_no_name_and_no_spelling_leads_to_an_address_that_is_somebodys_own(
    address: str,
) -> None:
    rules = judging("open", evil_example=address, mixed_example=f"93.184.215.14 {address}")
    literal = f"[{address}]" if ":" in address else address

    assert "address" in await reason(rules, literal)
    assert "address" in await reason(rules, "evil.example")
    assert "address" in await reason(rules, "mixed.example")


@pytest.mark.parametrize("address", sorted(PUBLIC))
async def test_addresses_beside_the_table_are_public(address: str) -> None:
    assert await reason(judging("open", a_example=address), "a.example") == "allowed"


@pytest.mark.parametrize("address", sorted(METADATA))
async def test_no_name_leads_to_the_keys_of_a_cloud_machine(address: str) -> None:
    """Not even one that the operator trusts with a port."""
    trusting = judging("allow-list", "a.example:443", a_example=address)

    assert "address" in await reason(judging("open", a_example=address), "a.example")
    assert "metadata" in await reason(trusting, "a.example")


async def test_names_of_metadata_services_are_refused_whatever_they_lead_to() -> None:
    rules = judging("open", "metadata.google.internal:443", metadata_google_internal="1.1.1.1")

    assert "metadata" in await reason(rules, "Metadata.Google.Internal.")


async def test_the_table_does_not_depend_on_the_judgement_of_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in (IPv4Address, IPv6Address):
        for name in ("is_global", "is_private", "is_link_local", "is_multicast", "is_reserved"):
            monkeypatch.delattr(kind, name)

    for address in OWN | METADATA:
        assert "address" in await reason(judging("open", a_example=address), "a.example")


async def test_open_allows_public_hosts_and_connects_to_what_was_judged() -> None:
    asked = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    addresses = await Rules("open", resolve=resolve).allowed_addresses(
        Target("rebinding.example", 443)
    )

    assert [str(address) for address in addresses] == ["93.184.215.14"]
    assert asked == ["rebinding.example"]


async def test_the_list_means_what_it_says() -> None:
    public = dict.fromkeys(
        ("example_org", "a_example_org", "b_a_example_org", "example_com", "notexample_org"),
        "93.184.215.14",
    )
    rules = judging("allow-list", "example.org", "*.example.org", "example.com:8443", **public)

    assert await reason(rules, "example.org") == "allowed"
    assert await reason(rules, "EXAMPLE.org.:80") == "allowed"
    assert await reason(rules, "b.a.example.org") == "allowed"
    assert await reason(rules, "example.com:8443") == "allowed"
    for other in ("example.com", "notexample.org", "example.org:22", "example.org.evil.example"):
        assert await reason(rules, other) == "not in the allow-list"


async def test_below_is_not_itself_and_an_empty_list_is_nothing() -> None:
    rules = judging("allow-list", "*.example.org", example_org="93.184.215.14")

    assert await reason(rules, "example.org") == "not in the allow-list"
    assert await reason(judging("allow-list"), "example.org") == "not in the allow-list"
    assert await reason(judging("packages"), "example.org") == "only packages are allowed"
    assert await reason(judging("none"), "example.org") == "no network"


async def test_own_addresses_are_for_those_who_name_them() -> None:
    names = {"db_example": "10.0.0.5", "meta_example": "169.254.169.254", "a_b_example": "10.0.0.5"}
    rules = judging(
        "allow-list",
        "db.example:5432", "10.0.0.7", "[::1]:8080", "meta.example:80", "*.b.example", "db.example",
        **names,
    )  # fmt: skip

    assert await reason(rules, "db.example:5432") == "allowed"
    assert await reason(rules, "10.0.0.7") == "allowed"
    assert await reason(rules, "[::1]:8080") == "allowed"
    assert await reason(rules, "db.example:443") == "it has a private address"
    assert await reason(rules, "a.b.example") == "it has a private address"
    assert "metadata" in await reason(rules, "meta.example:80")
    assert await reason(rules, "[::1]:8081") == "not in the allow-list"


@pytest.mark.parametrize("text", ["*", "*.org", "*.127.0.0.1", "a*.example", "http://a", ""])
def test_entries_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(InvalidHost):
        Entry.parsed(text)
