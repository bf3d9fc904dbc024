"""What becomes of a root file system that is open: signals, and what is left in it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol

from image_management.jobs.ssh.shell import BadRoot, Signal
from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.ssh.opened import ShellTestCase
from tests.image_management.jobs.ssh.roots import tree

SIGNS = {
    "touch /tmp/complete": Signal.COMPLETE,
    "touch /tmp/failed": Signal.FAILED,
    "touch /mnt/image/complete": Signal.COMPLETE,
    "touch /mnt/image/failed": Signal.FAILED,
    "mkdir /tmp/failed; touch /tmp/failed/file": Signal.FAILED,
    "ln -s /nowhere /tmp/complete": Signal.COMPLETE,
    "touch /tmp/complete /tmp/failed": Signal.FAILED,
    "touch /mnt/image/complete /tmp/failed": Signal.FAILED,
    "mkdir /var/tmp; mv /tmp /tmp.old; ln -s var/tmp /tmp; touch /tmp/complete": Signal.COMPLETE,
}


class Signals(ShellTestCase):
    async def test_by_a_file(self) -> None:
        for command, signal in SIGNS.items():
            await self.open()
            signalled = self.shell.signalled()
            self.reactor.clock.advance(2)
            self.assertNoResult(signalled)
            await self.said(command)
            self.reactor.clock.advance(2)
            self.assertEqual(self.successResultOf(signalled), signal, command)
            await self.soon(self.shell.close())
            await self.shell.clean()
            self.assertEqual([path for path in tree(self.root) if "complete" in path], [])
            self.assertEqual([path for path in tree(self.root) if "failed" in path], [])

    async def test_a_link_out_of_the_root_leads_to_nothing_outside(self) -> None:
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "complete").touch()
        (self.root / "tmp").symlink_to(outside)
        await self.open()
        self.reactor.clock.advance(2)
        self.assertNoResult(self.shell.signalled())
        await self.soon(self.shell.close())
        await self.shell.clean()
        self.assertTrue((outside / "complete").exists())

    async def test_by_the_verb(self) -> None:
        await self.open()
        one, other, given_up = (self.shell.signalled() for _ in range(3))
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        self.shell.signal(Signal.FAILED)
        self.shell.signal(Signal.COMPLETE)
        for signalled in (one, other, self.shell.signalled()):
            self.assertEqual(self.successResultOf(signalled), Signal.FAILED)

    async def test_there_are_no_new_sessions_then(self) -> None:
        port = (await self.open()).port
        client = self.begin("sandbox", "trap 'sleep 1; echo bye; exit 3' HUP; echo; cat")
        await self.until(lambda: client.output)
        closing = await self.begin_to_close()
        self.assertEqual((await client.done, client.output), (3, b"\nbye\n"))
        await self.soon(closing)
        endpoint = TCP4ClientEndpoint(trial_reactor(), "127.0.0.1", port)
        with self.assertRaises(ConnectError):
            await connectProtocol(endpoint, Protocol())


class Traces(ShellTestCase):
    async def opened_and_closed(self, command: str = "true") -> dict[str, tuple[int, str]]:
        await self.open(dkms=True)
        await self.said(command)
        await self.soon(self.shell.close())
        await self.shell.clean()
        return tree(self.root)

    async def test_nothing_is_left(self) -> None:
        before = tree(self.root)
        self.assertEqual(await self.opened_and_closed("touch /mnt/image/x /run/x /dev/x"), before)
        self.assertFalse((self.folder / "notes").exists())

    async def test_what_was_there_stays(self) -> None:
        for path in ("etc/resolv.conf", "run/file", "mnt/image/file", "tmp/file"):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(path)
        before = tree(self.root)
        after = await self.opened_and_closed("cat /mnt/image/image-root/etc/passwd")
        self.assertEqual(after, before)

    async def test_a_link_that_was_resolv_conf(self) -> None:
        (self.root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        before = tree(self.root)
        self.assertEqual(await self.opened_and_closed(), before)

    async def test_a_resolv_conf_that_is_made_stays(self) -> None:
        (self.root / "etc/resolv.conf").write_text("before")
        before = tree(self.root)
        after = await self.opened_and_closed("rm /etc/resolv.conf; echo new > /etc/resolv.conf")
        changed = {path for path in after if after[path] != before.get(path)}
        self.assertEqual(changed, {"etc/resolv.conf"})
        self.assertEqual((self.root / "etc/resolv.conf").read_text(), "new\n")

    async def test_after_a_restart(self) -> None:
        (self.root / "etc/resolv.conf").write_text("before")
        before = tree(self.root)
        await self.open()
        await self.soon(self.shell.close())
        self.assertEqual(await self.opened_and_closed(), before)

    async def test_links_are_not_followed(self) -> None:
        outside = self.folder / "outside"
        outside.mkdir()
        (outside / "image").mkdir()
        (outside / "image/complete").touch()
        command = f"rm -r /mnt/image; ln -s {outside}/image /mnt/image; rm -r /tmp; ln -s / /tmp"
        after = await self.opened_and_closed(command)
        self.assertNotIn("mnt/image", after)
        self.assertTrue((outside / "image/complete").exists())

    async def test_what_is_no_directory_to_mount_upon(self) -> None:
        (self.root / "run").symlink_to("../outside")
        with self.assertRaisesRegex(BadRoot, "/run of the image is no directory"):
            await self.open()
        self.assertFalse((self.folder / "outside").exists())
        (self.root / "run").unlink()
        await self.open()
