"""Links in the documentation lead somewhere, and the commands in it exist."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.cli_reference import commands

_ROOT = Path(__file__).parents[3]
_PAGES = sorted(
    [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), *(_ROOT / "examples").glob("*/*.md")],
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"(?:^|[\s/$(])tenantry ((?:[a-z]+)(?: [a-z]+)?)(.*)")
_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
_END = re.compile(r" -- |[|;#>]|&&|\s→")


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get where Markdown is shown."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and anchor not in _anchors(target):
            yield f"{link}: there is no such heading"


def _lines_of_code(page: Path) -> Iterator[str]:
    """Yield code spans, and the lines of indented blocks, with continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    for line in text.splitlines():
        if line.startswith("    ") and not line.lstrip().startswith("-"):
            yield line.strip()
        else:
            yield from _CODE.findall(line)


@functools.cache
def _known() -> dict[str, Any]:
    return {path.removeprefix("tenantry "): command for path, command in commands()}


def _wrong_commands(page: Path) -> Iterator[str]:
    known = _known()
    nouns = {path.split(" ")[0] for path in known if " " in path}
    for line in _lines_of_code(page):
        for words, rest in _COMMAND.findall(line):
            path = words if words in known else words.split(" ")[0]
            if path not in known:
                if words not in nouns:
                    yield f"{line}: there is no command {words}"
                continue
            options = {option for one in known[path].params for option in one.opts} | {"--help"}
            end = _END.search(rest)
            used = _OPTION.findall(rest[: end.start()] if end else rest)
            yield from (f"{line}: {path} has no {one}" for one in used if one not in options)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(_broken(page)) == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    assert list(_wrong_commands(page)) == []


def test_every_page_can_be_reached_from_the_index() -> None:
    docs = _ROOT / "docs"
    reached, todo = set(), [docs / "index.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]
    assert [_name(page) for page in sorted(docs.rglob("*.md")) if page not in reached] == []
