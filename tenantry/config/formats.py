"""What the values in specs, workspaces and profiles must look like, one rule each.

A rule takes text and returns a Fault, or None when the text is fine. Where a
regular expression says the same, it stands beside the rule and goes into the
JSON Schema.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from tenantry.config.countries import COUNTRIES
from tenantry.config.problems import Fault, shorten
from tenantry.errors import SpecError
from tenantry.model.names import INSTANCE_NAME, RESERVED_NAMES

__all__ = [
    "EMAIL_PATTERN",
    "HOSTNAME_PATTERN",
    "HOST_NAME_PATTERN",
    "LANGUAGE_PATTERN",
    "NAME_PATTERN",
    "RECIPIENT_PATTERN",
    "VARIABLE_PATTERN",
    "Rule",
    "check_instance_name",
    "country_fault",
    "did_you_mean",
    "email_fault",
    "language_fault",
    "look_alike",
    "name_fault",
    "nearest",
    "pattern_rule",
    "recipient_fault",
    "register_fault",
    "variable_fault",
]

Rule = Callable[[str], Fault | None]

NAME_PATTERN: Final = f"^{INSTANCE_NAME.pattern}$"
HOST_NAME_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
HOSTNAME_PATTERN: Final = r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$"
EMAIL_PATTERN: Final = (
    r"^[^@\s<>()\[\],;:\\\"]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$"
)
LANGUAGE_PATTERN: Final = (
    r"^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*$"
)
RECIPIENT_PATTERN: Final = r"^age1[02-9ac-hj-np-z]{58}$"
VARIABLE_PATTERN: Final = r"^[A-Z_][A-Z0-9_]{0,126}$"

_MOST_NAME = 40
_LEAST_NAME = 2


def nearest(text: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, whatever its case, or nothing."""
    words = {word.lower(): word for word in known}
    near = difflib.get_close_matches(text[:80].lower(), sorted(words), n=1, cutoff=0.6)
    return words[near[0]] if near else ""


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest known word; with all of them when none is near and they are few."""
    words = sorted(known)
    if near := nearest(text, words):
        return f"did you mean {near}?"
    few = 16
    return f"known: {', '.join(words)}" if 0 < len(words) <= few else ""


def pattern_rule(pattern: str, message: str, *, hint: str = "", code: str = "wrong-format") -> Rule:
    """Return a rule that asks for a match of the whole text."""
    compiled = re.compile(pattern)

    def rule(text: str) -> Fault | None:
        # `$` alone would let a final line break pass.
        if compiled.match(text) and not text.endswith("\n"):
            return None
        return Fault(code=code, message=message, hint=hint)

    return rule


def check_instance_name(text: str) -> None:
    """Raise SpecError unless text may name an instance."""
    if fault := name_fault(text):
        named = f"the name {shorten(text)}" if text.strip() else f'the name "{shorten(text)}"'
        raise SpecError(f"{named} {fault.message}", hint=fault.hint, code=fault.code)


def name_fault(text: str) -> Fault | None:  # noqa: PLR0911 - one return per thing that can be wrong
    """Say what is wrong with the name of an instance, as precisely as it can be said."""
    if any(part in text for part in ("/", "\\", "..")) or text.startswith((".", "~")):
        return Fault(code="name-path", message="must be a name, not a path", hint="such as: benin")
    if strange := next((c for c in text if ord(c) > 126), None):  # noqa: PLR2004 - the last visible ASCII
        return look_alike(text, strange)
    if len(text) > _MOST_NAME:
        return Fault(
            code="name-too-long", message=f"has {len(text)} characters; at most {_MOST_NAME} are allowed"
        )
    if len(text) < _LEAST_NAME:
        return Fault(code="name-too-short", message=f"must have at least {_LEAST_NAME} characters")
    if text != text.lower():
        return Fault(
            code="name-upper-case", message="must be in lower case", hint=f"write {shorten(text.lower())}"
        )
    if text in RESERVED_NAMES:
        return Fault(
            code="name-reserved", message=f"is {text}, which is reserved", hint="choose another name"
        )
    if INSTANCE_NAME.fullmatch(text) is None:
        return Fault(
            code="name-characters",
            message="must begin with a letter and be of letters a-z, digits and single hyphens inside",
            hint="such as: south-sudan-2",
        )
    return None


def look_alike(text: str, strange: str) -> Fault:
    """Name a character of a name that may be taken for another one, or not be seen."""
    label = unicodedata.name(strange, "an unnamed character")
    return Fault(
        code="name-look-alike",
        message=f"holds U+{ord(strange):04X} {label} at character {text.index(strange) + 1}",
        hint="only the ASCII letters a-z are allowed, so that no two names look the same",
    )


def country_fault(text: str) -> Fault | None:
    """Ask for a country code of ISO 3166-1 alpha-2."""
    if text in COUNTRIES:
        return None
    hint = "two capital letters of ISO 3166-1, such as BJ for Benin"
    if text.upper() in COUNTRIES:
        hint = f"write {text.upper()}"
    elif text.upper() == "UK":
        hint = "the United Kingdom is GB"
    return Fault(code="unknown-country", message=f"is {shorten(text)}, which is no country's code", hint=hint)


language_fault = pattern_rule(
    LANGUAGE_PATTERN, "must be a language tag (BCP 47)", hint="such as: en, fr, pt-BR, zh-Hant"
)
email_fault = pattern_rule(EMAIL_PATTERN, "must be an e-mail address", hint="such as: data@example.org")
variable_fault = pattern_rule(
    VARIABLE_PATTERN,
    "must be a variable's name: capital letters, digits and underscores",
    hint="such as: SMS_SENDER",
)


def register_fault(text: str) -> Fault | None:
    """Ask for a register's URL. The message never repeats it: it may hold a password."""
    if re.fullmatch(r"(?:sqlite:///\S.*|postgresql(?:\+pg8000)?://\S+/\S+)", text):
        return None
    return Fault(
        code="wrong-format",
        message="must be the URL of an SQLite file or a PostgreSQL database",
        hint="such as: sqlite:///register.db or postgresql://user@host:5432/tenantry",
    )


def recipient_fault(text: str) -> Fault | None:
    """Ask for an age recipient, and see that it was copied whole (its checksum)."""
    if text.upper().startswith("AGE-SECRET-KEY-"):
        return Fault(
            code="secret-in-spec",
            message="holds a private key; it is no longer a secret",
            hint="make a new key with age-keygen, and write its public part (age1…) here",
        )
    if re.match(RECIPIENT_PATTERN, text) is None or text.endswith("\n"):
        return Fault(
            code="wrong-format",
            message="must be an age recipient: age1 and 58 more characters",
            hint="age-keygen -y prints it",
        )
    if not _bech32_holds(text):
        return Fault(
            code="wrong-format",
            message="is an age recipient with a mistake in it",
            hint="copy it again, whole",
        )
    return None


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def _bech32_holds(text: str) -> bool:
    """Check the checksum of BIP 173."""
    prefix, _, data = text.rpartition("1")
    values = (
        [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32.index(c) for c in data]
    )
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            state ^= generator if top >> bit & 1 else 0
    return state == 1
