"""Commands that need a package of an extra, where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["-r", "s3://bucket/in", "-d", "out"], "obstore", "cloud"),
        (["photo.png", "-d", "gs://bucket/out"], "obstore", "cloud"),
        (["photo.png", "-o", "out/o.png", "--report", "az://box/r.jsonl"], "obstore", "cloud"),
        (["photo.png", "-d", "out", "--cluster", "tcp://127.0.0.1:1"], "distributed", "cluster"),
    ],
)
def test_a_missing_extra_is_named_and_nothing_is_touched(
    run,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    package: str,
    extra: str,
) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    monkeypatch.chdir(photo.parent)
    done = run("apply", "-f", "sharpen", *arguments)
    assert done.exit_code == 2
    assert done.stderr.endswith(
        f" needs the package {package}: pip install 'convcli[{extra}]' installs it\n"
    )
    assert not Path("out").exists()
