"""The example's pages and JSON as people and programs meet them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.example.support import ADMIN, EMAIL, PASSWORD, Answer, Database, Web, environment

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "phone": "+22901234567", "household_size": 4, **more}


def sign_in(web: Web, *, password: str = PASSWORD, address: str = "192.0.2.1") -> Answer:
    body = urlencode({"email": EMAIL, "password": password})
    return web.call("POST", "/login", body=body, headers={**FORM, "X-Forwarded-For": address})


def cookie(web: Web) -> dict[str, str]:
    return {"Cookie": sign_in(web).headers["set-cookie"].split(";")[0], "Accept": "text/html"}


def register(web: Web, name: str) -> str:
    answer = web.admin("POST", "/registrations", body=person(name))
    assert answer.status in {200, 201}, answer.text
    return str(answer.json["id"])


def upload(web: Web, registration: str, body: bytes, kind: str = "text/plain") -> Answer:
    return web.admin(
        "POST", f"/registrations/{registration}/attachment", body=body, headers={"Content-Type": kind}
    )


def test_health_and_version_answer_without_a_login(shared_web: Web) -> None:
    health = shared_web.call("GET", "/health")
    assert (health.status, health.json["status"]) == (200, "ok")
    assert {name for name, check in health.json["checks"].items() if check["ok"]} == {"database", "disk"}
    assert shared_web.call("GET", "/version").json["name"] == "registrations"


def test_the_page_names_the_instance_and_shows_no_registration_before_the_login(shared_web: Web) -> None:
    register(shared_web, "Hidden Person")
    page = shared_web.call("GET", "/")
    assert page.status == 200
    assert "benin" in page.text
    assert "Hidden Person" not in page.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/registrations"),
        ("POST", "/registrations"),
        ("GET", "/registrations/00000000-0000-8000-8000-000000000000"),
        ("POST", "/registrations/00000000-0000-8000-8000-000000000000/attachment"),
        ("GET", "/registrations/00000000-0000-8000-8000-000000000000/attachment"),
    ],
)
def test_personal_data_needs_a_login(shared_web: Web, method: str, path: str) -> None:
    answer = shared_web.call(method, path, body=b"{}", headers={"Content-Type": "application/json"})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_program_signs_in_by_basic_authentication(shared_web: Web) -> None:
    assert shared_web.call("GET", "/registrations", headers=ADMIN).status == 200
    wrong = {"Authorization": "Basic " + "eDp5", "X-Forwarded-For": "192.0.2.5"}
    assert shared_web.call("GET", "/registrations", headers=wrong).status == 401


def test_a_registration_is_kept_and_listed(shared_web: Web) -> None:
    made = shared_web.admin("POST", "/registrations", body=person("Awa Zinsou", note="two\r\nlines"))
    assert made.status == 201
    shown = shared_web.admin("GET", made.headers["location"]).json
    assert (shown["name"], shown["household_size"], shown["note"]) == ("Awa Zinsou", 4, "two\nlines")
    assert shown in shared_web.admin("GET", "/registrations?limit=500").json["registrations"]


def test_a_person_who_is_sent_twice_is_kept_once(shared_web: Web) -> None:
    first = shared_web.admin("POST", "/registrations", body=person("Twice Sent"))
    second = shared_web.admin("POST", "/registrations", body=person("twice sent", phone="+229 01 23 45 67"))
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]


def test_a_person_signs_in_registers_by_the_form_and_signs_out(shared_web: Web) -> None:
    session = cookie(shared_web)
    sent = shared_web.call(
        "POST", "/registrations", body=urlencode(person("Form Filler")), headers={**FORM, **session}
    )
    assert (sent.status, sent.headers["location"]) == (303, "/?saved")
    page = shared_web.call("GET", "/?saved", headers=session).text
    assert "Form Filler" in page
    assert 'role="status"' in page
    out = shared_web.call("POST", "/logout", headers=session)
    assert "Max-Age=0" in out.headers["set-cookie"]


def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(shared_web: Web) -> None:
    answer = shared_web.call(
        "POST",
        "/registrations",
        body=urlencode(person('Typed "Name"', phone="12")),
        headers={**FORM, **cookie(shared_web)},
    )
    assert answer.status == 422
    assert 'value="Typed &quot;Name&quot;"' in answer.text
    assert 'id="phone-error"' in answer.text


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(shared_web: Web) -> None:
    attributes = sign_in(shared_web).headers["set-cookie"]
    assert "HttpOnly" in attributes
    assert "SameSite=Strict" in attributes


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_cookie_that_was_changed_signs_nobody_in(shared_web: Web, part: int) -> None:
    name, token = cookie(shared_web)["Cookie"].split("=", 1)
    parts = token.split(".")
    parts[part] = {0: "99999999999", 1: "cm9vdA", 2: parts[2][::-1]}[part]
    forged = {"Cookie": f"{name}={'.'.join(parts)}"}
    assert shared_web.call("GET", "/registrations", headers=forged).status == 401


def test_a_wrong_password_and_an_unknown_account_are_answered_alike(shared_web: Web) -> None:
    body = urlencode({"email": "nobody@example.org", "password": PASSWORD})
    unknown = shared_web.call("POST", "/login", body=body, headers={**FORM, "X-Forwarded-For": "192.0.2.7"})
    wrong = sign_in(shared_web, password="wrong", address="192.0.2.7")
    assert (unknown.status, wrong.status) == (401, 401)
    assert unknown.body == wrong.body


def test_guessing_is_stopped_for_the_guesser_alone(shared_web: Web) -> None:
    guesses = [sign_in(shared_web, password=str(i), address="192.0.2.66").status for i in range(11)]
    assert guesses == [401] * 10 + [429]
    assert sign_in(shared_web, address="192.0.2.66").status == 429
    assert sign_in(shared_web, address="192.0.2.67").status == 303


def test_what_another_site_makes_a_browser_send_is_refused(shared_web: Web) -> None:
    for header in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = shared_web.admin("POST", "/registrations", body=person("Forged"), headers=header)
        assert answer.status == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("name", "nul\0byte"),
        ("name", ["a", "list"]),
        ("name", "right-to-left \u202e override"),
        ("phone", "0123"),
        ("phone", "+229 call me"),
        ("household_size", 0),
        ("household_size", 51),
        ("household_size", "4; drop table"),
        ("household_size", 1.5),
        ("language", "../etc"),
        ("note", "n" * 501),
    ],
)
def test_a_wrong_field_is_named(shared_web: Web, field: str, value: Any) -> None:
    answer = shared_web.admin("POST", "/registrations", body={**person("Valid"), field: value})
    assert answer.status == 422
    assert list(answer.json["fields"]) == [field]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"name": ', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b"name=x", "text/plain", 415),
        (b'{"name": "' + b"x" * 20_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(shared_web: Web, body: bytes, kind: str, status: int) -> None:
    answer = shared_web.admin("POST", "/registrations", body=body, headers={"Content-Type": kind})
    assert answer.status == status
    assert "xxx" not in answer.text


@pytest.mark.parametrize(
    "name",
    ["'); drop table registrations.registration; --", "<script>alert(1)</script>", "${7*7} %s $1 \\' "],
)
def test_hostile_text_is_kept_as_text(shared_web: Web, name: str) -> None:
    identity = register(shared_web, name)
    assert shared_web.admin("GET", f"/registrations/{identity}").json["name"] == name.strip()
    page = shared_web.call("GET", "/", headers=cookie(shared_web)).text
    assert "<script" not in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/registrations?limit=1%3Bdrop", 422),
        ("/registrations/'%20or%201=1", 404),
        ("/registrations/00000000-0000-8000-8000-00000000000g", 404),
        ("/../../etc/passwd", 404),
        ("/lib/settings.js", 404),
        ("//evil.example/", 404),
    ],
)
def test_a_hostile_path_finds_nothing(shared_web: Web, path: str, status: int) -> None:
    assert shared_web.admin("GET", path).status == status


def test_a_wrong_method_is_told_the_right_ones(shared_web: Web) -> None:
    answer = shared_web.admin("DELETE", "/registrations")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


def test_an_attachment_comes_back_as_it_was_sent(shared_web: Web) -> None:
    identity = register(shared_web, "With Letter")
    content = b"%PDF-1.7\n" + bytes(range(256)) * 4000
    assert upload(shared_web, identity, content, "application/pdf").status == 201
    answer = shared_web.admin("GET", f"/registrations/{identity}/attachment")
    assert answer.body == content
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_an_attachment_from_the_form_never_chooses_its_path(shared_web: Web) -> None:
    identity = register(shared_web, "Path Chooser")
    before = set(shared_web.uploads.iterdir())
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../..\\evil\xe2\x80\xae.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"
    )
    headers = {**cookie(shared_web), "Content-Type": "multipart/form-data; boundary=b"}
    answer = shared_web.call("POST", f"/registrations/{identity}/attachment", body=body, headers=headers)
    assert answer.status == 303
    (stored,) = set(shared_web.uploads.iterdir()) - before
    assert re.fullmatch(r"[0-9a-f-]{36}\.txt", stored.name)
    assert stored.stat().st_mode & 0o777 == 0o600
    assert shared_web.admin("GET", f"/registrations/{identity}").json["attachment"] == "evil.txt"


def test_a_new_attachment_takes_the_place_of_the_old_one_on_disk_too(shared_web: Web) -> None:
    identity = register(shared_web, "Second Thoughts")
    upload(shared_web, identity, b"first")
    count = len(list(shared_web.uploads.iterdir()))
    upload(shared_web, identity, b"second")
    assert len(list(shared_web.uploads.iterdir())) == count
    assert shared_web.admin("GET", f"/registrations/{identity}/attachment").body == b"second"


def test_an_upload_for_nobody_leaves_no_file(shared_web: Web) -> None:
    before = set(shared_web.uploads.iterdir())
    assert upload(shared_web, "00000000-0000-8000-8000-000000000000", b"lost").status == 404
    assert set(shared_web.uploads.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * (5 * 1024 * 1024 + 1), "text/plain", 413),
        (b"<html>", "text/html", 415),
        (b"not a picture", "image/png", 422),
        (b"", "text/plain", 422),
        (b"no form at all", "multipart/form-data; boundary=b", 400),
        (b"no boundary", "multipart/form-data", 400),
    ],
)
def test_an_attachment_that_cannot_be_taken_is_refused(
    shared_web: Web, content: bytes, kind: str, status: int
) -> None:
    identity = register(shared_web, "Refused Letter")
    assert upload(shared_web, identity, content, kind).status == status


def test_a_body_without_a_length_is_limited_all_the_same(shared_web: Web) -> None:
    identity = register(shared_web, "Endless Letter")
    connection = shared_web.connection()
    headers = {**ADMIN, "Content-Type": "text/plain"}
    chunks = (b"x" * 65536 for _ in range(100))
    connection.request("POST", f"/registrations/{identity}/attachment", body=chunks, headers=headers)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere", "/registrations", "/style.css"])
def test_every_answer_carries_the_safe_headers(shared_web: Web, path: str) -> None:
    headers = shared_web.call("GET", path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_log_tells_requests_and_nothing_about_people(shared_web: Web) -> None:
    identity = register(shared_web, "Logged Nowhere")
    upload(shared_web, identity, b"a secret letter")
    shared_web.call("GET", "/registrations/Logged?name=Nowhere")
    sign_in(shared_web, password="a-wrong-password", address="192.0.2.9")
    log = shared_web.log
    assert re.search(r"^POST /registrations/:id/attachment 201 \d+ ms$", log, re.MULTILINE)
    for private in ("Logged", "Nowhere", "2290123", identity, EMAIL, PASSWORD, "a-wrong-password", "192.0.2"):
        assert private not in log


def test_the_page_speaks_the_language_of_the_instance(web: Web, ready_database: Database) -> None:
    web.start(environment(ready_database, role="app", DEFAULT_LANGUAGE="fr", PUBLIC_URL="https://a.example"))
    page = web.call("GET", "/")
    assert '<html lang="fr">' in page.text
    assert "Se connecter" in page.text
    assert web.call("GET", "/health").headers["strict-transport-security"]
    assert sign_in(web).headers["set-cookie"].startswith("__Host-session=")
    assert "Secure" in sign_in(web).headers["set-cookie"]
