"""What a request needs of the rest of the program, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from assisted_images.infra_envs.configurations import InfraEnvSource
from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.shell import SHELL
from assisted_images.routes.checksums import Checksums
from assisted_images.routes.customisations import Customisations
from assisted_images.routes.metrics import Metrics
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.settings.readers import ReadyWhen
from assisted_images.store.images import ImageStore
from httpd.concurrency.slots import ClientSlots, Slots
from httpd.concurrency.threads import RunInThread
from httpd.forwarding import TrustedProxies
from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestLog
from httpd.pages.shell import Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts that the composition root has put together."""

    store: ImageStore
    infra_envs: InfraEnvSource
    slots: Slots
    connections: Connections
    customisations: Customisations
    checksums: Checksums
    metrics: Metrics
    request_log: RequestLog
    clock: IReactorTime
    run_in_thread: RunInThread

    allowed_domains: tuple[str, ...] = ()
    """
    Origins that browsers may read from; C{*} is any (docs/reference/http-api.md, "Cross-origin
    reads").
    """

    times: Times = field(default_factory=Times)
    """How long clients may take."""

    ready_when: ReadyWhen = ReadyWhen.ALL
    """How many images make C{/health} 200."""

    client_slots: ClientSlots | None = None
    """The slots where one client may not have all of them."""

    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    """Whose word counts about who has sent a request (docs/how-to/proxies.md)."""

    local_infra_envs: LocalInfraEnvs | None = None
    """
    Those of a local directory, where they come from one; then there is an C{ipxe-script}, and a
    page for each.
    """

    shell: Shell = SHELL
    """What all pages have in common."""

    base_url: str | None = None
    """The service's own, as hosts see it; C{None}: as a request has found it."""

    signed_urls: SignedUrls | None = None
    """Those of a local directory's infra-envs; C{None}: there are none."""

    signed_urls_only: bool = True
    """Whether there are no others, where there are signed ones."""
