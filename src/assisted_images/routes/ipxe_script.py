"""
The iPXE script of an infra-env, for hosts without assisted-service
(docs/reference/http-api.md, "Infra-envs without assisted-service").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from assisted_images.catalog.catalog import Entry
from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.live.kargs import edited
from assisted_images.routes.application import Application
from assisted_images.routes.selection import SelectedImage, WantedImage
from assisted_images.values import Configuration
from httpd.representation.segments import Representation
from httpd.texts import quoted
from httpd.web.listener_url import listener_url
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.respond import Content

KERNEL_ARGUMENTS = (
    "ignition.firstboot",
    "ignition.platform.id=metal",
    "random.trust_cpu=on",
    "rd.luks.options=discard",
)
"""What every CoreOS live system is booted with."""

_OPERATORS = frozenset({";", "&&", "||"})


InitrdPath = Callable[["IpxeScript", Entry], str]
"""Says where at the listener a script finds the initrd of an OS image, as path and query."""


@dataclass(frozen=True, slots=True)
class IpxeScript:
    """What boots an infra-env from kernel, initrd and rootfs of this same listener."""

    image: WantedImage
    configuration: ConfigurationRequest
    initrd_path: InitrdPath

    async def fetch(
        self, application: Application, image: SelectedImage, request: ServiceRequest
    ) -> Content:
        """
        Write the script.

        @raise Problem: 400, the C{Host} header is no host; 422, a kernel argument that a script
            cannot hold.
        @raise BadKernelArgument: one that can be in no command line.
        """
        configuration = await application.infra_envs.configuration(self.configuration)
        base, entry = listener_url(request), image.os_image.entry
        script = _script(base, self.initrd_path(self, entry), entry, configuration)
        return Content(
            Representation.from_bytes(script.encode()),
            "text/plain; charset=utf-8",
            f"{self.configuration.infra_env_id}.ipxe",
            "private, no-cache",
        )


def _script(base: str, initrd_path: str, entry: Entry, configuration: Configuration) -> str:
    query = urlencode({"arch": entry.architecture.value, "version": entry.version})
    rootfs = f"coreos.live.rootfs_url={base}/boot-artifacts/rootfs?{query}"
    own = " ".join((rootfs, *KERNEL_ARGUMENTS))
    arguments = edited(own, configuration.kernel_arguments)
    _require_plain(arguments)
    # UEFI's iPXE hands over only the initrds that the kernel line names
    # (docs/reference/booting.md).
    return (
        "#!ipxe\n"
        f"initrd --name initrd {base}{initrd_path}\n"
        f"kernel {base}/boot-artifacts/kernel?{query} initrd=initrd {arguments}\n"
        "boot\n"
    )


def _require_plain(arguments: str) -> None:
    """
    Refuse what iPXE would not hand over as it is: it expands C{${...}}, and ends a command at
    tokens that are comments or operators, wherever they stand in a line (its C{exec.c}).

    @raise Problem: the arguments have such a thing.
    """
    if not arguments.isprintable() or "${" in arguments:
        raise Problem(
            422, "a kernel argument has a control character or ${, which iPXE would expand"
        )
    for token in arguments.split():
        if token.startswith("#") or token in _OPERATORS:
            raise Problem(
                422, f"a kernel argument has {quoted(token)}, at which iPXE would end the command"
            )
