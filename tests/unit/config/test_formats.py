from __future__ import annotations

import re

import pyrage
import pytest

from tenantry.config import formats
from tenantry.config.countries import COUNTRIES
from tenantry.errors import SpecError


@pytest.mark.parametrize(
    ("name", "code", "part"),
    [
        ("", "name-too-short", "at least 2"),
        ("a", "name-too-short", "at least 2"),
        ("a" * 41, "name-too-long", "41 characters; at most 40"),
        ("Benin", "name-upper-case", "lower case"),
        ("BENIN", "name-upper-case", "lower case"),
        ("all", "name-reserved", "reserved"),
        ("tenantry", "name-reserved", "reserved"),
        ("../x", "name-path", "not a path"),
        ("a/b", "name-path", "not a path"),
        ("a\\b", "name-path", "not a path"),
        (".benin", "name-path", "not a path"),
        ("~benin", "name-path", "not a path"),
        ("bеnin", "name-look-alike", "U+0435 CYRILLIC SMALL LETTER IE at character 2"),  # noqa: RUF001
        ("benin\u200b", "name-look-alike", "U+200B ZERO WIDTH SPACE at character 6"),
        ("béni", "name-look-alike", "U+00E9 LATIN SMALL LETTER E WITH ACUTE"),
        ("benin-", "name-characters", "single hyphens"),
        ("be--nin", "name-characters", "single hyphens"),
        ("2benin", "name-characters", "begin with a letter"),
        ("be nin", "name-characters", "letters a-z"),
        ("benin\n", "name-characters", "letters a-z"),
        ("be_nin", "name-characters", "letters a-z"),
    ],
)
def test_a_bad_name_is_told_what_is_bad(name: str, code: str, part: str) -> None:
    fault = formats.name_fault(name)
    assert fault is not None
    assert fault.code == code
    assert part in fault.message


@pytest.mark.parametrize("name", ["benin", "b1", "a" * 40, "south-sudan-2"])
def test_a_good_name_passes(name: str) -> None:
    formats.check_instance_name(name)


def test_a_bad_name_on_a_command_line_is_bad_input() -> None:
    with pytest.raises(SpecError, match=r"the name \.\./x must be a name") as caught:
        formats.check_instance_name("../x")
    assert caught.value.code == "name-path"


@pytest.mark.parametrize(("name", "shown"), [("", '""'), ("  ", '"  "')])
def test_a_name_that_is_not_seen_is_told_in_quotes(name: str, shown: str) -> None:
    with pytest.raises(SpecError, match=f"the name {shown} must"):
        formats.check_instance_name(name)


def test_there_are_249_countries_of_two_letters() -> None:
    assert len(COUNTRIES) == 249
    assert all(re.fullmatch("[A-Z]{2}", country) for country in COUNTRIES)


@pytest.mark.parametrize(
    ("text", "hint"), [("bj", "write BJ"), ("UK", "the United Kingdom is GB"), ("XX", "two")]
)
def test_what_is_no_country_is_helped(text: str, hint: str) -> None:
    fault = formats.country_fault(text)
    assert fault is not None
    assert hint in fault.hint


@pytest.mark.parametrize(
    "text", ["en", "fr", "pt-BR", "zh-Hant", "sr-Latn-RS", "es-419", "swc", "ca-valencia"]
)
def test_a_language_tag_passes(text: str) -> None:
    assert formats.language_fault(text) is None


@pytest.mark.parametrize("text", ["english", "EN", "pt-br", "pt_BR", "e", "fr-", "fr\n"])
def test_what_is_no_language_tag_is_refused(text: str) -> None:
    assert formats.language_fault(text) is not None


@pytest.mark.parametrize("text", ["a@example.org", "first.last+tag@sub.example.co", "o'hara@example.org"])
def test_an_address_passes(text: str) -> None:
    assert formats.email_fault(text) is None


@pytest.mark.parametrize(
    "text", ["a", "a@b", "a b@example.org", "@example.org", "a@@example.org", "A <a@b.org>"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert formats.email_fault(text) is not None


def test_every_recipient_that_age_makes_passes() -> None:
    for _ in range(20):
        assert formats.recipient_fault(str(pyrage.x25519.Identity.generate().to_public())) is None


def test_a_recipient_with_one_wrong_character_is_refused() -> None:
    text = str(pyrage.x25519.Identity.generate().to_public())
    wrong = text[:20] + ("q" if text[20] != "q" else "p") + text[21:]
    fault = formats.recipient_fault(wrong)
    assert fault is not None
    assert "mistake" in fault.message


def test_a_private_key_in_the_place_of_a_recipient_is_refused_and_not_repeated() -> None:
    secret = str(pyrage.x25519.Identity.generate())
    fault = formats.recipient_fault(secret)
    assert fault is not None
    assert fault.code == "secret-in-spec"
    assert secret not in fault.message + fault.hint


@pytest.mark.parametrize(
    "text", ["sqlite:///register.db", "sqlite:////var/x.db", "postgresql://u:p@h:5432/db"]
)
def test_a_register_url_passes(text: str) -> None:
    assert formats.register_fault(text) is None


def test_a_wrong_register_url_is_refused_without_its_password() -> None:
    fault = formats.register_fault("mysql://u:hunter22@h/db")
    assert fault is not None
    assert "hunter22" not in fault.message + fault.hint


def test_the_nearest_word_is_offered_whatever_its_case() -> None:
    assert formats.did_you_mean("hostnam", ["hostname", "name"]) == "did you mean hostname?"
    assert formats.did_you_mean("SMS_NUMER", ["SMS_NUMBER", "NAME"]) == "did you mean SMS_NUMBER?"


def test_no_word_is_offered_when_none_is_near() -> None:
    assert formats.did_you_mean("zzz", ["hostname", "size"]) == "known: hostname, size"
