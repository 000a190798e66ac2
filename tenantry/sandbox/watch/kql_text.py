"""Words of a query: taken apart, with where each stands, for errors that say so."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["QueryFault", "Token", "Words"]

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<string>@?"(?:[^"\\]|\\.)*"|@?'(?:[^'\\]|\\.)*')
    |(?P<moment>datetime\s*\([^)]*\))
    |(?P<span>\d+(?:\.\d+)?(?:ms|d|h|m|s)(?![A-Za-z0-9_]))
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-[a-z]+(?=\s))?)
    |(?P<sign>==|!=|=~|!~|<=|>=|\.\.|[<>=()|,!*-])""",
    re.VERBOSE,
)


class QueryFault(Exception):  # noqa: N818 - it is an answer, not a defect
    """A query that is refused, in the words of Log Analytics."""

    def __init__(self, code: str, message: str, *, at: Token | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at = at


@dataclass(frozen=True)
class Token:
    """A word, and where it stands: lines from 1, columns from 0."""

    kind: str
    text: str
    line: int
    column: int


class Words:
    """The words of a query, read from the left."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_taken_apart(text))
        self._at = 0

    @property
    def next(self) -> Token:
        """The word that comes next; an empty one at the end."""
        return self._tokens[self._at]

    def take(self, *texts: str) -> Token | None:
        """Take the next word when it is one of these."""
        if self.next.text.lower() in texts and self.next.kind in {"name", "sign"}:
            return self._step()
        return None

    def need(self, text: str) -> None:
        """Take this word; anything else is an error."""
        if self.take(text) is None:
            raise self.error()

    def name(self) -> Token:
        """Take a name."""
        if self.next.kind != "name":
            raise self.error()
        return self._step()

    def any(self, *kinds: str) -> Token:
        """Take a word of one of these kinds."""
        if self.next.kind not in kinds:
            raise self.error()
        return self._step()

    def error(self, message: str = "") -> QueryFault:
        """Return what to raise about the next word."""
        token = self.next
        text = message or "Query could not be parsed"
        where = f"'{token.text}' on line [{token.line},{token.column}]" if token.text else "the end"
        return QueryFault("SYN0002", f"{text} at {where}", at=token)

    def _step(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]


def _taken_apart(text: str) -> list[Token]:
    found, at, line, begin = [], 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            bad = Token("sign", text[at], line, at - begin)
            raise QueryFault(
                "SYN0002", f"Query could not be parsed at '{text[at]}' on line [{line},{at - begin}]", at=bad
            )
        kind, word = str(match.lastgroup), match[0]
        if kind != "space":
            found.append(Token(kind, word, line, at - begin))
        if breaks := word.count("\n"):
            line, begin = line + breaks, at + word.rindex("\n") + 1
        at = match.end()
    return [*found, Token("end", "", line, at - begin)]
