"""What a machine boots without an ISO: initrds, iPXE scripts, files of the OS image."""

from __future__ import annotations

from assisted_images.values import Configuration
from tests.assisted_images.routes.application import (
    ID,
    IMAGE,
    INITRD,
    INS_FILE,
    KERNEL,
    OPENSHIFT,
    ROOTFS,
    VERSION,
)
from tests.assisted_images.routes.routes import RoutesTestCase


class InitrdTests(RoutesTestCase):
    async def test_pxe_initrd(self) -> None:
        answer = await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}")
        self.assertEqual(answer.status, 200)
        initrd = IMAGE[INITRD.offset : INITRD.end].ljust(1004, b"\0")
        self.assertTrue(answer.body.startswith(initrd))
        self.assertTrue(answer.body.rstrip(b"\0").endswith(b"ramdisk\0nmstate archive"))
        self.assertEqual(
            answer.header("content-disposition"), f'attachment; filename="{ID}-initrd.img"'
        )
        self.assertEqual(answer.header("content-type"), "application/octet-stream")

    async def test_addrsize(self) -> None:
        initrd = await self.get(f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&arch=s390x")
        answer = await self.get(f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}")
        self.assertEqual(answer.body, b"\0\0\0\0\0\0\1\0" + len(initrd.body).to_bytes(8, "big"))
        self.assertEqual(
            answer.header("content-disposition"), f'attachment; filename="{ID}-initrd.addrsize"'
        )

    async def test_ipxe_script(self) -> None:
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}&arch=x86_64")
        base = f"http://127.0.0.1:{self.port}"
        query = f"arch=x86_64&version={VERSION}"
        self.assertEqual(
            answer.text.splitlines(),
            [
                "#!ipxe",
                f"initrd --name initrd {base}/images/{ID}/pxe-initrd?{query}",
                f"kernel {base}/boot-artifacts/kernel?{query} initrd=initrd"
                f" coreos.live.rootfs_url={base}/boot-artifacts/rootfs?{query}"
                " ignition.firstboot ignition.platform.id=metal random.trust_cpu=on"
                " rd.luks.options=discard console=ttyS0",
                "boot",
            ],
        )

    async def test_ipxe_script_for_a_host_of_ill_will(self) -> None:
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}", {"Host": "a$x"})
        self.assertEqual(
            (answer.status, answer.text), (400, "the Host header is no host name or address\n")
        )

    async def test_ipxe_script_with_an_argument_that_it_would_expand(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=("a=${net0/ip}",))
        await self.assert_problem(
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}", 422, "which iPXE would expand"
        )


class BootArtifactTests(RoutesTestCase):
    async def test_each(self) -> None:
        for artifact, arch, extent, name in [
            ("kernel", "x86_64", KERNEL, "vmlinuz"),
            ("rootfs", "x86_64", ROOTFS, "rootfs.img"),
            ("ins-file", "s390x", INS_FILE, "generic.ins"),
        ]:
            answer = await self.get(f"/boot-artifacts/{artifact}?version={OPENSHIFT}&arch={arch}")
            self.assertEqual(answer.body, IMAGE[extent.offset : extent.end])
            self.assertEqual(answer.header("content-disposition"), f'attachment; filename="{name}"')
            self.assertEqual(answer.header("content-type"), "application/octet-stream")
            self.assertRegex(answer.header("cache-control") or "", r"^public, max-age=\d+$")
            self.assertEqual(answer.header("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT")

    async def test_asks_nobody(self) -> None:
        await self.get(f"/boot-artifacts/kernel?version={OPENSHIFT}")
        self.assertEqual(self.infra_envs.asked, [])
