"""A package of small real resources: files on disk, some of which hold data."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tenantry.errors import FailedError, RefusedError, UnavailableError
from tenantry.providers.handler import Inputs, Observed, PartialError, check_known

__all__ = ["Data", "File"]


class File:
    """A file with a text. Its name is replaced, its text updated."""

    type: ClassVar[str] = "File"
    holds_data: ClassVar[bool] = False
    replace_on: ClassVar[frozenset[str]] = frozenset({"path"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"password"})

    def check(self, inputs: Inputs) -> Sequence[tuple[str, str]]:
        return check_known(inputs, ["path", "text"])

    def create(self, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        path = Path(inputs["path"])
        self._misbehave(inputs["text"])
        path.write_text(inputs["text"])
        if inputs["text"] == "half":
            raise PartialError("it was made, but says half", resource_id=str(path), outputs={"size": 4})
        time.sleep(float(inputs.get("slow", 0)))
        return str(path), {"size": len(inputs["text"])}

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        path = Path(resource_id)
        if not path.exists():
            return None
        if path.is_dir():
            raise UnavailableError("a folder is in the way")
        text = path.read_text()
        return Observed(inputs={**inputs, "text": text}, outputs={"size": len(text)})

    def update(self, resource_id: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        self._misbehave(new["text"])
        Path(resource_id).write_text(new["text"])
        return {"size": len(new["text"])}

    def delete(self, resource_id: str, inputs: Inputs) -> None:
        with contextlib.suppress(FileNotFoundError):
            Path(inputs["path"]).unlink()

    @staticmethod
    def _misbehave(text: str) -> None:
        if text == "refused":
            raise RefusedError("the text is not permitted", hint="take another", code="bad-text")
        if text == "failed":
            raise FailedError("it did\n  not work")
        if text == "defect":
            raise ValueError("s3cret in a message")


class Data(File):
    """A file that holds client data."""

    type: ClassVar[str] = "Data"
    holds_data: ClassVar[bool] = True

    def read(self, resource_id: str, inputs: Inputs) -> Observed | None:
        found = super().read(resource_id, inputs)
        if found is None:
            raise FailedError(f"{Path(resource_id).name} is gone", code="data-lost")
        return found
