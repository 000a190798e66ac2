"""What is wrong with an input for Azure is told with its place before Azure is asked for anything."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry.adapters import tools
from tenantry.cli.app import app
from tenantry.cli.run import main_guard
from tests.unit.cli.conftest import AZURE, SPECS, Run
from tests.unit.cli.support import COMMANDS, no_effect

pytestmark = pytest.mark.usefixtures("nothing_asked")

SPEC = SPECS["azure"]  # six lines; what a test adds begins in the seventh
_NO_PAIR = "azure: {region: polandcentral, "
_ID = "12345678-0000-4000-8000-000000000000"

# What is added, then the problem: code, line and column, a part of message or hint.
BAD_FIELDS = {
    "a region that is not there": (
        "azure: {region: westerope}", "unknown-region", "7:17", "mean westeurope?"
    ),
    "a region by its display name": (
        "azure: {region: West Europe}", "unknown-region", "7:17", "mean westeurope?"
    ),
    "a region that looks like another": (
        "azure: {region: westeurop\u0435}", "unknown-region", "7:17", "mean westeurope?"
    ),
    "an internal region": ("azure: {region: centraluseuap}", "unknown-region", "7:17", "mean centralus?"),
    "a list of regions": ("azure: {region: [westeurope]}", "wrong-type", "7:17", "must be text"),
    "a number as region": ("azure: {region: 7}", "wrong-type", "7:17", 'in quotes: "7"'),
    "no region": ("azure: {region: ''}", "out-of-range", "7:17", "1 to 200"),
    "a huge region": (f"azure: {{region: {'x' * 100_000}}}", "out-of-range", "7:17", "100000 characters"),
    "a control character": ('azure: {region: "west\\0europe"}', "bad-character", "7:17", "U+0000"),
    "a turn of direction": ('azure: {region: "\\u202Ewesteurope"}', "bad-character", "7:17", "U+202E"),
    "half a character": ('azure: {region: "\\uD800"}', "broken-yaml", "7:20", "invalid Unicode"),
    "an excluded region that is not there": (
        "residency: {exclude_regions: [westerope]}", "unknown-region", "7:31", "mean westeurope?"
    ),
    "a day too few": ("azure: {backup_retention_days: 6}", "out-of-range", "7:32", "7 to 35"),
    "a day too many": ("azure: {backup_retention_days: 36}", "out-of-range", "7:32", "7 to 35"),
    "days below nothing": ("azure: {backup_retention_days: -1}", "out-of-range", "7:32", "7 to 35"),
    "days as text": ('azure: {backup_retention_days: "7"}', "wrong-type", "7:32", "write 7 without quotes"),
    "days with a unit": ("azure: {backup_retention_days: 7 days}", "wrong-type", "7:32", "write 7"),
    "part of a day": ("azure: {backup_retention_days: 7.5}", "wrong-type", "7:32", "whole number of days"),
    "days as a truth": ("azure: {backup_retention_days: true}", "wrong-type", "7:32", "whole number of days"),
    "a huge number": (f"azure: {{backup_retention_days: {'9' * 30}}}", "out-of-range", "7:32", "30 digits"),
    "a number too long for a program": (
        f"azure: {{backup_retention_days: {'9' * 5000}}}", "out-of-range", "7:32", "5000 digits"
    ),
    "a misspelt key": ("azure: {regin: westeurope}", "unknown-key", "7:9", "did you mean region?"),
    "a misspelt word": ("azure: {zone_redundancy: requird}", "unknown-value", "7:26", "mean required?"),
    "a word that YAML turns": ("azure: {geo_redundant_backup: yes}", "wrong-type", "7:31", "true or false"),
    "a truth as text": ('azure: {geo_redundant_backup: "true"}', "wrong-type", "7:31", "without quotes"),
    "a redundancy that is not taken": ("azure: {storage_redundancy: RA-GRS}", "unknown-value", "7:29", "GRS"),
    "a list as block": ("azure: [westeurope]", "wrong-type", "7:8", "a block of keys"),
    "a word as block": ("azure: westeurope", "wrong-type", "7:8", "a block of keys"),
    "nothing as block": ("azure:", "wrong-type", "7:7", "leave the whole line out"),
    "a block twice": ("azure: {region: uksouth}\nazure: {}", "duplicate-key", "8:1", "in line 7"),
    "a key twice": ("azure: {region: uksouth, region: ukwest}", "duplicate-key", "7:26", "keep one"),
    "an anchor": ("azure: &a {region: *a}", "alias", "7:8", "write each value out"),
    "a merge": ("azure: {<<: {region: uksouth}}", "unknown-key", "7:9", "known: "),
    "a program's tag": ("azure: !!python/object:os.system {}", "unknown-tag", "7:8", "not known"),
    "a deep nest": (f"azure: {'[' * 30}{']' * 30}", "too-deep", "7:2", "deeper than 20"),
    "a key that is none": ("azure: {? [a] : b}", "wrong-type", "7:11", "plain word"),
}  # fmt: skip
FORBIDDEN = {
    "outside of the residency": (
        "azure: {region: westeurope}\nresidency: {countries: [ZA]}",
        "outside-residency", "7:17", "southafricanorth",
    ),
    "the default outside of the residency": (
        "residency: {countries: [ZA]}", "outside-residency", "7:12", "ZA"
    ),
    "an excluded region": (
        "azure: {region: uksouth}\nresidency: {exclude_regions: [uksouth]}", "outside-residency", "7:17", "uk"
    ),
    "a backup in a pair that is not there": (
        _NO_PAIR + "geo_redundant_backup: true}", "no-geo-backup", "7:54", "write false"
    ),
    "a backup in a pair outside": (
        "azure: {geo_redundant_backup: true}\nresidency: {countries: [NL]}", "outside-residency", "7:31", "IE"
    ),
    "vaults that are copied into a pair outside": (
        "azure: {region: westeurope}\nresidency: {countries: [NL]}", "outside-residency", "7:17", "IE"
    ),
    "files in a pair that is not there": (
        _NO_PAIR + "storage_redundancy: GRS}", "no-pair", "7:52", "ZRS or LRS"
    ),
    "files in a pair outside": (
        "azure: {region: brazilsouth, storage_redundancy: GRS}\nresidency: {countries: [BR]}",
        "outside-residency", "7:50", "US",
    ),
    "zones that are not there": (
        "azure: {region: ukwest, zone_redundancy: required}", "no-zone-redundancy", "7:42", "preferred"
    ),
    "zones that are refused": (
        "azure: {zone_redundancy: required}", "no-zone-redundancy", "7:26", "preferred"
    ),
    "files in zones that are not there": (
        "azure: {region: ukwest, storage_redundancy: ZRS}", "no-zones", "7:45", "write LRS"
    ),
    "a region without PostgreSQL": ("azure: {region: westindia}", "no-postgresql", "7:17", "not listed"),
}  # fmt: skip
# The block of the workspace, then the problem; its line is the eighth.
BAD_BLOCKS = {
    "an unknown cloud": ("{cloud: publik}", "unknown-value", "8:16", "did you mean public?"),
    "a list of clouds": ("{cloud: [public]}", "wrong-type", "8:16", "one of: public"),
    "nothing": ("{}", "missing-key", "8:8", "Id of the subscription"),
    "no directory": (f"{{subscription: {_ID}}}", "missing-key", "8:8", "Id of the directory"),
    "a subscription's name": (
        f"{{subscription: Ours, directory: {_ID}}}", "wrong-format", "8:23", "az account"
    ),
    "a directory's domain": (
        f"{{subscription: {_ID}, directory: aid.onmicrosoft.com}}", "wrong-format", "8:72", "az account"
    ),
    "an id that is too short": (
        f"{{subscription: {_ID[:-1]}, directory: {_ID}}}", "wrong-format", "8:23", "must be an id"
    ),
    "an id in braces": (
        f"{{subscription: '{{{_ID}}}', directory: {_ID}}}", "wrong-format", "8:23", "az account show"
    ),
    "a subscription's whole id": (
        f"{{subscription: /subscriptions/{_ID}/resourceGroups/x, directory: {_ID}}}",
        "wrong-format", "8:23", "az account show",
    ),
    "an account with a long name": (
        f"{{cloud: sandbox, state: {{account: {'a' * 25}, container: c, key: k}}}}",
        "wrong-format", "8:42", "3 to 24",
    ),
    "an application without a credential of it": (
        f"{{subscription: {_ID}, directory: {_ID}, client_id: {_ID}, credential: cli}}",
        "misplaced-key", "8:121", "managed-identity",
    ),
    "an application alone": (
        f"{{subscription: {_ID}, directory: {_ID}, client_id: {_ID}}}",
        "misplaced-key", "8:121", "managed-identity",
    ),
    "an unknown credential": (
        f"{{subscription: {_ID}, directory: {_ID}, credential: secrt}}",
        "unknown-value", "8:122", "mean secret?",
    ),
    "a secret without a file": (
        f"{{subscription: {_ID}, directory: {_ID}, client_id: {_ID}, credential: secret}}",
        "missing-key", "8:8", "a file that holds it",
    ),
    "two kinds of credential": (
        f"{{subscription: {_ID}, directory: {_ID}, client_id: {_ID}, token_file: a, certificate_file: b}}",
        "misplaced-key", "8:192", "take it out",
    ),
    "a secret in the file": (
        f"{{subscription: {_ID}, directory: {_ID}, client_secret: hunter22}}",
        "unknown-key", "8:110", "client_secret_file",
    ),
    "a subscription for the sandbox": (
        f"{{cloud: sandbox, subscription: {_ID}}}", "misplaced-key", "8:39", "take it out"
    ),
    "one address as list": (
        "{cloud: sandbox, emails: a@example.org}", "wrong-type", "8:33", "[team@example.org]"
    ),
    "no address": ("{cloud: sandbox, emails: [nobody]}", "wrong-format", "8:34", "e-mail address"),
    "a webhook without TLS": (
        "{cloud: sandbox, webhook: 'http://example.org/x'}", "wrong-format", "8:34", "https"
    ),
    "a webhook with a password": (
        "{cloud: sandbox, webhook: 'https://u:hunter22@example.org/'}",
        "wrong-format", "8:34", "without a user",
    ),
    "a webhook on this machine": (
        f"{{subscription: {_ID}, directory: {_ID}, webhook: 'http://localhost:99/x'}}",
        "unreachable-webhook", "8:119", "cloud: sandbox",
    ),
    "a webhook at this machine's address": (
        f"{{subscription: {_ID}, directory: {_ID}, webhook: 'https://127.0.0.1/x'}}",
        "unreachable-webhook", "8:119", "cloud: sandbox",
    ),
    "a webhook in the own network": (
        f"{{subscription: {_ID}, directory: {_ID}, webhook: 'https://alerts/'}}",
        "unreachable-webhook", "8:119", "cloud: sandbox",
    ),
    "a webhook at a port that there cannot be": (
        "{cloud: sandbox, webhook: 'https://example.org:99999/'}", "wrong-format", "8:34", "65535"
    ),
    "no money": ("{cloud: sandbox, monthly_budget: 0}", "out-of-range", "8:41", "1 to 1000000"),
}  # fmt: skip


@pytest.fixture
def refused(ready: Run, workspace: Path) -> Callable[..., dict[str, str]]:
    """Run a command that is to be refused without any effect; return the first problem."""

    def run(*arguments: str, code: int) -> dict[str, str]:
        with no_effect(workspace):
            exit_code, answer = ready(*arguments)
        assert (exit_code, answer["data"].get("instances", [])) == (code, []), answer
        first: dict[str, str] = answer["problems"][0]
        told = first["message"] + first["hint"]
        assert "hunter22" not in told
        return {**first, "told": told}

    return run


Refused = Callable[..., dict[str, str]]


def _block(workspace: Path, block: str) -> None:
    file = workspace / "tenantry.yaml"
    file.write_text(file.read_text().replace(AZURE, f"azure: {block}\n"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", BAD_FIELDS)
def test_a_bad_field_of_azure_is_refused_at_its_place(
    refused: Refused, workspace: Path, command: list[str], what: str
) -> None:
    more, code, where, part = BAD_FIELDS[what]
    (workspace / "instances" / "benin.yaml").write_text(f"{SPEC}{more}\n", encoding="utf-8")
    first = refused(*command, "benin", code=65)
    assert (first["code"], first["where"][: len(where) + 21]) == (code, f"instances/benin.yaml:{where}")
    assert part in first["told"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_may_not_or_cannot_be_there_is_refused_at_its_place(
    refused: Refused, workspace: Path, command: list[str], what: str
) -> None:
    more, code, where, part = FORBIDDEN[what]
    (workspace / "instances" / "benin.yaml").write_text(f"{SPEC}{more}\n")
    first = refused(*command, "benin", code=77)
    assert (first["code"], first["where"]) == (code, f"instances/benin.yaml:{where}")
    assert part in first["told"]
    assert first["hint"]


@pytest.mark.parametrize("what", BAD_BLOCKS)
def test_a_bad_block_of_the_workspace_is_refused_at_its_place(
    refused: Refused, workspace: Path, what: str
) -> None:
    block, code, where, part = BAD_BLOCKS[what]
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    _block(workspace, block)
    first = refused("instance", "deploy", "benin", code=65)
    assert (first["code"], first["where"]) == (code, f"tenantry.yaml:{where}")
    assert part in first["told"]


_HERE = f"subscription: {_ID}, directory: {_ID}"
OTHER_CLOUDS = {
    "a region of the government's": ("public", "azure: {region: usgovvirginia}", "7:17", "region list"),
    "a region of China's": ("sandbox", "azure: {region: chinanorth3}", "7:17", "region list"),
    "a public region": ("government", "azure: {region: westeurope}", "7:17", "usgovvirginia"),
    "the default": ("government", "size: small", "4:9", "usgovarizona, usgovtexas, usgovvirginia"),
    "the default in a block": ("china", "azure: {backup_retention_days: 7}", "7:8", "chinanorth3"),
}


@pytest.mark.parametrize("what", OTHER_CLOUDS)
def test_a_region_of_another_cloud_is_refused_at_its_place_with_those_of_this_one(
    refused: Refused, workspace: Path, what: str
) -> None:
    cloud, more, where, part = OTHER_CLOUDS[what]
    (workspace / "instances" / "benin.yaml").write_text(f"{SPEC}{more}\n")
    _block(workspace, "{cloud: sandbox}" if cloud == "sandbox" else f"{{cloud: {cloud}, {_HERE}}}")
    first = refused("spec", "validate", "benin", code=65)
    assert (first["code"], first["where"]) == ("other-cloud", f"instances/benin.yaml:{where}")
    assert part in first["hint"]


@pytest.mark.parametrize(
    ("cloud", "region", "country"), [("government", "usgovvirginia", "US"), ("china", "chinanorth3", "CN")]
)
def test_a_residency_holds_in_every_cloud(
    ready: Run, workspace: Path, cloud: str, region: str, country: str
) -> None:
    _block(workspace, f"{{cloud: {cloud}, {_HERE}}}")
    told = {}
    for within in (country, "EU"):
        more = f"azure: {{region: {region}}}\nresidency: {{countries: [{within}]}}\n"
        (workspace / "instances" / "benin.yaml").write_text(SPEC + more)
        told[within] = {one["code"] for one in ready("spec", "validate", "benin")[1]["problems"]}
    assert told == {country: set(), "EU": {"outside-residency"}}


def test_a_cache_is_refused_in_a_cloud_that_has_none(refused: Refused, workspace: Path) -> None:
    text = SPEC.replace("profile: registrations", "profile: 121-platform")
    (workspace / "instances" / "benin.yaml").write_text(f"{text}azure: {{region: usgovvirginia}}\n")
    _block(workspace, f"{{cloud: government, {_HERE}}}")
    first = refused("spec", "validate", "benin", code=65)
    assert (first["code"], first["where"]) == ("no-cache", "instances/benin.yaml")


def test_the_regions_that_are_listed_are_those_of_the_workspaces_cloud(ready: Run, workspace: Path) -> None:
    _block(workspace, f"{{cloud: government, {_HERE}}}")
    code, answer = ready("region", "list", "--country", "US")
    assert code == 0
    assert answer["data"]["cloud"] == "government"
    assert [(one["name"], one["kilometres"]) for one in answer["data"]["regions"]] == [
        ("usgovarizona", None), ("usgovtexas", None), ("usgovvirginia", None),
    ]  # fmt: skip
    assert len(ready("region", "list", "--cloud", "public", "--all")[1]["data"]["regions"]) == 58


def test_a_workspace_without_azure_is_told(refused: Refused, workspace: Path) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    file = workspace / "tenantry.yaml"
    file.write_text(file.read_text().replace(AZURE, ""))
    first = refused("instance", "deploy", "benin", code=65)
    assert (first["code"], first["where"]) == ("no-azure", "instances/benin.yaml")
    assert "cloud, subscription, directory" in first["hint"]


def test_a_runtime_that_is_not_here_is_told(
    refused: Refused, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tools, "runtime_folders", lambda: [tmp_path])
    monkeypatch.setattr(tools, "_SYSTEM_FOLDERS", ())
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    first = refused("instance", "deploy", "benin", code=69)
    assert (first["code"], first["hint"]) == ("missing-runtime", "run: make setup")


def test_a_sandbox_that_was_never_started_is_told(refused: Refused, workspace: Path) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    _block(workspace, "{cloud: sandbox}")
    first = refused("instance", "deploy", "benin", code=69)
    assert (first["code"], first["hint"]) == ("no-sandbox", "start it: tenantry sandbox start")


def _as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


# What the file of the secret is, then exit code, problem and a part of what is told.
BAD_SECRETS: dict[str, tuple[Callable[[Path], object], int, str, str]] = {
    "a folder": (_as_folder, 69, "no-credential-file", "not a file"),
    "a named pipe": (_as_pipe, 69, "no-credential-file", "not a file"),
    "open to others": (lambda file: file.chmod(0o644), 77, "credential-file-open", "chmod 600"),
    "open to the group": (lambda file: file.chmod(0o640), 77, "credential-file-open", "chmod 600"),
    "empty": (lambda file: file.write_text(" \n"), 65, "credential-file-malformed", "holds nothing"),
    "binary": (lambda file: file.write_bytes(b"\xff\0"), 65, "credential-file-malformed", "no ASCII"),
    "two lines": (lambda file: file.write_text("hunter22\nx"), 65, "credential-file-malformed", "one line"),
    "huge": (lambda file: file.write_text("x" * 100_000), 65, "credential-file-malformed", "65536 bytes"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", BAD_SECRETS)
def test_a_bad_secret_file_is_told_by_name(
    refused: Refused, workspace: Path, command: list[str], what: str
) -> None:
    spoil, exit_code, code, part = BAD_SECRETS[what]
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    spoil(workspace / "secret")
    first = refused(*command, "benin", code=exit_code)
    assert (first["code"], str(workspace / "secret") in first["message"]) == (code, True)
    assert first["where"] == f"tenantry.yaml:8:{AZURE.index('secret}') + 1}"
    assert part in first["told"]
    assert first["hint"]


def test_a_link_to_the_secret_is_as_good_as_the_file(ready: Run, workspace: Path) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    (workspace / "secret").rename(workspace / "..data")
    (workspace / "secret").symlink_to("..data")
    answer = ready("spec", "validate", "benin")[1]
    assert "no-credential-file" not in {one["code"] for one in answer["problems"]}


_ONE_BLOCK = f"subscription: {_ID}, directory: {_ID}, client_id: {_ID}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("key", ["client_secret_file", "certificate_file", "token_file"])
@pytest.mark.parametrize(
    "secret", ["hunter22~AbC.x", "hunter22/AbC/x", "secret/hunter22", f"hunter22{'x' * 300}"],
    ids=["a word", "with slashes", "below a file", "long"],
)  # fmt: skip
def test_a_secret_in_place_of_its_files_name_is_not_repeated(
    refused: Refused, workspace: Path, command: list[str], key: str, secret: str
) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    _block(workspace, f'{{{_ONE_BLOCK}, {key}: "{secret}"}}')
    first = refused(*command, "benin", code=69)
    assert first["message"] == f"azure.{key} names no file that is there"
    assert first["where"] == f"tenantry.yaml:8:{len('azure: {') + len(_ONE_BLOCK) + len(key) + 5}"


@pytest.mark.parametrize("key", ["credential", "client_id", "client_secret_file", "certificate_file"])
@pytest.mark.parametrize("secret", ["hunter22~x", "22446688", "*hunter22", "&hunter22", "!hunter22"])
def test_a_secret_under_another_key_is_not_repeated(
    refused: Refused, workspace: Path, key: str, secret: str
) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    rest = ", ".join(one for one in _ONE_BLOCK.split(", ") if not one.startswith(key))
    _block(workspace, f"{{{rest}, {key}: {secret} }}")
    may_be_a_name = secret == "hunter22~x" and key.endswith("_file")
    first = refused("spec", "validate", "benin", code=69 if may_be_a_name else 65)
    assert "22446688" not in first["told"]
    assert first["where"].startswith("tenantry.yaml:8:")


def _without_a_key(file: Path) -> None:
    """Make a certificate alone."""
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    argv += ["-keyout", "/dev/null", "-out", str(file)]
    subprocess.run(argv, check=True, capture_output=True)


def _with_a_rare_key(file: Path) -> None:
    """Make a certificate with a key on a curve that OpenSSL knows and Python's cryptography does not."""
    key = file.with_name("key.pem")
    rare = ["openssl", "ecparam", "-name", "brainpoolP160r1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(rare, check=True, capture_output=True)
    argv = ["openssl", "req", "-x509", "-new", "-key", str(key), "-days", "1", "-subj", "/CN=test"]
    done = subprocess.run(argv, check=True, capture_output=True)
    file.write_bytes(key.read_bytes() + done.stdout)


@pytest.mark.parametrize("what", ["garbage", "no key", "a rare key"])
def test_a_certificate_that_is_none_is_told_by_name(
    refused: Refused, workspace: Path, tmp_path: Path, what: str
) -> None:
    file = tmp_path / "certificate.pem"
    match what:
        case "garbage":
            file.write_text("hunter22")
        case "no key":
            _without_a_key(file)
        case "a rare key":
            _with_a_rare_key(file)
    file.chmod(0o600)
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    block = f"subscription: {_ID}, directory: {_ID}, client_id: {_ID}, certificate_file: {file}"
    _block(workspace, f"{{{block}}}")
    first = refused("instance", "deploy", "benin", code=65)
    assert (first["code"], str(file) in first["message"]) == ("credential-file-malformed", True)


@pytest.mark.parametrize("key", ["certificate_file", "token_file"])
def test_a_named_pipe_in_place_of_a_credential_holds_nobody(
    refused: Refused, workspace: Path, tmp_path: Path, key: str
) -> None:
    (workspace / "instances" / "benin.yaml").write_text(SPEC)
    os.mkfifo(tmp_path / "pipe", 0o600)
    _block(workspace, f"{{{_ONE_BLOCK}, {key}: {tmp_path / 'pipe'}}}")
    first = refused("instance", "deploy", "benin", code=69)
    assert (first["code"], "not a file" in first["message"]) == ("no-credential-file", True)


NEW = ["--client", "Red Cross", "--country", "KE", "--contact", "it@example.org"]
NEW += ["--hostname", "kenya.example.org", "--profile", "registrations"]


@pytest.mark.parametrize(
    ("more", "code", "part"),
    [
        (["--region", "westerope"], "unknown-region", "did you mean westeurope?"),
        (["--region", "a\nb"], "bad-character", "U+000A"),
        (["--region", "uksouth", "--target", "host"], "misplaced-key", "target is host"),
        (["--target", "azur"], "unknown-value", "did you mean azure?"),
    ],
    ids=["unknown", "control character", "on a host", "target"],
)
def test_a_new_spec_that_would_be_wrong_is_not_written(
    refused: Refused, more: list[str], code: str, part: str
) -> None:
    first = refused("instance", "new", "kenya", *NEW, *more, code=65)
    assert (first["code"], part in first["told"]) == (code, True), first


@pytest.fixture
def recorded(ready: Run, workspace: Path, tmp_path: Path) -> None:
    """An instance that is recorded, and of which nothing was asked for on Azure: togo."""
    (workspace / "instances" / "togo.yaml").write_text(SPEC.replace("benin", "togo"))
    value = tmp_path / "value"
    value.write_text("a token of the client's")
    assert ready("credentials", "set", "togo", "SMS_TOKEN", "--file", str(value))[0] == 0


# Commands, then exit code, problem and a part of what is told.
BAD_COMMANDS = {
    "erase run togo --confirm benin": (77, "not-confirmed", "--confirm togo"),
    "erase run benin": (65, "no-such-instance", "instance list"),
    "erase status togo": (65, "not-erased", "--confirm NAME"),
    "instance suspend togo": (77, "illegal-transition", "instance deploy togo"),
    "instance resume togo": (77, "illegal-transition", "instance deploy togo"),
    "instance health benin": (65, "no-such-instance", "instance deploy"),
    "instance drift benin": (65, "no-such-instance", "instance deploy"),
    "instance logs togo --reason=": (2, "usage", "--reason is empty"),
    "instance logs togo --reason x --lines 0": (2, "usage", "1<=x<=100000"),
    "instance deploy togo --jobs 65": (2, "usage", "1<=x<=64"),
    "instance deploy togo --region uksouth": (2, "usage", "No such option"),
    "backup list togo": (69, "not-made", "instance deploy togo"),
    "backup create togo --reason x": (69, "not-made", "instance deploy togo"),
    "region show westerope": (65, "unknown-region", "westeurope"),
    "region list --country XX": (2, "usage", "XX"),
    "region list --cloud chine": (2, "usage", "mean china?"),
}


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("command", BAD_COMMANDS)
def test_a_command_that_makes_no_sense_is_refused(ready: Run, command: str) -> None:
    code, kind, part = BAD_COMMANDS[command]
    exit_code, answer = ready(*command.split(" "))
    first = answer["problems"][0]
    assert (exit_code, first["code"]) == (code, kind), answer
    assert part in first["message"] + first["hint"]


@pytest.mark.usefixtures("recorded", "ready")
@pytest.mark.parametrize(
    ("command", "code", "kind"),
    [
        (["--reason", "x", "togo", "--", "true"], 69, "not-made"),
        (["--reason", " ", "togo", "--", "true"], 2, "usage"),
        (["togo", "--", "true"], 2, "usage"),
        (["--reason", "x", "togo", "--"], 2, "usage"),
        (["--reason", "x", "benin", "--", "true"], 65, "no-such-instance"),
    ],
    ids=["never made", "empty reason", "no reason", "no command", "no instance"],
)
def test_a_command_inside_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], command: list[str], code: int, kind: str
) -> None:
    assert main_guard(app, ["instance", "exec", *command]) == code
    assert f"[{kind}]" in capsys.readouterr().err
