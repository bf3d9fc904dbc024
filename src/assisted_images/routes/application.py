"""What a request needs of the rest of the program, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from assisted_images.infra_envs.configurations import InfraEnvSource
from assisted_images.routes.metrics import Metrics
from assisted_images.store.images import ImageStore
from httpd.concurrency.slots import Slots
from httpd.concurrency.threads import RunInThread
from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts that the composition root has put together."""

    store: ImageStore
    infra_envs: InfraEnvSource
    slots: Slots
    connections: Connections
    metrics: Metrics
    request_log: RequestLog
    clock: IReactorTime
    run_in_thread: RunInThread

    allowed_domains: tuple[str, ...] = ()
    """Origins that browsers may read from; C{*} is any (contract, section 7)."""

    times: Times = field(default_factory=Times)
    """How long clients may take."""

    exposition: Callable[[], Awaitable[bytes]] | None = None
    """Makes the text of C{/metrics}, where it is not that of C{metrics} alone."""

    complete: Callable[[], bool] = lambda: True
    """Whether the other processes of the service can serve every image, too."""

    local_infra_envs: bool = False
    """Whether infra-envs come from a local directory; then there is an C{ipxe-script}."""
