"""Object stores: ``s3://bucket/key``, ``gs://`` and ``az://``, by the package obstore.

Credentials and endpoints are those of the platform's environment variables and machine, as obstore
documents them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``GOOGLE_SERVICE_ACCOUNT``,
``AZURE_STORAGE_ACCOUNT_NAME``, …). Requests that fail by a server's fault, a lost connection or a
timeout are repeated by obstore; here only what it does not repeat is: a body that breaks off, and
a put that may have succeeded. Errors are :class:`ImageError` and do not name the object.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from convcli.errors import ConvcliError, ImageError
from convcli.system.atomic_files import exists
from convcli.system.extras import needed

SCHEMES = ("s3", "gs", "az")

_URL = re.compile(rf"({'|'.join(SCHEMES)})://", re.IGNORECASE)

_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound")

ATTEMPTS = 3
"""How many times a body is read that breaks off, which obstore does not repeat by itself."""

_LONGEST_PAUSE = 15.0

_METADATA = "//169.254.169.254/"
"""Where obstore asks a machine in a cloud for its credentials, if there are no others."""

_LISTED_AT_ONCE = 1000


class Limits(NamedTuple):
    """Time limits in seconds, and how many times obstore repeats a request."""

    connect: float = 5
    read: float = 30
    request: float = 600
    retries: int = 8
    retry: float = 120


LIMITS = Limits()

FIRST = Limits(connect=4, read=8, request=8, retries=2, retry=4)
"""For the first request of a run, so that a wrong address is known within 10 seconds."""

_NOWHERE = "convcli/nothing-is-here"
"""A folder to list, to see whether a store answers."""


class Entry(NamedTuple):
    """An object of a listing; ``modified`` is in seconds since 1970."""

    url: str
    size: int
    modified: float


def is_url(path: str) -> bool:
    """Return whether a path is that of an object in a store."""
    return _URL.match(path) is not None


def split_url(url: str) -> tuple[str, str]:
    """Return the URL of a bucket, without a slash at its end, and the key.

    >>> split_url("s3://bucket/photos/a b.png")
    ('s3://bucket', 'photos/a b.png')
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise ImageError("it names no bucket: write s3://BUCKET/KEY")
    return f"{scheme.lower()}://{bucket}", key


def open_store(bucket: str, limits: Limits = LIMITS) -> Any:
    """Return the store of a bucket, opened once in each process."""
    return _opened(bucket, limits, os.getpid())


@cache
def _opened(bucket: str, limits: Limits, process: int) -> Any:
    needed("obstore", "cloud", bucket)
    from obstore.store import from_url

    with errors():
        return from_url(
            bucket,
            client_options={
                "allow_http": _is_http_wanted(),
                "connect_timeout": timedelta(seconds=limits.connect),
                "read_timeout": timedelta(seconds=limits.read),
                "timeout": timedelta(seconds=limits.request),
            },
            retry_config={
                "max_retries": limits.retries,
                "retry_timeout": timedelta(seconds=limits.retry),
            },
        )


def check_answers(url: str, limits: Limits = FIRST) -> None:
    """Raise an ImageError if nobody answers a request within ``limits``; any answer will do."""
    obstore = needed("obstore", "cloud", url)
    with errors():
        store = open_store(split_url(url)[0], limits)
        try:
            next(iter(obstore.list(store, _NOWHERE)), None)
        except obstore.exceptions.BaseError as error:
            text = str(error)
            if "error sending request" in text and _METADATA not in text:
                raise ImageError(
                    f"nobody answers: check the endpoint and the network: {_line(error)}"
                ) from error


def _is_http_wanted() -> bool:
    """Return whether the environment allows HTTP; client options replace what obstore reads."""
    allowed = (os.environ.get(f"{name}_ALLOW_HTTP", "") for name in ("AWS", "AZURE", "GOOGLE"))
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
    endpoints = (os.environ.get(name, "") for name in (*names, "GOOGLE_BASE_URL"))
    is_allowed = any(value.lower() in ("true", "1") for value in allowed)
    return is_allowed or any(endpoint.startswith("http://") for endpoint in endpoints)


def read_object(url: str, limits: Limits = LIMITS) -> bytes:
    """Return the contents of an object, by one GET."""
    obstore = needed("obstore", "cloud", url)
    with errors():
        bucket, key = split_url(url)
        store = open_store(bucket, limits)
        for attempt in range(1, ATTEMPTS + 1):
            result = obstore.get(store, key)
            try:
                return bytes(result.bytes())
            except Exception:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)
    raise AssertionError


def write_object(url: str, data: Any, *, overwrite: bool, limits: Limits = LIMITS) -> None:
    """Put an object, whole or not at all; raises ExistsError if there is one and not ``overwrite``.

    A put is repeated here: after one whose answer was lost, an object with the same contents is
    the result.
    """
    obstore = needed("obstore", "cloud", url)
    with errors():
        bucket, key = split_url(url)
        store = open_store(bucket, limits._replace(retries=0))
        mode = "overwrite" if overwrite else "create"
        for attempt in range(limits.retries + 1):
            try:
                obstore.put(store, key, data, mode=mode, use_multipart=False)
                return
            except obstore.exceptions.AlreadyExistsError:
                if attempt and _has(store, key, data):
                    return
                raise exists(url) from None
            except obstore.exceptions.GenericError as error:
                if attempt == limits.retries or re.search("status code: 4(?!08|29)", str(error)):
                    raise
                time.sleep(min(0.1 * 2**attempt, _LONGEST_PAUSE))


def _has(store: Any, key: str, data: Any) -> bool:
    obstore = needed("obstore", "cloud", key)
    result = obstore.get(store, key)
    return bool(result.meta["size"] == len(data) and bytes(result.bytes()) == data)


def find_object(url: str) -> Entry | None:
    """Return an object's entry, by one HEAD; None where there is none."""
    obstore = needed("obstore", "cloud", url)
    with errors():
        bucket, key = split_url(url)
        store = open_store(bucket)
        try:
            return _entry(bucket, obstore.head(store, key))
        except FileNotFoundError as error:
            if _NO_BUCKET.search(str(error)):
                raise
            return None


def list_objects(folder: str, limits: Limits = LIMITS) -> Iterator[Entry]:
    """Yield the objects below a folder, by a request for each thousand; stores sort them by key."""
    obstore = needed("obstore", "cloud", folder)
    with errors():
        bucket, prefix = split_url(folder)
        store = open_store(bucket, limits)
        for chunk in obstore.list(store, prefix.rstrip("/") or None, chunk_size=_LISTED_AT_ONCE):
            for meta in chunk:
                yield _entry(bucket, meta)


def _entry(bucket: str, meta: Any) -> Entry:
    return Entry(f"{bucket}/{meta['path']}", meta["size"], meta["last_modified"].timestamp())


@contextmanager
def errors() -> Iterator[None]:
    """Raise errors of obstore as an ImageError with one line that says what was wrong."""
    try:
        yield
    except ConvcliError:
        raise
    except FileNotFoundError as error:
        missing = "bucket" if _NO_BUCKET.search(str(error)) else "object"
        raise ImageError(f"there is no such {missing}") from error
    except ValueError as error:
        raise ImageError(f"it is no name of an object: {_line(error)}") from error
    except Exception as error:
        if not type(error).__module__.startswith("obstore"):
            raise
        raise ImageError(_reason(error)) from error


def _reason(error: Exception) -> str:
    text = str(error)
    if _METADATA in text:
        return "no credentials: neither the environment nor this machine has any for this store"
    # Those of listings are of a general type.
    is_refused = re.search("status code: 40[13]", text) is not None
    if is_refused or type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
        return "access is denied: check the credentials and what they allow"
    if _NO_BUCKET.search(text):
        return "there is no such bucket"
    code = re.search(r"<Code>(\w+)</Code>", text)
    return f"the store failed: {f'{code[1]}, ' if code else ''}{_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split("\n\nDebug")[0].splitlines()[0].split())
