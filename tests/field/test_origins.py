"""Per-image state: origins that misbehave, each in its way, and what the rest does meanwhile."""

from __future__ import annotations

import time

from demo.service import ServiceProcess
from tests.assisted_images.downloads.origin import Origin
from tests.assisted_images.store.images import os_image
from tests.field.images import file_name, noisy_image, os_images
from tests.field.origin import ShortOrigin, by_path
from tests.field.service import FieldTestCase, events_of
from tests.httpd.outbound.servers import Answer, always, response

_HTML = b"<!DOCTYPE html><html><body>Please log in to this network.</body></html>"
_RETRY_SECONDS = 0.5


class OriginsTests(FieldTestCase):
    """Among five images, four have origins that misbehave; the fifth is served."""

    async def assert_one_of_five(self, truncated: Answer, reason: str, kept: int) -> None:
        """
        @param truncated: sends an image without its tail.
        @param reason: what is said about it.
        @param kept: bytes of it that are kept.
        """
        stalled = ShortOrigin(os_image(), end=5000, stall=True)
        answers: dict[str, Answer] = {
            "truncated": truncated,
            "html": always(response(body=_HTML, Content_Type="text/html")),
            "stalled": stalled,
            "sound": Origin(noisy_image()),
        }
        server = self.serve(by_path(answers))
        paths = ["missing", "truncated", "html", "stalled", "sound"]
        images = os_images(
            *(
                {"version": str(number), "url": f"{server.url}/{path}?key=swordfish"}
                for number, path in enumerate(paths, 1)
            )
        )
        started = time.monotonic()
        service = await self.start(
            images | {"DOWNLOAD_STALL_SECONDS": "3", "DOWNLOAD_RETRY_SECONDS": str(_RETRY_SECONDS)}
        )
        await service.wait_for(lambda: "ready" in last_states(service, "5"), "serve", 20)
        print(f"the fifth image was ready {time.monotonic() - started:.1f} s after the start")
        got = await self.get(service, self.full_iso("5"), {"Range": "bytes=0-99"})
        self.assertEqual((got.status, got.body), (206, noisy_image()[:100]))
        self.assertEqual(await service.status_of("/health"), 503)

        await self.until_failed(service, "1", "2", "3", "4")
        reasons = {
            "1": f"404 Not Found for {server.url}/missing",
            "2": reason,
            "3": f"{len(_HTML)} bytes end before its descriptors",
            "4": "nothing has arrived for 3 s",
        }
        await self.assert_visible(service, reasons, {"1": 0, "2": kept, "3": 0, "4": 5000})
        self.assertNotIn("swordfish", "\n".join(service.lines))

        for path in ["missing", "truncated", "html"]:
            answers[path] = Origin(os_image())
        stalled.end = None
        await service.wait_until_healthy(30, poll=0.05)
        self.assertEqual(stalled.asked[0], 0)
        self.assertEqual(set(stalled.asked[1:]), {5000})
        for number in range(1, 5):
            file = self.data / file_name(str(number))
            self.assertEqual(file.read_bytes(), os_image())
        self.assertEqual([image["state"] for image in await self.status(service)], ["ready"] * 5)

    async def until_failed(self, service: ServiceProcess, *versions: str) -> None:
        await service.wait_for(
            lambda: all("failed" in last_states(service, version) for version in versions),
            "give the origins up",
            30,
        )

    async def assert_visible(
        self, service: ServiceProcess, reasons: dict[str, str], sizes: dict[str, int]
    ) -> None:
        """State, reason, bytes and next try: in the log, in /status, in the metrics, in a 503."""
        for version, reason in reasons.items():
            failed = next(
                event for event in events_of(service, version) if event["state"] == "failed"
            )
            self.assertIn(reason, failed["reason"])
            self.assertIn(reason, failed["message"])
            self.assertEqual(failed["level"], "warning")
            self.assertEqual(failed["bytes"], sizes[version])
            self.assertIsInstance(failed["next_try"], float)
        # The waits grow, the tries do not: by and by all wait at once.
        images = {image["version"]: image for image in await self.status(service)}
        while not all(images[version]["state"] == "failed" for version in reasons):
            images = {image["version"]: image for image in await self.status(service)}
        metrics = await self.metrics(service)
        for version, reason in reasons.items():
            image = images[version]
            self.assertIn(reason, image["reason"])
            self.assertEqual(image["bytes"], sizes[version])
            self.assertGreater(image["next_try"], 1.7e9)
            labels = f'{{arch="x86_64",type="full-iso",version="{version}"}}'
            state = f'{{arch="x86_64",state="failed",type="full-iso",version="{version}"}}'
            self.assertEqual(metrics["image_bytes" + labels], sizes[version])
            self.assertIn("image_state" + state, metrics)
        self.assertEqual(images["5"]["state"], "ready")
        self.assertEqual(images["5"]["total"], len(noisy_image()))
        # While it is being tried again, there is no reason to give.
        while True:
            refused = await self.get(service, self.full_iso("1"))
            self.assertEqual(refused.status, 503)
            self.assertIsNotNone(refused.header("retry-after"))
            if reasons["1"] in refused.body.decode():
                return

    async def test_cut_with_its_length(self) -> None:
        """Content-Length says how long it is, and the connection breaks before."""
        await self.assert_one_of_five(
            ShortOrigin(os_image(), end=7000), "the connection broke after 7000 bytes", 7000
        )

    async def test_cut_in_chunks(self) -> None:
        """No length, and the last chunk is missing."""
        await self.assert_one_of_five(
            ShortOrigin(os_image(), chunked=True, end=7000),
            "the connection broke after 7000 bytes",
            7000,
        )

    async def test_cut_at_its_origin(self) -> None:
        """The origin's own file lacks its tail: Content-Length is right, and so are the chunks."""
        for chunked in [False, True]:
            self.setUp()
            await self.assert_one_of_five(
                Origin(os_image()[:-4096], chunked=chunked), "but the file ends at", 0
            )


def last_states(service: ServiceProcess, version: str) -> set[str]:
    """All states that an image has been in, by the log."""
    return {event["state"] for event in events_of(service, version)}
