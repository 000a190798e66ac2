"""Small answers on loopback, and who asked for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from tenantry.loopback_http import Answer, Asked, answering


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
        request = urllib.request.Request(
            f"{url}/token?resource=a&resource=b", headers={"x-identity-header": "h"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"resource": "a", "proof": "h", "ours": "True"}


def test_a_status_of_its_own_arrives_and_after_the_block_nobody_answers() -> None:
    with answering(_told) as url, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{url}/other", timeout=10)
    assert caught.value.code == 404
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=10)
