"""Consistent ranges and a calm upstream: BMCs that read one image by thousands of requests."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import time
from itertools import pairwise
from pathlib import Path

import jwt
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from demo.service import ServiceProcess
from tests.coreos_reader import CoreosIso
from tests.field.assisted_service import FreshlySigned
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID, FieldTestCase, Got

_RANGES = 3000
_CLIENTS = 100
_ONE_BYTE = {"Range": "bytes=0-0"}


class RangesTests(FieldTestCase):
    """An assisted-service whose Ignition config differs on every call."""

    def setUp(self) -> None:
        super().setUp()
        (self.data / file_name("1")).write_bytes(noisy_image())
        self.assisted_service = FreshlySigned()
        self.assisted_service.up()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.assisted_service.down()))

    async def serve_image(self, share_seconds: float = 60) -> ServiceProcess:
        settings = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        settings |= self.assisted_service.settings
        settings["CONFIG_SHARE_SECONDS"] = str(share_seconds)
        return await self.start(settings, local=False, healthy=True)

    async def test_many_ranges(self) -> None:
        """
        3000 ranges on one connection, in any order, make one exact image that has one ETag, and
        cost one set of calls.
        """
        for file, calls in [("full.iso", 2), ("minimal.iso", 3)]:
            service = await self.serve_image()
            path = self.full_iso().replace("full.iso", file)
            head = await self.get(service, path, _ONE_BYTE)
            size = int((head.header("content-range") or "").rpartition("/")[2])
            started = time.monotonic()
            etags, glued = await deferToThread(read_by_ranges, service.ports["http"], path, size)
            print(f"{_RANGES} ranges of {file} in {time.monotonic() - started:.1f} s")
            whole = await self.get(service, path, {"Accept": "*/*"})
            self.assertEqual(etags, {whole.header("etag")})
            self.assertEqual(head.header("etag"), whole.header("etag"))
            self.assertTrue(glued == whole.body, "the ranges do not make the image")
            self.assertEqual(ignition_in(glued, self.directory())["made for"], "nobody")
            self.assertEqual(len(self.assisted_service.calls), calls)
            metrics = await self.metrics(service)
            self.assertEqual(metrics['configuration_requests_total{shared="false"}'], 1)
            self.assertEqual(metrics['configuration_requests_total{shared="true"}'], _RANGES + 1)
            self.assisted_service.calls.clear()

    async def test_after_the_sharing_time(self) -> None:
        """
        A new request gives a new ETag, also when the client has never paused: the time runs from
        the fetch.  If-Range with the old ETag answers 200 with the whole new image.
        """
        service = await self.serve_image(share_seconds=2)
        first = await self.get(service, self.full_iso(), _ONE_BYTE)
        old = etag_of(first)
        requests = 0
        while etag_of(second := await self.get(service, self.full_iso(), _ONE_BYTE)) == old:
            requests += 1
            self.assertEqual(len(self.assisted_service.calls), 2)
        print(f"{requests} requests shared a configuration")
        self.assertEqual(len(self.assisted_service.calls), 4)
        new = etag_of(second)
        headers = _ONE_BYTE | {"If-Range": new}
        self.assertEqual((await self.get(service, self.full_iso(), headers)).status, 206)
        whole = await self.get(service, self.full_iso(), _ONE_BYTE | {"If-Range": old})
        self.assertEqual(whole.status, 200)
        self.assertEqual(etag_of(whole), new)
        self.assertEqual(len(whole.body), len(noisy_image()))
        self.assertIn(ignition_in(whole.body, self.directory())["call"], {3, 4})
        refused = await self.get(service, self.full_iso(), {"If-Match": old})
        self.assertEqual(refused.status, 412)

    async def test_others_never_share(self) -> None:
        """Each credential has a configuration of its own, which was made for it."""
        service = await self.serve_image()
        token = jwt.encode({"sub": INFRA_ENV_ID}, "k" * 32, algorithm="HS256")
        other = jwt.encode({"sub": INFRA_ENV_ID}, "o" * 32, algorithm="HS256")
        rest = "1/x86_64/full.iso"
        asked: dict[str, tuple[str, dict[str, str]]] = {
            "nobody": (self.full_iso(), {}),
            "Bearer one": (self.full_iso(), {"Authorization": "Bearer one"}),
            "Bearer two": (self.full_iso(), {"Authorization": "Bearer two"}),
            token: (f"/bytoken/{token}/{rest}", {}),
            other: (f"/byapikey/{other}/{rest}", {}),
            "swordfish": (self.full_iso() + "?api_key=swordfish", {}),
            "perch": (self.full_iso() + "?image_token=perch", {}),
        }
        etags = set()
        for _ in range(2):
            for credential, (path, headers) in asked.items():
                got = await self.get(service, path, headers)
                self.assertEqual(got.status, 200)
                self.assertEqual(ignition_in(got.body, self.directory())["made for"], credential)
                etags.add(etag_of(got))
        self.assertEqual(len(etags), len(asked))
        self.assertEqual(len(self.assisted_service.calls), 2 * len(asked))

    async def test_many_at_once(self) -> None:
        """100 first requests at once make one set of calls, and get the same."""
        service = await self.serve_image()
        self.assisted_service.hold = True
        answers = [
            Deferred.fromCoroutine(self.get(service, self.full_iso(), _ONE_BYTE))
            for _ in range(_CLIENTS)
        ]
        while (await self.metrics(service))["downloads_in_flight"] < _CLIENTS:
            pass
        self.assisted_service.release()
        got: list[Got] = await gatherResults(answers)
        self.assertEqual({one.status for one in got}, {206})
        self.assertEqual(len({etag_of(one) for one in got}), 1)
        self.assertEqual(len(self.assisted_service.calls), 2)

    async def test_down_in_between(self) -> None:
        """What is shared goes on being served until its time ends; then 502, until AS is up."""
        service = await self.serve_image(share_seconds=3)
        first = await self.get(service, self.full_iso(), _ONE_BYTE)
        await self.assisted_service.down()
        shared = 0
        while (got := await self.get(service, self.full_iso(), _ONE_BYTE)).status == 206:
            self.assertEqual(etag_of(got), etag_of(first))
            shared += 1
        self.assertGreater(shared, 1)
        self.assertEqual(got.status, 502)
        self.assertIn("assisted-service", got.body.decode())
        self.assisted_service.up()
        again = await self.get(service, self.full_iso(), _ONE_BYTE)
        self.assertEqual(again.status, 206)
        self.assertNotEqual(etag_of(again), etag_of(first))


def read_by_ranges(port: int, path: str, size: int) -> tuple[set[str | None], bytes]:
    """
    All of an image by ranges of random sizes in random order, on one connection as a BMC has it.
    Blocking.

    @return: the ETags that came with them, and what they make.
    """
    chance = random.Random(size)
    ranges = list(pairwise([0, *sorted(chance.sample(range(1, size), _RANGES - 1)), size]))
    chance.shuffle(ranges)
    glued = bytearray(size)
    etags = set()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for start, stop in ranges:
            connection.request("GET", path, headers={"Range": f"bytes={start}-{stop - 1}"})
            response = connection.getresponse()
            content = response.read()
            if response.status != 206 or len(content) != stop - start:
                raise AssertionError(f"{response.status}, {len(content)} bytes for {start}-{stop}")
            glued[start:stop] = content
            etags.add(response.getheader("ETag"))
    finally:
        connection.close()
    return etags, bytes(glued)


def ignition_in(image: bytes, directory: Path) -> dict[str, object]:
    """The Ignition config in an image: the first file of the archive in its area."""
    path = directory / "image.iso"
    path.write_bytes(image)
    iso = CoreosIso(path)
    archive = gzip.decompress(iso.at(iso.ignition_area))
    text = archive[archive.index(b"{") : archive.rindex(b"}") + 1]
    config: dict[str, object] = json.loads(text)
    return config


def etag_of(got: Got) -> str:
    """A response's ETag."""
    etag = got.header("etag")
    if etag is None:
        raise AssertionError(f"{got.status} has no ETag")
    return etag
