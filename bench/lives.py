"""Deploying and erasing one instance, against the same work by bare commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.baseline import BareInstance, bare_instance
from bench.figures import Figure
from bench.looks import Place, Seen, look, traces
from bench.scratch import Scratch
from bench.still import Stage

__all__ = ["lives"]

_DEPLOY_LIMIT = 1.3
_ERASE_LIMIT = 2.0

Tell = Callable[[str], None]


def lives(place: Scratch, stage: Stage, *, rounds: int, tell: Tell) -> list[Figure]:
    """Deploy and erase in turn. The host's own services run already: they are no instance's.

    Raises:
        RuntimeError: the two ways do not end in the same state.
    """
    deployed: list[tuple[float, float]] = []
    erased: list[tuple[float, float]] = []
    for number in range(rounds):
        with bare_instance(place, stage, number=number) as bare:
            name = f"life{number}"
            place.write_spec(name)
            deployed.append((bare.deploy(), place.deploy([name])))
            _compare(bare, place, name)
            uid, folders = _whereabouts(place, name)
            erased.append((bare.erase(), place.erase(name)))
            _insist_on_nothing([*bare.traces(), *traces(uid, folders)])
        tell(
            f"round {number + 1}: deploy {deployed[-1][1]:.1f} s, bare {deployed[-1][0]:.1f} s; "
            f"erase {erased[-1][1]:.1f} s, bare {erased[-1][0]:.1f} s"
        )
    return [
        _figure("deploy of one instance / bare commands", deployed, _DEPLOY_LIMIT),
        _figure("erase with proofs / bare stop, delete, destroy", erased, _ERASE_LIMIT),
    ]


def _figure(name: str, pairs: list[tuple[float, float]], limit: float) -> Figure:
    bare, ours = zip(*pairs, strict=True)
    return Figure(name=name, ours=ours, baseline=bare, limit=limit)


def _compare(bare: BareInstance, place: Scratch, name: str) -> None:
    theirs, ours = bare.look(), _look(place, name)
    if theirs != ours:
        raise RuntimeError(f"the baseline ends in another state:\n  {theirs}\n  ours: {ours}")


def _insist_on_nothing(left: list[str]) -> None:
    if left:
        raise RuntimeError(f"after erasing there still is: {', '.join(left)}")


def _look(place: Scratch, name: str) -> Seen:
    shown = place.ask("instance", "show", name)
    database, port = shown["database"], place.https_port
    opaque, hostname = database["name"], f"{name}.example.org"
    server = f"host=localhost hostaddr=127.0.0.1 port={database['port']} sslmode=verify-full"
    uid, _ = _whereabouts(place, name)
    return look(
        Place(
            uid=uid,
            database=f"{server} sslrootcert={database['ca_file']} dbname={opaque} user={database['user']}",
            password=_secret(place, name, "database.app.password"),
            backup_settings=place.fast / "r" / opaque / "pgbackrest.conf",
            snapshots=place.folder / "host" / "backups" / opaque / "files",
            snapshots_password=_secret(place, name, "backup.files.password"),
            health=[
                *("--resolve", f"{hostname}:{port}:127.0.0.1", "--cacert", shown["ca_file"]),
                f"https://{hostname}:{port}/health",
            ],
        )
    )


def _secret(place: Scratch, name: str, secret: str) -> str:
    return str(place.ask("credentials", "show", name, secret, "--reason", "bench")["value"])


def _whereabouts(place: Scratch, name: str) -> tuple[int, list[Path]]:
    """Return the user id of an instance and where its files lie."""
    opaque = place.ask("instance", "show", name)["database"]["name"]
    folders = [
        place.folder / "host" / opaque,
        place.folder / "host" / "backups" / opaque,
        place.fast / "r" / opaque,
    ]
    return folders[0].stat().st_uid, folders
