# ruff: noqa: ARG002 - the signatures are those of Handler
"""The instance's home, encrypted from its first byte where the kernel allows.

What is tried, in this order:

1. ``luks``: an ext4 in a LUKS2 image beside the home, whose one folder is mounted on
   the home. It needs root and device-mapper, which not every kernel has.
2. ``native``: the file system of the home encrypts by itself (fscrypt).
3. ``loop``: an ext4 image beside the home whose one folder is encrypted with
   fscrypt, mounted on the home.
4. ``none``: a plain folder; ``encrypted`` is false and ``why`` says why.

The key (a text of the instance's vault) goes to the kernel by a system call, or to
cryptsetup on standard input, and nowhere else. An image limits the space, and is
sparse. After a reboot the home is not mounted, which is drift until it is opened
again. A volume that is gone is never made anew.

A kill can leave a half: an image without its final name (made anew), or the
image mounted at its place of work (``<image>.mnt``), which the next run uses.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError
from tenantry.providers.handler import Inputs, Observed, check_known
from tenantry.providers.host import fscrypt, luks, mounts, processes
from tenantry.providers.host.account import end_processes
from tenantry.providers.host.executor import Executor
from tenantry.providers.host.folder import data_lost
from tenantry.providers.host.layout import HostLayout
from tenantry.providers.host.supervisor import locked, wait_until
from tenantry.providers.host.volume_state import GIB, VolumeState, no_loop, observe

__all__ = ["Volume"]

_UNMOUNT_SECONDS = 20
_OPTIONS = "nosuid,nodev,noatime"


class Volume:
    """The encrypted home of one instance.

    Inputs: path, image, sizeGib, uid (or null), method ("auto" or "none"), key (secret,
    32 to 64 characters). Outputs: method, encrypted, why, mounted.
    """

    type: ClassVar[str] = "Volume"
    holds_data: ClassVar[bool] = True
    replace_on: ClassVar[frozenset[str]] = frozenset({"path", "image", "key"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"key"})

    def __init__(self, executor: Executor, layout: HostLayout) -> None:
        """Keep what is needed."""
        self._executor = executor
        self._layout = layout

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        """Return (property, what is wrong) pairs."""
        failures = check_known(inputs, ("path", "image", "sizeGib", "method", "key"))
        key = inputs.get("key")
        if isinstance(key, str) and not fscrypt.LEAST_KEY_BYTES <= len(key.encode()) <= fscrypt.KEY_BYTES:
            failures.append(("key", f"must have {fscrypt.LEAST_KEY_BYTES} to {fscrypt.KEY_BYTES} characters"))
        if inputs.get("method", "auto") not in ("auto", "none"):
            failures.append(("method", 'must be "auto" or "none"'))
        return failures

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Make it, or open what is there."""
        path, image = _paths(inputs)
        method, why = observe(path, image).method, ""
        if method in ("", "none"):
            method, why = self._choose(inputs)
        self._note(image, method)
        if method in ("luks", "loop"):
            self._make_image(inputs, method)
            self._open_image(inputs, method)
        elif method == "native":
            self._open_native(inputs)
        else:
            self._executor.folder(path, mode=0o700, uid=_uid(inputs))
        return str(path), self._outputs(inputs, why)

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        """Look at it; ``mounted`` is false in the inputs when it must be opened again.

        Raises:
            FailedError: data-lost, when what holds the data is gone.
        """
        path = Path(inputs["path"])
        state = self._not_lost(inputs)
        observed = dict(inputs)
        if state.size_gib is not None:
            observed["sizeGib"] = state.size_gib
        if not state.usable:
            observed["mounted"] = False
        elif _uid(inputs) is not None and path.stat().st_uid != _uid(inputs):
            observed["uid"] = path.stat().st_uid
        return Observed(inputs=observed, outputs=self._outputs(inputs, ""))

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """Open it again, grow it, put its owner right.

        Raises:
            RefusedError: it would have to shrink, or may not grow.
            FailedError: data-lost, or the key is not the one it was made with.
        """
        state = self._not_lost(new)
        if state.size_gib is not None and int(new["sizeGib"]) < state.size_gib:
            raise RefusedError(
                f"the volume has {state.size_gib} GiB and cannot shrink to {int(new['sizeGib'])} GiB",
                hint="keep limits.disk_gib as it is",
                code="volume-shrinks",
            )
        if state.size_gib is not None and int(new["sizeGib"]) > state.size_gib and not _may_resize():
            raise RefusedError(
                f"the volume cannot grow to {int(new['sizeGib'])} GiB: root lacks CAP_SYS_RESOURCE here",
                hint="keep limits.disk_gib as it is, or run it where root has all capabilities",
                code="volume-cannot-grow",
            )
        return self.create(new)[1]

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        """Unmount and remove it, image and key in the kernel too.

        Raises:
            FailedError: somebody holds it; the message names the processes.
        """
        path, image = _paths(inputs)
        uid = _uid(inputs)
        if uid is not None and os.geteuid() == 0:
            end_processes(self._executor, uid)  # what still runs of the instance would keep it busy
        self._unmount(path)
        self._unmount(_workplace(image))
        for one in (image, _unfinished(image)):
            luks.close(self._executor, one)
            self._detach(one)
        if path.is_dir():
            identifier = fscrypt.identifier_of(path)
            self._executor.remove(path)
            if identifier is not None:
                with self._executor.effect("remove the key from the kernel"):
                    fscrypt.remove_key(path.parent, identifier)
        for rest in (image, _unfinished(image), _workplace(image), _noted(image)):
            self._executor.remove(rest)

    def _choose(self, inputs: Inputs) -> tuple[str, str]:
        """Return the method for a new volume, and why it is not a better one."""
        path = Path(inputs["path"])
        noted = _noted_method(Path(inputs["image"]))
        if noted:
            return noted, ""
        if inputs["method"] == "none":
            return "none", "encryption is switched off in the spec"
        if path.is_dir() and any(path.iterdir()):
            return "none", "the folder held files already; what is there cannot be encrypted afterwards"
        if not luks.why_not():
            return "luks", ""
        if fscrypt.supported(path.parent):
            return "native", ""
        why = no_loop()
        return ("none", why) if why else ("loop", "")

    def _outputs(self, inputs: Inputs, why: str) -> dict[str, Any]:
        state = observe(*_paths(inputs))
        if state.method == "none" and not why:
            off = inputs["method"] == "none"
            why = "encryption is switched off in the spec" if off else no_loop() or "it was made so"
        return {"method": state.method, "encrypted": state.encrypted, "why": why, "mounted": state.usable}

    def _note(self, image: Path, method: str) -> None:
        """Write the method down, so that a volume that is gone is not taken for a new one."""
        if not image.parent.is_dir():
            self._executor.folder(image.parent, mode=0o700)
        if _noted_method(image) != method:
            self._executor.write(_noted(image), method + "\n", mode=0o600)

    def _not_lost(self, inputs: Inputs) -> VolumeState:
        path, image = _paths(inputs)
        state = observe(path, image)
        noted = _noted_method(image)
        if state.method == "" or (noted not in ("", state.method)):
            raise data_lost(f"the volume of {path}")
        return state

    def _make_image(self, inputs: Inputs, method: str) -> None:
        image, size = Path(inputs["image"]), int(inputs["sizeGib"]) * GIB
        new = _unfinished(image)
        if not image.exists():
            luks.close(self._executor, new)  # of a run that was killed
            self._executor.write(new, "", mode=0o600)
            self._truncate(new, size)
            if method == "luks":
                key = str(inputs["key"])
                luks.format_image(self._executor, new, key=key)
                self._make_file_system(luks.open_image(self._executor, new, key=key))
                luks.close(self._executor, new)
                self._detach(new)
            else:
                self._make_file_system(new)
            self._executor.rename(new, image)
        elif image.stat().st_size < size:
            self._truncate(image, size)

    def _truncate(self, image: Path, size: int) -> None:
        with self._executor.effect("truncate image"):
            os.truncate(image, size)

    def _make_file_system(self, place: Path) -> None:
        options = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
        self._executor.run(["mkfs.ext4", "-q", "-O", "encrypt", "-m", "0", "-E", options, str(place)])

    def _open_image(self, inputs: Inputs, method: str) -> None:
        """Mount the image at its place of work, unlock it, and show its one folder at the home."""
        path, image = _paths(inputs)
        work = _workplace(image)
        with locked(image.parent / ".lock"):  # mounts that race for a loop device can fail
            if not observe(path, image).usable:
                self._unmount(path)
                self._executor.folder(work, mode=0o700)
                if method == "luks":
                    luks.open_image(self._executor, image, key=str(inputs["key"]))
                if not mounts.is_mounted_from(work, image):
                    self._mount(image, work, method)
                if method == "luks":
                    self._executor.folder(work / "data", mode=0o700, uid=_uid(inputs))
                else:
                    self._unlock(work, work / "data", inputs)
                self._executor.folder(path, mode=0o700)
                self._executor.run(["mount", "--bind", str(work / "data"), str(path)])
            self._unmount(work)
        self._executor.remove(work)
        self._executor.folder(path, mode=0o700, uid=_uid(inputs))
        self._grow(inputs, method)

    def _mount(self, image: Path, work: Path, method: str) -> None:
        options, source = (_OPTIONS, luks.device(image)) if method == "luks" else (f"loop,{_OPTIONS}", image)
        for attempt in range(5):
            ran = self._executor.run(["mount", "-o", options, str(source), str(work)], check=False)
            if ran.code == 0:
                return
            time.sleep(0.2 * (attempt + 1))
        raise FailedError(
            f"{image} cannot be mounted: {ran.err.strip()[-300:]}",
            hint=f"check it: e2fsck -n {source}",
            code="mount-failed",
        )

    def _unlock(self, mount: Path, folder: Path, inputs: Inputs) -> None:
        """Add the key and make sure that the folder is encrypted under it, and no other."""
        with self._executor.effect("add key"):
            identifier = fscrypt.add_key(mount, str(inputs["key"]).encode())
        self._executor.folder(folder, mode=0o700, uid=_uid(inputs))
        if fscrypt.identifier_of(folder) is None:
            with self._executor.effect("protect folder"):
                fscrypt.protect(folder, identifier)
        if fscrypt.identifier_of(folder) != identifier:
            fscrypt.remove_key(mount, identifier)
            raise FailedError(
                f"the key in the vault is not the one that {inputs['path']} was encrypted with",
                hint="restore the vault's file that belongs to this volume",
                code="wrong-volume-key",
            )

    def _open_native(self, inputs: Inputs) -> None:
        path = Path(inputs["path"])
        self._unlock(path.parent, path, inputs)

    def _grow(self, inputs: Inputs, method: str) -> None:
        """Let the file system have all of its image; a kill may have come in between."""
        path, image = _paths(inputs)
        loop = mounts.loop_of(image)
        size = os.statvfs(path)
        if loop is not None and size.f_blocks * size.f_frsize < image.stat().st_size * 0.9:
            self._executor.run(["losetup", "--set-capacity", str(loop)])
            if method == "luks":
                luks.resize(self._executor, image, key=str(inputs["key"]))
            self._executor.run(["resize2fs", str(luks.device(image) if method == "luks" else loop)])

    def _unmount(self, place: Path) -> None:
        """Take away every mount at a place; busy ones are tried again for a while."""

        def gone() -> bool:
            if not mounts.is_mounted(place):
                return True
            self._executor.run(["umount", str(place)], check=False)
            return not mounts.is_mounted(place)

        if not wait_until(gone, seconds=_UNMOUNT_SECONDS):
            raise FailedError(
                f"{place} cannot be unmounted: {_holders(place)}",
                hint="end these processes, then run the command again",
                code="volume-busy",
            )

    def _detach(self, image: Path) -> None:
        """Wait until no loop device has the image; the kernel lets go with the last mount."""
        if wait_until(lambda: mounts.loop_of(image) is None, seconds=_UNMOUNT_SECONDS / 2):
            return
        devices = mounts.devices_of(image)
        if devices:
            luks.close(self._executor, image)
            self._executor.run(["losetup", "--detach", str(devices[0])], check=False)
        if not wait_until(lambda: mounts.loop_of(image) is None, seconds=_UNMOUNT_SECONDS / 2):
            pids = [pid for device in devices for pid in mounts.holders_elsewhere(device)]
            others = ", ".join(map(str, pids)) or "unknown"
            raise FailedError(
                f"{image} is still attached to {devices[0]}; processes that have it mounted: {others}",
                hint="end these processes (they have mounts of their own), then run the command again",
                code="volume-busy",
            )


def _paths(inputs: Inputs) -> tuple[Path, Path]:
    return Path(inputs["path"]), Path(inputs["image"])


def _uid(inputs: Inputs) -> int | None:
    return None if inputs.get("uid") is None else int(inputs["uid"])


def _workplace(image: Path) -> Path:
    return image.with_suffix(".mnt")


def _unfinished(image: Path) -> Path:
    return image.with_suffix(".new")


def _noted(image: Path) -> Path:
    return image.with_suffix(".method")


def _noted_method(image: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return _noted(image).read_text().strip()
    return ""


def _may_resize() -> bool:
    """Say whether a mounted ext4 may be grown: the kernel asks for CAP_SYS_RESOURCE, bit 24."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> 24 & 1)


def _holders(place: Path) -> str:
    pids = processes.using(place)
    return ", ".join(f"{processes.name(pid)} ({pid})" for pid in pids) or "no process is seen to hold it"
