"""The real pages, served in the tests' reactor, of whatever the tests say there is."""

from __future__ import annotations

from pathlib import Path

from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.overview import Overview
from assisted_images.routes.tree import AllWorkers, make_site
from httpd.concurrency.threads import threads_of
from httpd.concurrency.turns import Turns
from tests.assisted_images.pages.overviews import READY
from tests.assisted_images.routes.application import Images, application, content, entry
from tests.browser.looking import LookingCase
from tests.httpd.web.serving import listen, reactor


class PageCase(LookingCase):
    """
    Cases that look at pages.

    @ivar overview: what there is; may change while a page is open.
    """

    def setUp(self) -> None:
        self.overview = READY
        self.infra_envs = Path(self.mktemp())
        self.infra_envs.mkdir()
        entries = [
            entry(arch, f"4{minor}.94.202511191518-0", openshift=f"4.{minor}.1")
            for minor, arch in ((19, "x86_64"), (18, "x86_64"), (18, "arm64"))
        ]
        images = Images({entries[0]: None} | dict.fromkeys(entries[1:], content()))
        turns = Turns(threads_of(reactor), reactor, 10)
        source = LocalInfraEnvs(self.infra_envs, turns)
        app = application(images, source, local_infra_envs=source)  # type: ignore[arg-type]

        async def overview() -> Overview:
            return self.overview

        everything = AllWorkers(app.metrics.exposition, lambda: True, overview)
        self.connections = app.connections
        self.port = listen(self, make_site(app, everything))
        self.addCleanup(self.leave)
