"""What is around every page."""

from __future__ import annotations

from twisted.trial.unittest import TestCase
from twisted.web.template import tags

from httpd.http1.connections import Connections
from httpd.pages.events import Events
from httpd.pages.feed import Feed
from httpd.pages.files import PAGE_FILES
from httpd.pages.parts import copied, markup, placed
from httpd.pages.routes import page_routes
from httpd.pages.shell import Link, Shell
from httpd.web.answered import Answered, Reply
from httpd.web.request import ServiceRequest
from httpd.web.routes import Routes
from tests.httpd.pages.watched import Watched
from tests.httpd.web.serving import ask, listen, reactor, site_of


class Front(Answered):
    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.shell = Shell("a <service>", "1.0", [Link("status", "Status")])

    async def reply(self, request: ServiceRequest) -> Reply:
        parts = await self.watched.parts()
        sections = [placed(parts, name, tags.section()) for name in parts]
        return await self.shell.reply("", *sections, live=parts)


class ShellTests(TestCase):
    def setUp(self) -> None:
        watched = Watched()
        self.front = Front(watched)
        feed = Feed(watched.parts, reactor, self.front.shell.edition)
        routes = Routes(page_routes(self.front, Events(feed, Connections(10))))
        self.port = listen(self, site_of(routes))

    async def test_page(self) -> None:
        answer = await ask(self.port, "/")
        self.assertEqual(answer.header("content-type"), "text/html; charset=utf-8")
        self.assertTrue(answer.text.startswith("<!DOCTYPE html>\n<html lang="))
        self.assertIn("<title>a &lt;service&gt;</title>", answer.text)
        self.assertIn('<section id="two" data-live=""><b>2</b></section>', answer.text)
        self.assertIn('<a href="status">Status</a>', answer.text)

    async def test_other_events(self) -> None:
        """A page below has its own, by the way to the root."""
        reply = await self.front.shell.reply("x", root="../", live=["a"], events="page/x/events")
        self.assertIn(b'data-events="../page/x/events"', reply.body)
        self.assertNotIn(b"data-events", (await self.front.shell.reply("x")).body)

    async def test_copied(self) -> None:
        """Without a script there is the text, and no button."""
        text = (await markup(copied("a <b>", "line", "Copy it"))).decode()
        self.assertIn('<pre id="line">a &lt;b&gt;</pre>', text)
        self.assertIn('hidden=""', text)
        self.assertIn('data-copies="line"', text)

    async def test_strict(self) -> None:
        """Nothing is inline, nothing comes from elsewhere, nobody is told."""
        answer = await ask(self.port, "/")
        policy = answer.header("content-security-policy") or ""
        self.assertIn("default-src 'none'; script-src 'self';", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(answer.header("x-content-type-options"), "nosniff")
        self.assertEqual(answer.header("referrer-policy"), "no-referrer")
        for inline in ("style=", "<style", "onclick", "://"):
            self.assertNotIn(inline, answer.text)

    async def test_files(self) -> None:
        for name in PAGE_FILES:
            answer = await ask(self.port, f"/page/{name}")
            self.assertEqual((answer.status, answer.header("cache-control")), (200, "no-cache"))
            self.assertTrue(answer.body)
            etag = answer.header("etag") or ""
            again = await ask(self.port, f"/page/{name}", headers={"If-None-Match": etag})
            self.assertEqual((again.status, again.body), (304, b""))
            head = await ask(self.port, f"/page/{name}", "HEAD")
            self.assertEqual(
                (head.header("content-length"), head.body), (str(len(answer.body)), b"")
            )

    async def test_documentation(self) -> None:
        """There is a link to it where somebody has said where it is."""
        shell = Shell("pages", "1", documentation_url="https://docs.example.com/pages")
        page = (await shell.reply("")).body.decode()
        self.assertIn('<a href="https://docs.example.com/pages">Documentation</a>', page)
        self.assertNotIn("Documentation", (await Shell("pages", "1").reply("")).body.decode())

    def test_edition(self) -> None:
        """Another where the page has other parts, or is another release's."""
        shell = self.front.shell
        others = [
            shell.edition(["one"]),
            shell.edition(["two"]),
            shell.edition(["one", "two"]),
            Shell("a <service>", "1.1").edition(["one"]),
        ]
        self.assertEqual(len({*others}), 4)
        self.assertEqual(shell.edition(["one"]), others[0])
