"""What a machine boots without an ISO: initrds, iPXE scripts, files of the OS image."""

from __future__ import annotations

import gzip
from dataclasses import replace

from assisted_images.routes.tree import make_site
from assisted_images.values import Configuration
from httpd.forwarding import TrustedProxies, network
from tests.assisted_images.kernel_arguments import appended, deleted, replaced
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
from tests.httpd.web.serving import exchange, listen, parsed


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

    async def test_no_static_network(self) -> None:
        """Then there is no nmstatectl, which has nothing to do; images without it serve, too."""
        self.infra_envs.answer = Configuration(b"{}")
        for architecture in ("x86_64", "arm64", "s390x"):
            path = f"/images/{ID}/pxe-initrd?version={OPENSHIFT}&arch={architecture}"
            answer = await self.get(path)
            self.assertEqual(answer.status, 200)
            self.assertNotIn(b"nmstate archive", answer.body)
            self.assertIn(b"{}", gzip.decompress(answer.body[1004:]))
        addrsize = await self.get(f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}")
        self.assertEqual(addrsize.body[8:], len(answer.body).to_bytes(8, "big"))

    async def test_script_of_an_image_without_nmstatectl(self) -> None:
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}&arch=arm64")
        self.assertEqual(answer.status, 200)

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

    async def test_ipxe_script_with_edited_arguments(self) -> None:
        """Those that every live system is booted with can be edited, too."""
        edits = (
            *deleted("rd.luks.options=discard", "not.there"),
            *appended("console=ttyS0"),
            *replaced("random.trust_cpu=on=off"),
        )
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=edits)
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}")
        expected = (
            " ignition.firstboot ignition.platform.id=metal random.trust_cpu=off console=ttyS0"
        )
        self.assertIn(f"version={VERSION}{expected}\nboot\n", answer.text)

    async def test_ipxe_script_with_an_edit_that_is_none(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=replaced("quiet"))
        path = f"/images/{ID}/ipxe-script?version={OPENSHIFT}"
        await self.assert_problem(path, 422, "to be replaced cannot be read; expected KEY=OLD=NEW")

    async def script_base(self, port: int, *fields: str) -> str:
        """Where a script that is asked for with these fields finds everything."""
        target = f"/images/{ID}/ipxe-script?version={OPENSHIFT}"
        head = "\r\n".join((f"GET {target} HTTP/1.0", *fields, "", ""))
        answer = parsed(await exchange(port, head.encode()))
        self.assertEqual(answer.status, 200)
        line = answer.text.splitlines()[1]
        return line.removeprefix("initrd --name initrd ").partition("/images/")[0]

    async def test_ipxe_script_without_host(self) -> None:
        """Names the address of the connection, of IPv4 as such on a socket of IPv6, too."""
        self.assertEqual(await self.script_base(self.port), f"http://127.0.0.1:{self.port}")
        port = listen(self, make_site(self.application), interface="::")
        self.assertEqual(await self.script_base(port), f"http://127.0.0.1:{port}")

    async def test_ipxe_script_behind_proxies(self) -> None:
        """Has the scheme by which a trusted proxy was asked; nobody else's word counts."""
        fields = ("Host: images.example", "X-Forwarded-Proto: https")
        self.assertEqual(await self.script_base(self.port, *fields), "http://images.example")
        trusted = replace(
            self.application, trusted_proxies=TrustedProxies([network("127.0.0.0/8")])
        )
        port = listen(self, make_site(trusted))
        self.assertEqual(await self.script_base(port, *fields), "https://images.example")
        self.assertEqual(await self.script_base(port, fields[0]), "http://images.example")

    async def test_ipxe_script_for_a_host_of_ill_will(self) -> None:
        answer = await self.get(f"/images/{ID}/ipxe-script?version={OPENSHIFT}", {"Host": "a$x"})
        self.assertEqual(
            (answer.status, answer.text), (400, "the Host header is no host name or address\n")
        )

    async def test_ipxe_script_with_an_argument_that_it_would_expand(self) -> None:
        self.infra_envs.answer = Configuration(b"{}", kernel_arguments=appended("a=${net0/ip}"))
        await self.assert_problem(
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}", 422, "which iPXE would expand"
        )

    async def test_ipxe_script_with_an_argument_that_would_end_the_command(self) -> None:
        """As a token of its own; within one they are characters like any other."""
        path = f"/images/{ID}/ipxe-script?version={OPENSHIFT}"
        for token in ("#", "#x", ";", "&&", "||"):
            for argument in (token, f"a=b {token}", f"{token} a", f"a {token} b"):
                self.infra_envs.answer = Configuration(
                    b"{}", kernel_arguments=appended("x=y", argument)
                )
                shown = f"a kernel argument has '{token}', at which iPXE would end the command"
                await self.assert_problem(path, 422, shown)
        for argument in ("a#b", "a;b", "a&&b", "a||", "&", "|", ";;", "$a", "a=b;c"):
            self.infra_envs.answer = Configuration(b"{}", kernel_arguments=appended(argument))
            self.assertIn(f" {argument}\nboot\n", (await self.get(path)).text)


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
