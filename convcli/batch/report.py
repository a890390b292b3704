"""The report of a batch: a JSON object a line for each image, written as it ends."""

from __future__ import annotations

import json
from io import FileIO
from typing import Any

from convcli.batch.inputs import STREAM
from convcli.batch.object_files import object_writer
from convcli.batch.run import Result
from convcli.batch.stores import is_url
from convcli.errors import ImageError, PlanError
from convcli.system.signals import at_termination
from convcli.system.streams import standard_output


def record(result: Result) -> dict[str, Any]:
    """Return the entries of a result in the report."""
    return {
        "input": result.job.source,
        "output": result.job.target,
        "status": result.status,
        "error": result.error,
        "warnings": result.warnings,
        "input_shape": result.input_shape,
        "output_shape": result.output_shape,
        "input_depth": result.input_depth,
        "output_depth": result.output_depth,
        "filters": result.filters,
        "seconds": round(result.seconds, 4),
    }


class Report:
    r"""A file, or standard output for "-", to which results are written, a line each.

    An existing file is replaced. An object in a store appears when the report is closed. Lines are
    ASCII: a byte of a name that is not UTF-8 becomes a surrogate escape (``\udcff`` for 0xff),
    which ``os.fsencode`` reverses.
    """

    def __init__(self, target: str) -> None:
        """Open ``target``. Raises PlanError."""
        self._is_own = target != STREAM
        self._is_object = is_url(target)
        try:
            # Unbuffered: each line is written at once, and none is left to write at exit.
            if is_url(target):
                self._file: Any = object_writer(target)
                at_termination(self._file.close)  # what was written until then is kept
            else:
                self._file = FileIO(target, "w") if self._is_own else standard_output()
        except (OSError, ImageError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PlanError(f"the report {target} cannot be written: {reason}") from error

    def add(self, result: Result) -> None:
        """Write a result. Raises OSError."""
        data = json.dumps(record(result)).encode("ascii") + b"\n"
        while data:
            data = data[self._file.write(data) :]
        if not self._is_object:
            self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._is_own:
            self._file.close()
