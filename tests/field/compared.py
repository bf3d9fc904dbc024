"""What clients get of an image on demand, and what is here of it, compared with what should be."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

from assisted_images.on_demand.block_file import ABSENT, GOING
from assisted_images.on_demand.block_places import BLOCK
from tests.field import clients
from tests.field.images import LongImage, file_name, os_images
from tests.field.service import FieldTestCase

_PIECE = 16 * 1024
_PAGE = 4096


async def customised(test: FieldTestCase, image: LongImage) -> LongImage:
    """The full ISO, as the service makes it of an image that is here as a whole."""
    data, test.data = test.data, test.directory()
    (test.data / file_name("1")).write_bytes(image.head)
    nowhere = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
    service = await test.start(nowhere, healthy=True)
    head = (await test.get(service, test.full_iso())).body
    await test.kill(service)
    test.data = data
    return replace(image, head=head)


def blocks_here(file: BinaryIO, image: LongImage) -> set[int]:
    """
    What counts as here.

    @param file: the image's blocks, as they are on the disk.
    """
    note = -(-image.size // _PAGE) * _PAGE + _PAGE
    states = os.pread(file.fileno(), -(-image.size // BLOCK), note)
    return {block for block, state in enumerate(states) if state not in {ABSENT, GOING}}


def read_compared(
    connection: socket.socket,
    path: str,
    expected: LongImage,
    part: tuple[int, int],
    received: Callable[[], None] = lambda: None,
) -> bool:
    """
    Ask for a part of an image over a connection that is kept.

    @param part: from where up to where.
    @param received: called with each piece.
    @return: whether it came whole; its connection is closed where it did not.
    @raise AssertionError: something is wrong that came, of an answer that was cut, too.
    """
    start, stop = part
    connection.sendall(clients.request(path, f"Range: bytes={start}-{stop - 1}"))
    head, _, piece = clients.head_of(connection).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 206 "):
        raise AssertionError(f"{head!r} for {path} from {start} on")
    while start < stop:
        if piece != expected[start : min(start + len(piece), stop)]:
            raise AssertionError(f"wrong bytes of {path} between {start} and {start + len(piece)}")
        start += len(piece)
        received()
        if start < stop and not (piece := connection.recv(_PIECE)):
            return False
    return True
