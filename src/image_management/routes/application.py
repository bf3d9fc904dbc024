"""What a request needs of the rest of the program, in one value."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from httpd.concurrency.slots import ClientSlots, Slots
from httpd.forwarding import TrustedProxies
from httpd.http1.channel import Times
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestLog
from httpd.pages.shell import Shell
from httpd.web.bearer import Bearer
from image_management.images.images import Images
from image_management.images.links import LinkChecks
from image_management.jobs.nodes.probes import NodeProbes
from image_management.jobs.service import JobService
from image_management.pages.overview import Overview
from image_management.pages.shell import SHELL
from image_management.routes.artifacts import Artifacts
from image_management.routes.metrics import Metrics
from image_management.routes.probes import S3Watch
from image_management.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts that the composition root has put together."""

    store: Store
    images: Images
    link_checks: LinkChecks
    artifacts: Artifacts
    jobs: JobService
    nodes: NodeProbes
    s3: S3Watch
    slots: Slots
    connections: Connections
    metrics: Metrics
    request_log: RequestLog
    clock: IReactorTime

    bearer: Bearer | None = None
    """Who verifies tokens; C{None}: nobody has to have one."""

    overview: Overview | None = None
    """What pages show; C{None}: there are none."""

    shell: Shell = SHELL
    """What all pages have in common."""

    path_prefix: str = ""
    """Below which everything is once more, such as C{/apis/ims}."""

    ready_needs_s3: bool = False
    """Whether the service is ready only while S3 is there."""

    times: Times = field(default_factory=Times)
    """How long clients may take."""

    client_slots: ClientSlots | None = None
    """The slots where one client may not have all of them."""

    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    """Whose word counts about who has sent a request."""

    now: Callable[[], float] = time.time
    """The Unix time."""
