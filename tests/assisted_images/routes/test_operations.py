"""Health, status, metrics, CORS and slots, over real sockets."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.routes.tree import make_site
from assisted_images.settings.readers import ReadyWhen
from assisted_images.store.states import ImageState
from assisted_images.values import Configuration
from httpd.concurrency.slots import ClientSlots, OwnSlots
from httpd.forwarding import TrustedProxies, network
from tests.assisted_images.routes.application import (
    CONFIGURATION,
    ID,
    OPENSHIFT,
    VERSION,
    Images,
    InfraEnvs,
    application,
    content,
    entry,
)
from tests.httpd.web.serving import Answer, ask, listen

FULL = f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso"


class HealthAndStatusTests(TestCase):
    def setUp(self) -> None:
        self.images = Images({entry(): content(), entry("arm64"): None})
        self.port = listen(self, make_site(application(self.images, InfraEnvs())))

    async def test_health(self) -> None:
        answer = await ask(self.port, "/health")
        self.assertEqual((answer.status, answer.text), (503, "1 of 2 images are ready\n"))
        self.images.images[1].change(ImageState.READY, ready=content())
        answer = await ask(self.port, "/health")
        self.assertEqual((answer.status, answer.text), (200, "2 of 2 images are ready\n"))

    async def test_health_when_any_is_ready(self) -> None:
        """A request says when, else READY_WHEN does; one bad URL is no reason to serve nothing."""
        site = make_site(application(self.images, InfraEnvs(), ready_when=ReadyWhen.ANY))
        any_port, all_port = listen(self, site), self.port
        text = "1 of 2 images are ready\n"
        for port, query, status in (
            (any_port, "", 200),
            (any_port, "?when=", 200),
            (any_port, "?when=any", 200),
            (any_port, "?when=all", 503),
            (all_port, "?when=any", 200),
            (all_port, "?when=all", 503),
            (all_port, "?other=any", 503),
        ):
            answer = await ask(port, f"/health{query}")
            self.assertEqual((answer.status, answer.text), (status, text), query)
        image = self.images.images[0]
        image.change(ImageState.FAILED, "gone")
        answer = await ask(any_port, "/health")
        self.assertEqual((answer.status, answer.text), (503, "0 of 2 images are ready\n"))

    async def test_health_asked_for_nonsense(self) -> None:
        answer = await ask(self.port, "/health?when=most")
        self.assertEqual(
            (answer.status, answer.text),
            (400, "invalid value for parameter 'when': 'most'; expected all or any\n"),
        )

    async def test_live(self) -> None:
        self.assertEqual((await ask(self.port, "/live")).status, 200)

    async def test_status(self) -> None:
        image = self.images.images[1]
        image.change(ImageState.FAILED, "404 Not Found", next_try=12.5)
        image.bytes, image.total = 10, 20
        answer = await ask(self.port, "/status")
        self.assertEqual(answer.header("content-type"), "application/json")
        document = json.loads(answer.body)
        self.assertEqual(document["downloads"], {"in_flight": 0, "waiting": 0})
        self.assertEqual([image["state"] for image in document["images"]], ["ready", "failed"])
        self.assertEqual(
            document["images"][1],
            {
                "version": VERSION,
                "openshift_version": OPENSHIFT,
                "rhcos_version": None,
                "arch": "arm64",
                "type": "full-iso",
                "state": "failed",
                "bytes": 10,
                "total": 20,
                "reason": "404 Not Found",
                "next_try": 12.5,
                "on_demand": None,
            },
        )

    async def test_reason_of_what_a_ready_image_lacks(self) -> None:
        """One that keeps several things from being made is told once."""
        lacking = content(
            minimal=None, minimal_missing="no x", nmstate=None, nmstate_missing="no x"
        )
        self.images.images[0].change(ImageState.READY, ready=lacking)
        [image, _] = json.loads((await ask(self.port, "/status")).body)["images"]
        self.assertEqual((image["state"], image["reason"]), ("ready", "no x"))

    async def test_status_for_a_terminal(self) -> None:
        self.images.images[1].change(ImageState.FAILED, "{odd} reason")
        answer = await ask(self.port, "/status", headers={"Accept": "text/plain"})
        self.assertIn(f"{VERSION} arm64 full-iso failed 0/? bytes: {{odd}} reason\n", answer.text)
        self.assertIn("downloads: 0, waiting: 0\n", answer.text)


class MetricsTests(TestCase):
    async def test_names_of_the_go_service(self) -> None:
        images = Images({entry(): content(), entry("arm64"): None})
        port = listen(self, make_site(application(images, InfraEnvs())))
        size = len((await ask(port, FULL)).body)
        await ask(port, f"/images/{ID}?version=9&type=full-iso")
        text = (await ask(port, "/metrics")).text
        name = "assisted_image_service_"
        labels = 'code="200",handler="/byid/:token",method="GET",service=""'
        image = f'type="full-iso",version="{VERSION}"'
        for line in (
            f"{name}http_request_duration_seconds_count{{{labels}}} 1.0",
            f"{name}http_response_size_bytes_sum{{{labels}}} {float(size)}",
            f'{name}http_requests_inflight{{handler="/byid/:token",service=""}} 0.0',
            f"{name}downloads_waiting 0.0",
            f'{name}image_state{{arch="arm64",state="waiting",{image}}} 1.0',
            f'{name}image_state{{arch="x86_64",state="ready",{image}}} 1.0',
        ):
            self.assertIn(line + "\n", text)
        self.assertIn('code="404",handler="/images/:imageID",method="GET"', text)
        for bucket in ("0.1", "1.0", "10.0", "50.0", "100.0", "300.0", "600.0"):
            self.assertIn(
                f'duration_seconds_bucket{{code="200",handler="/byid/:token",le="{bucket}"', text
            )


class CorsTests(TestCase):
    """Browsers of the configured origins may read images; nobody else's."""

    def serve(self, *domains: str) -> int:
        app = application(Images({entry(): content()}), InfraEnvs(), allowed_domains=domains)
        return listen(self, make_site(app))

    async def from_origin(self, port: int, origin: str, method: str = "GET") -> Answer:
        headers = {"Origin": origin}
        if method == "OPTIONS":
            headers["Access-Control-Request-Method"] = "GET"
        return await ask(port, FULL, method, headers)

    async def test_allowed_origins(self) -> None:
        port = self.serve("https://console.test", "https://*.example.test")
        for origin, allowed in [
            ("https://console.test", True),
            ("HTTPS://Console.test", True),
            ("https://a.b.example.test", True),
            ("https://example.test", False),
            ("https://console.test.evil", False),
            ("http://console.test", False),
            ("null", False),
        ]:
            answer = await self.from_origin(port, origin)
            self.assertEqual(answer.status, 200)
            expected = origin if allowed else None
            self.assertEqual(answer.header("access-control-allow-origin"), expected, origin)
            self.assertEqual(answer.header("vary"), "Origin")

    async def test_any_origin(self) -> None:
        answer = await self.from_origin(self.serve("*"), "https://anywhere.test")
        self.assertEqual(answer.header("access-control-allow-origin"), "*")

    async def test_preflight(self) -> None:
        port = self.serve("https://console.test")
        answer = await self.from_origin(port, "https://console.test", "OPTIONS")
        self.assertEqual((answer.status, answer.body), (204, b""))
        for name, value in {
            "access-control-allow-origin": "https://console.test",
            "access-control-allow-methods": "GET, HEAD",
            "access-control-allow-headers": "Authorization, Content-Type",
            "access-control-max-age": "600",
        }.items():
            self.assertEqual(answer.header(name), value)
        self.assertIn("Origin", answer.header("vary") or "")

    async def test_preflight_from_elsewhere(self) -> None:
        answer = await self.from_origin(self.serve("https://console.test"), "https://b", "OPTIONS")
        self.assertIsNone(answer.header("access-control-allow-methods"))

    async def test_off(self) -> None:
        port = self.serve()
        answer = await self.from_origin(port, "https://console.test")
        self.assertIsNone(answer.header("vary"))
        self.assertIsNone(answer.header("access-control-allow-origin"))
        self.assertEqual((await self.from_origin(port, "https://a", "OPTIONS")).status, 405)

    async def test_not_on_other_routes(self) -> None:
        answer = await ask(self.serve("*"), "/status", headers={"Origin": "https://a.test"})
        self.assertIsNone(answer.header("access-control-allow-origin"))


class SlowInfraEnvs(InfraEnvs):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[Configuration]] = []
        self.arrived: Deferred[None] = Deferred()

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        answer: Deferred[Configuration] = Deferred()
        self.waiting.append(answer)
        self.arrived.callback(None)
        return await answer


class SlotTests(TestCase):
    """A download has a slot from before its configuration is fetched until its end."""

    async def test_one_slot(self) -> None:
        infra_envs, slots = SlowInfraEnvs(), OwnSlots(1)
        app = application(Images({entry(): content()}), infra_envs, slots=slots)
        port = listen(self, make_site(app))
        first = Deferred.fromCoroutine(ask(port, FULL))
        await infra_envs.arrived
        second = Deferred.fromCoroutine(ask(port, FULL))
        metrics = await ask(port, "/metrics")
        self.assertIn("assisted_image_service_downloads_in_flight 1.0", metrics.text)
        self.assertEqual(len(infra_envs.waiting), 1)
        infra_envs.arrived = Deferred()
        infra_envs.waiting[0].callback(CONFIGURATION)
        self.assertEqual((await first).status, 200)
        await infra_envs.arrived
        infra_envs.waiting[1].callback(CONFIGURATION)
        self.assertEqual((await second).status, 200)
        self.assertEqual(slots.in_use, 0)

    async def test_slots_of_one_client(self) -> None:
        """Which client it is, trusted proxies say; others are not kept waiting."""
        infra_envs, slots = SlowInfraEnvs(), OwnSlots(10)
        app = application(
            Images({entry(): content()}),
            infra_envs,
            slots=slots,
            client_slots=ClientSlots(slots, 1),
            trusted_proxies=TrustedProxies([network("127.0.0.1")]),
        )
        port = listen(self, make_site(app))

        def get(client: str) -> Deferred[Answer]:
            headers = {"X-Forwarded-For": client}
            return Deferred.fromCoroutine(ask(port, FULL, headers=headers))

        answers = []
        for client in ("192.0.2.1", "192.0.2.2"):
            answers.append(get(client))
            await infra_envs.arrived
            infra_envs.arrived = Deferred()
        answers.append(get("192.0.2.1"))
        self.assertEqual((await ask(port, "/live")).status, 200)
        self.assertEqual((len(infra_envs.waiting), slots.in_use), (2, 2))
        infra_envs.waiting[0].callback(CONFIGURATION)
        await infra_envs.arrived
        for waiting in infra_envs.waiting[1:]:
            waiting.callback(CONFIGURATION)
        for answer in answers:
            self.assertEqual((await answer).status, 200)
        self.assertEqual(slots.in_use, 0)
