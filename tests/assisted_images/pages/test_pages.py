"""The pages over HTTP: where they are, and whose address their URLs have."""

from __future__ import annotations

import re
from pathlib import Path

import segno
from twisted.trial.unittest import SynchronousTestCase, TestCase

from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.overview import Overview
from assisted_images.routes.tree import AllWorkers, make_site
from httpd.concurrency.threads import threads_of
from httpd.concurrency.turns import Turns
from httpd.forwarding import TrustedProxies, network
from httpd.pages.qr_code import qr_code
from tests.assisted_images.pages import overviews
from tests.assisted_images.pages.written import INFRA_ENV, write_infra_env
from tests.assisted_images.routes.application import Images, application, content, entry
from tests.httpd.pages.texts import html
from tests.httpd.web.serving import ask, listen, reactor


class PageTests(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        write_infra_env(self.directory, INFRA_ENV, "<edge>")
        self.source = LocalInfraEnvs(self.directory, Turns(threads_of(reactor), reactor, 10))

    def serve(self, *, rest_at: str | None = None, page: bool = True, **settings: object) -> int:
        infra_envs: object = self.source
        everything: dict[str, object] = {"local_infra_envs": infra_envs, **settings}
        app = application(Images({entry(): content()}), self.source, **everything)  # type: ignore[arg-type]

        async def overview() -> Overview:
            return overviews.failing()

        workers = AllWorkers(app.metrics.exposition, lambda: True, overview if page else None)
        return listen(self, make_site(app, workers, rest_at=rest_at))

    async def test_front_page(self) -> None:
        answer = await ask(self.serve(), "/")
        self.assertEqual(answer.status, 200)
        for said in ("2 of 3 images are ready", "&lt;edge&gt;", "answered 503"):
            self.assertIn(said, answer.text)
        self.assertNotIn("127.0.0.1", answer.text)

    async def test_taken_off(self) -> None:
        port = self.serve(page=False)
        for path in ("/", "/page/events", "/page/page.css", "/infra-envs", "/infra-envs/a"):
            self.assertEqual((await ask(port, path)).status, 404, path)

    async def test_plain_listener(self) -> None:
        """It has none beside one with TLS, and says where it is."""
        port = self.serve(rest_at="https://images.example.com")
        for path in ("/", "/page/page.js", "/infra-envs", f"/infra-envs/{INFRA_ENV}"):
            answer = await ask(port, path)
            self.assertEqual(answer.status, 404)
            self.assertIn("https://images.example.com", answer.text)

    async def test_signed_urls_only(self) -> None:
        """What a page shows to anybody would be refused, or be nobody's secret any more."""
        port = self.serve(signed_urls=object(), signed_urls_only=True)
        self.assertNotIn("edge", (await ask(port, "/")).text)
        self.assertEqual((await ask(port, f"/infra-envs/{INFRA_ENV}")).status, 404)

    async def infra_env(self, port: int, **fields: str) -> str:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return (await ask(port, f"/infra-envs/{INFRA_ENV}", headers=named)).text

    async def test_own_address(self) -> None:
        text = await self.infra_env(self.serve(), Host="boot.example.com:81")
        self.assertIn(f"http://boot.example.com:81/byid/{INFRA_ENV}", text)

    async def test_hosts(self) -> None:
        """One that has something of its own has a URL of its own, which is served."""
        self.assertNotIn("Hosts", await self.infra_env(self.serve()))
        (self.directory / INFRA_ENV / "hosts" / "52-54-00-12-34-56").mkdir(parents=True)
        port = self.serve()
        text = await self.infra_env(port)
        self.assertIn("Hosts", text)
        [path] = re.findall(
            rf"/byid/{INFRA_ENV}/[^/]+/[^/]+/52-54-00-12-34-56/minimal.iso(?=<)", text
        )
        self.assertEqual((await ask(port, path, method="HEAD")).status, 200)

    async def test_behind_a_proxy(self) -> None:
        """Its word counts where it is trusted."""
        fields = {"Host": "boot.example.com", "X_Forwarded_Proto": "https"}
        text = await self.infra_env(self.serve(), **fields)
        self.assertIn("http://boot.example.com/byid", text)
        trusted = TrustedProxies([network("127.0.0.1")])
        text = await self.infra_env(self.serve(trusted_proxies=trusted), **fields)
        self.assertIn("https://boot.example.com/byid", text)

    async def test_base_url(self) -> None:
        port = self.serve(base_url="https://images.example.com/")
        text = await self.infra_env(port, Host="other.example.com")
        self.assertIn("https://images.example.com/byid", text)
        self.assertNotIn("other", text)

    async def test_host_that_is_none(self) -> None:
        port = self.serve()
        for host in ("a_b", "<script>", "a/b", "user@host"):
            answer = await ask(port, f"/infra-envs/{INFRA_ENV}", headers={"Host": host})
            self.assertEqual(answer.status, 400, host)
            self.assertNotIn("<", answer.text)

    async def test_no_such_infra_env(self) -> None:
        port = self.serve()
        for path in (INFRA_ENV.replace("5", "6"), "..", "%2e%2e%2fetc", INFRA_ENV.upper()):
            self.assertEqual((await ask(port, f"/infra-envs/{path}")).status, 404, path)

    async def test_unknown_image(self) -> None:
        """A link that is old leads to what there is."""
        answer = await ask(self.serve(), f"/infra-envs/{INFRA_ENV}?image=%3Cscript%3E")
        self.assertEqual(answer.status, 200)
        self.assertNotIn("<script>", answer.text)

    async def test_unreadable_directory(self) -> None:
        port = self.serve()
        self.directory.rename(self.directory.with_name("elsewhere"))
        self.assertIn("No such file or directory", (await ask(port, "/")).text)
        self.assertEqual((await ask(port, "/infra-envs")).status, 500)


class QrCodeTests(SynchronousTestCase):
    def test_modules(self) -> None:
        """The same as the library's, with the quiet zone around it."""
        url = "https://images.example.com/infra-envs/" + INFRA_ENV
        text = html(self, qr_code(url, "it"))
        rows = segno.make(url, error="m", micro=False).matrix
        side = len(rows) + 8
        self.assertIn(f'viewBox="0 0 {side} {side}"', text)
        for row, modules in enumerate(rows):
            for column, dark in enumerate(modules):
                self.assertEqual(f"M{column + 4} {row + 4}h1v1h-1z" in text, bool(dark))
