"""Small answers on loopback, and who asked for them."""

from __future__ import annotations

import urllib.error

import pytest

from tenantry.loopback_http import Answer, Asked, answering
from tests.support.plain_http import ask


def _told(asked: Asked) -> Answer:
    if asked.path != "/token":
        return 404, {"error": "not_found"}
    return 200, {
        "resource": asked.query.get("resource", ""),
        "proof": asked.headers.get("X-IDENTITY-HEADER", ""),
        "ours": str(asked.is_ours),
    }


def test_who_asks_is_told_path_query_and_headers_in_any_case_and_that_it_is_ours() -> None:
    with answering(_told) as url:
        answer = ask(f"{url}/token?resource=a&resource=b", headers={"x-identity-header": "h"})
    assert answer.json == {"resource": "a", "proof": "h", "ours": "True"}


def test_a_status_of_its_own_arrives_and_after_the_block_nobody_answers() -> None:
    with answering(_told) as url:
        assert ask(f"{url}/other").status == 404
    with pytest.raises(urllib.error.URLError):
        ask(url)
