"""The connections to others, according to the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults

from assisted_images.registries.settings import registry_agents
from assisted_images.settings.settings import Settings
from assisted_images.values import USER_AGENT
from httpd.outbound.agent import OutboundAgent
from httpd.outbound.proxies import Proxies
from httpd.outbound.trust import tls_policy


class DownloadSettings(Protocol):
    """The settings that matter to downloads of OS images."""

    @property
    def os_image_download_trusted_ca_file(self) -> Path | None:
        """C{OS_IMAGE_DOWNLOAD_TRUSTED_CA_FILE}."""

    @property
    def insecure_skip_verify(self) -> bool:
        """C{INSECURE_SKIP_VERIFY}."""


def download_agent(settings: DownloadSettings, proxies: Proxies, reactor: Any) -> OutboundAgent:
    """What asks the servers of OS images."""
    policy = tls_policy(
        settings.os_image_download_trusted_ca_file, verify=not settings.insecure_skip_verify
    )
    return OutboundAgent(reactor, policy, proxies, user_agent=USER_AGENT)


class Outbound(MultiService):
    """The clients of other servers; closes their idle connections at the end."""

    def __init__(self, settings: Settings, reactor: Any) -> None:
        super().__init__()
        proxies = Proxies.of(settings.http_proxy, settings.https_proxy, settings.no_proxy)
        self.downloads = download_agent(settings, proxies, reactor)
        self.registries = registry_agents(settings, proxies, reactor)
        self.assisted_service = OutboundAgent(
            reactor,
            tls_policy(settings.assisted_service_api_trusted_ca_file),
            proxies,
            user_agent=USER_AGENT,
        )

    def stopService(self) -> Deferred[Any]:
        """Close what is idle; fires when it is closed."""
        stopping = MultiService.stopService(self)
        agents = (
            self.downloads,
            self.registries.verified,
            self.registries.unverified,
            self.assisted_service,
        )
        return gatherResults([stopping, *(agent.close() for agent in agents)])
