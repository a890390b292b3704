"""The container of WebP files (RFC 9649): properties that Pillow does not report, merged frames.

A file is "RIFF", its size, "WEBP" and a list of chunks, each a type, a size and as many bytes,
padded to an even number. VP8L holds a lossless picture, "VP8 " a lossy one. ANMF holds a frame:
position, size, duration and flags in 16 bytes, then its chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO

from PIL import Image

_HAS_ALPHA = 0x10  # among the flags of VP8X
_NO_BLENDING, _CLEAR = 2, 1  # among those of ANMF


def is_lossless(file: BinaryIO) -> bool:
    """Return whether all frames of a WebP file are lossless."""
    file.seek(12)
    found = False
    while len(head := file.read(8)) == 8:
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"VP8 ":
            return False
        found = found or kind == b"VP8L"
        file.seek(16 if kind == b"ANMF" else size + size % 2, 1)
    return found


def durations(file: BinaryIO) -> Iterator[int]:
    """Yield the milliseconds of each frame of an animation, up to the end of a truncated file."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        size += size % 2
        if head[:4] == b"ANMF":
            body = file.read(16)
            yield int.from_bytes(body[12:15], "little")
            size -= 16
        file.seek(size, 1)


def with_all_frames(data: bytes, durations: Sequence[float]) -> bytes:
    """Return an animation in which frames that the encoder merged are separate again.

    libwebp merges equal frames and adds up their durations (Pillow's issue 8720, open). Here the
    merged frames follow as transparent frames, which change nothing. ``durations`` are the
    milliseconds of all frames; if they do not show which are missing, the file is left unchanged.
    """
    chunks = list(_chunks(data))
    passed, ends = 0.0, []
    for duration in durations:
        passed += duration
        ends.append(round(passed))
    starts = [0, *ends[:-1]]
    own = [end - start for start, end in zip(starts, ends, strict=True)]
    count = sum(kind == b"ANMF" for kind, _ in chunks)
    if count == len(own) or not all(own):
        return data
    written: list[tuple[bytes, bytes]] = []
    for kind, body in chunks:
        if kind == b"VP8X":
            body = bytes([body[0] | _HAS_ALPHA]) + body[1:]
        if kind != b"ANMF":
            written.append((kind, body))
            continue
        time = int.from_bytes(body[12:15], "little")
        times: list[int] = []
        while sum(times) < time and own:
            times.append(own.pop(0))
        if sum(times) != time:
            return data
        written += _frames(body, times)
    if own:
        return data
    joined = b"".join(
        kind + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
        for kind, body in written
    )
    return b"RIFF" + (4 + len(joined)).to_bytes(4, "little") + b"WEBP" + joined


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        yield data[place : place + 4], data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _frames(body: bytes, times: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield a frame with the first of ``times``, and a transparent one for each of the others.

    If the frame is cleared after it was shown, the last of them is cleared instead.
    """
    place, flags, picture = body[:12], body[15], body[16:]
    if len(times) > 1:
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (6, 9))
        buffer = BytesIO()
        Image.new("RGBA", (width, height)).save(buffer, "WEBP", lossless=True)
        stored = dict(_chunks(buffer.getvalue()))[b"VP8L"]
        size = len(stored).to_bytes(4, "little")
        transparent = b"VP8L" + size + stored + bytes(len(stored) % 2)
    for number, time in enumerate(times):
        is_last = number == len(times) - 1
        own = (flags & _NO_BLENDING if number == 0 else 0) | (flags & _CLEAR if is_last else 0)
        head = place + time.to_bytes(3, "little") + bytes([own])
        yield b"ANMF", head + (picture if number == 0 else transparent)
