"""Host names, addresses and URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.config import hosts
from tenantry.config.spec_checks import AZURES_OWN
from tenantry.targets.azure.clouds import CLOUDS

QUICK = settings(deadline=None, database=None, max_examples=300)


@pytest.mark.parametrize(
    ("hostname", "part"),
    [
        ("benin", "must have a domain"),
        ("10.0.0.1", "not an IP address"),
        ("2001:db8::1", "without scheme, port"),
        ("https://benin.example.org", "without scheme"),
        ("benin.example.org:8443", "without scheme, port"),
        ("*.example.org", "wildcard"),
        ("Benin.example.org", "lower case"),
        ("bénin.example.org", "ASCII"),
        ("-benin.example.org", "RFC 1123"),
        ("benin-.example.org", "RFC 1123"),
        ("be_nin.example.org", "RFC 1123"),
        ("benin..example.org", "RFC 1123"),
        ("benin.example.org.", "end in a dot"),
        ("benin.example.1", "RFC 1123"),
        ("a" * 64 + ".example.org", "RFC 1123"),
        ("a." * 126 + "org", "RFC 1123"),
        ("benin.example.org\n", "RFC 1123"),
    ],
)
def test_a_bad_host_name_is_told_what_is_bad(hostname: str, part: str) -> None:
    fault = hosts.hostname_fault(hostname)
    assert fault is not None
    assert part in fault.message


@pytest.mark.parametrize("hostname", ["a.bc", "benin.example.org", "xn--bnin-bpa.example.org", "1a.2b.test"])
def test_a_good_host_name_passes(hostname: str) -> None:
    assert hosts.hostname_fault(hostname) is None


@pytest.mark.parametrize(
    ("hostname", "hint"),
    [
        ("bénin.example.org", "write xn--bnin-bpa.example.org"),
        ("Bénin.example.org.", "write xn--bnin-bpa.example.org"),
        ("日本a.example.org", "write xn--a-jn6bt1b.example.org"),
        ("\u043a\u0435\u043d\u0438\u044f.example.org", "write xn--e1agen5g.example.org"),
        ("Kenya.example.org.", "write kenya.example.org"),
        ("benin.example.org.", "write benin.example.org"),
        ("BENIN.example.org", "write benin.example.org"),
        ("benin", "such as: benin.example.org"),
        ("Be_nin.example.org", "such as: benin.example.org"),
        ("...", "such as: benin.example.org"),
    ],
)
def test_a_host_name_that_is_proposed_may_stand_there(hostname: str, hint: str) -> None:
    fault = hosts.hostname_fault(hostname)
    assert fault is not None
    assert fault.hint == hint
    assert hosts.hostname_fault(hint.rsplit(" ", 1)[-1]) is None


@pytest.mark.parametrize(
    ("hostname", "part"),
    [
        ("b\u0435nin.example.org", "U+0435 CYRILLIC SMALL LETTER IE at character 2"),
        ("benin.ex\u0430mple.org", "U+0430 CYRILLIC SMALL LETTER A at character 9"),
        ("\u03bfslo.example.org", "U+03BF GREEK SMALL LETTER OMICRON at character 1"),
        ("benin\u200d.example.org", "U+200D ZERO WIDTH JOINER at character 6"),
        ("benin\u200b.example.org", "U+200B ZERO WIDTH SPACE at character 6"),
    ],
)
def test_a_character_that_looks_like_another_is_named_and_nothing_is_proposed(
    hostname: str, part: str
) -> None:
    fault = hosts.hostname_fault(hostname)
    assert fault is not None
    assert part in fault.message
    assert "xn--" not in fault.hint


def _punycode(name: str) -> str:
    words = (w if w.isascii() else "xn--" + w.encode("punycode").decode("ascii") for w in name.split("."))
    return ".".join(words)


@pytest.mark.parametrize(
    "name",
    [
        "b\u0435nin.example.org",
        "benin.ex\u0430mple.org",
        "\u03bfslo.example.org",
        "benin\u200d.example.org",
        "b\u00e9n\u0456n.example.org",
    ],
)
def test_what_is_refused_in_its_own_letters_is_refused_as_punycode(name: str) -> None:
    written, fault = hosts.hostname_fault(name), hosts.hostname_fault(_punycode(name))
    assert written is not None
    assert fault is not None
    assert fault.message == f"stands for a name that {written.message}"


@pytest.mark.parametrize(
    "name",
    [
        "bénin",
        "日本a",
        "\u043a\u0435\u043d\u0438\u044f",
        "\u092d\u093e\u0930\u0924",
        "\u0642\u0637\u0631",
        "straße",
    ],
)
def test_a_name_in_one_script_passes_as_punycode(name: str) -> None:
    assert hosts.hostname_fault(_punycode(f"{name}.example.org")) is None


@pytest.mark.parametrize("label", ["xn--zzzzzzzzzzzz999", "xn--a", "xn--benin-x", _punycode("BÉNIN")])
def test_punycode_that_no_name_is_written_in_is_refused(label: str) -> None:
    fault = hosts.hostname_fault(f"{label}.example.org".lower())
    assert fault is not None
    assert "stands for" in fault.message


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://Example.org:8443/hook?key=a%20b#c",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/",
        "https://acme:9000/directory",
        "http://localhost:14000/dir",
        "http://127.0.0.1/",
    ],
)
def test_a_good_url_passes(url: str) -> None:
    assert hosts.url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("https://..../", "RFC 1123"),
        ("https://?x", "names no host"),
        ("https://", "names no host"),
        ("https://example.org:99999/", "1 to 65535"),
        ("https://example.org:0/", "1 to 65535"),
        ("https://example.org:/", "1 to 65535"),
        ("https://example.org:abc/", "1 to 65535"),
        ("https://[::1/", "IPv6"),
        ("https://[v1.a]/", "IPv6"),
        ("https://ex\u0430mple.org/", "U+0430 CYRILLIC SMALL LETTER A"),
        ("https://example\u200b.org/", "U+200B ZERO WIDTH SPACE"),
        ('https://exam"ple.org/', "QUOTATION MARK"),
        ("https://example.org/a b", "U+0020 SPACE"),
        ("https://x;", "RFC 1123"),
        ("https://be_nin.example.org/", "RFC 1123"),
        ("HTTPS://example.org/", "write https:// in lower case"),
        ("https://example.org/ ", "ends with a space"),
        ("https://u:hunter22@example.org/", "without a user"),
        ("https://@example.org/", "without a user"),
        ("http://example.org/", "for localhost"),
        ("ftp://example.org/", "such as: https://"),
        ("example.org", "such as: https://"),
    ],
)
def test_a_bad_url_is_told_what_is_bad(url: str, part: str) -> None:
    fault = hosts.url_fault(url)
    assert fault is not None
    assert part in f"{fault.message} {fault.hint}"
    assert "hunter22" not in f"{fault.message} {fault.hint}"


@QUICK
@given(st.text(max_size=30) | st.from_regex(r"https://[\x20-\x7e]{0,20}", fullmatch=True))
def test_whatever_is_written_as_a_url_is_told_or_has_a_host(url: str) -> None:
    if hosts.url_fault(url) is None:
        assert urlsplit(url).hostname
        assert urlsplit(url).port != 0


def test_the_names_that_are_azures_own_are_those_of_every_cloud() -> None:
    assert {cloud.sites_suffix for cloud in CLOUDS.values()} == set(AZURES_OWN) - {"sandbox.test"}
