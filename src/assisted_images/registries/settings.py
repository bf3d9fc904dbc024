"""The client of container registries that the settings describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from assisted_images.oci.auths import PullSecret
from assisted_images.oci.manifests import Descriptor
from assisted_images.registries.files import read_mirrors, read_pull_secret
from assisted_images.registries.registry import Registries
from assisted_images.registries.requests import Agents, RegistryRequests
from assisted_images.values import USER_AGENT
from httpd.concurrency.threads import threads_of
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy


class RegistrySettings(Protocol):
    """The settings that matter to registries."""

    @property
    def pull_secret(self) -> PullSecret | None:
        """C{PULL_SECRET}."""

    @property
    def pull_secret_file(self) -> Path | None:
        """C{PULL_SECRET_FILE}."""

    @property
    def registries_conf(self) -> Path | None:
        """C{REGISTRIES_CONF}."""

    @property
    def registry_trusted_ca_file(self) -> Path | None:
        """C{REGISTRY_TRUSTED_CA_FILE}."""

    @property
    def download_stall_seconds(self) -> float:
        """C{DOWNLOAD_STALL_SECONDS}."""


def registry_agents(settings: RegistrySettings, proxies: Proxies, reactor: Any) -> Agents:
    """
    What makes connections to registries.

    @raise ValueError: the bundle of trusted certificates cannot be read.
    """
    return Agents(
        OutboundAgent(
            reactor, tls_policy(settings.registry_trusted_ca_file), proxies, user_agent=USER_AGENT
        ),
        OutboundAgent(reactor, tls_policy(verify=False), proxies, user_agent=USER_AGENT),
    )


def make_registries(
    settings: RegistrySettings,
    agents: Agents,
    reactor: Any,
    arrived: Callable[[Descriptor, int], None] = lambda blob, size: None,
) -> Registries:
    """
    The registries that release payloads are in.

    @param arrived: see L{Registries}.
    @raise ValueError: the pull secret or the registries' configuration cannot be read.
    """
    secret = settings.pull_secret or read_pull_secret(settings.pull_secret_file)
    seconds = settings.download_stall_seconds
    return Registries(
        RegistryRequests(agents, reactor, secret, seconds),
        read_mirrors(settings.registries_conf),
        reactor,
        threads_of(reactor),
        seconds,
        arrived,
    )
