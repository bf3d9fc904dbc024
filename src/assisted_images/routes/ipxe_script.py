"""The iPXE script of an infra-env, for hosts without assisted-service (contract, section 6)."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from twisted.web.http import Request

from assisted_images.catalog.catalog import Entry
from assisted_images.infra_envs.configurations import ConfigurationRequest, Credential
from assisted_images.routes.application import Application
from assisted_images.values import ImageType
from httpd.representation.segments import Representation
from httpd.web.problems import Problem
from httpd.web.respond import Content

KERNEL_ARGUMENTS = (
    "ignition.firstboot",
    "ignition.platform.id=metal",
    "random.trust_cpu=on",
    "rd.luks.options=discard",
)
"""What every CoreOS live system is booted with."""

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?", re.ASCII)


async def ipxe_script(
    application: Application, request: Request, infra_env_id: str, entry: Entry
) -> Content:
    """
    A script that boots the infra-env with kernel, initrd and rootfs from this same listener.

    @raise Problem: 400, the C{Host} header is no host; 422, a kernel argument that a script
        cannot hold.
    """
    wanted = ConfigurationRequest(infra_env_id, ImageType.FULL, Credential())
    configuration = await application.infra_envs.configuration(wanted)
    for argument in configuration.kernel_arguments:
        if not argument.isprintable() or "${" in argument:
            raise Problem(
                422, "a kernel argument has a control character or ${, which iPXE would expand"
            )
    base = _base_url(request)
    query = urlencode({"arch": entry.architecture.value, "version": entry.version})
    arguments = " ".join(
        (
            "initrd=initrd",
            f"coreos.live.rootfs_url={base}/boot-artifacts/rootfs?{query}",
            *KERNEL_ARGUMENTS,
            *configuration.kernel_arguments,
        )
    )
    # UEFI's iPXE hands over only the initrds that the kernel line names (boot-notes).
    script = (
        "#!ipxe\n"
        f"initrd --name initrd {base}/images/{infra_env_id}/pxe-initrd?{query}\n"
        f"kernel {base}/boot-artifacts/kernel?{query} {arguments}\n"
        "boot\n"
    )
    return Content(
        Representation.from_bytes(script.encode()),
        "text/plain; charset=utf-8",
        f"{infra_env_id}.ipxe",
        "private, no-cache",
    )


def _base_url(request: Request) -> str:
    """The listener as the client sees it; without a C{Host}, as the socket does."""
    scheme = "https" if request.isSecure() else "http"
    host = request.getHeader("host")
    if host is None:
        address = request.getHost()
        name = f"[{address.host}]" if ":" in address.host else address.host
        host = f"{name}:{address.port}"
    if _AUTHORITY.fullmatch(host) is None:
        raise Problem(400, "the Host header is no host name or address")
    return f"{scheme}://{host}"
