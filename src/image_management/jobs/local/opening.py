"""The local backend, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from httpd.concurrency.slots import OwnSlots
from httpd.concurrency.threads import own_threads
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy
from image_management.jobs.backend import MakeBackend, Reports
from image_management.jobs.local.backend import LocalBackend
from image_management.jobs.local.processes import Programs, environment
from image_management.jobs.local.workshop import LocalSettings, Workshop
from image_management.s3.objects import ObjectStore
from image_management.store.store import Store
from image_management.values import USER_AGENT


def local_backend(
    settings: LocalSettings,
    reactor: Any,
    store: Store,
    objects: ObjectStore,
    given: Mapping[str, str],
    observe: Callable[[str, float], None],
) -> MakeBackend:
    """
    What makes it.

    @param given: the environment, which names proxies.
    @param observe: is told how many seconds each stage took.
    @raise ValueError: the environment names no proxies.
    """
    inherited = environment(given)
    proxies = Proxies.of_environment(inherited)
    agent = OutboundAgent(reactor, tls_policy(), proxies, user_agent=USER_AGENT)

    def make(report: Reports) -> LocalBackend:
        return LocalBackend(
            Workshop(
                settings=settings,
                reactor=reactor,
                store=store,
                objects=objects,
                programs=Programs(reactor, inherited),
                agent=agent,
                slots=OwnSlots(settings.slots),
                run_in_thread=own_threads(reactor, 2 * settings.slots, "jobs"),
                report=report,
                observe=observe,
                now=time.time,
            )
        )

    return make
