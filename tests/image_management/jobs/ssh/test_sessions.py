"""Sessions as OpenSSH's client has them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import struct
import sys
import termios
from functools import partial
from pathlib import Path
from typing import Any

from twisted.conch.client.knownhosts import KnownHostsFile
from twisted.conch.endpoints import SSHCommandClientEndpoint
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.httpd.outbound.servers import trial_reactor
from tests.image_management.jobs.ssh.opened import Ended, ShellTestCase

MUCH = 200
"""MiB."""

SERVICE = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from image_management.jobs.ssh.host_keys import load_host_keys
from image_management.jobs.ssh.shell import Place, open_shell

async def serve(root, notes, keys, folder):
    place = Place(Path(root), Path(notes), keys, {})
    shell = await open_shell(reactor, place, load_host_keys(Path(folder)), [0], "127.0.0.1")
    print(shell.port, flush=True)

Deferred.fromCoroutine(serve(*sys.argv[1:]))
reactor.run()
"""
"""A service of its own, which says where it listens."""

FOREVER = "echo ready; while sleep 0.1; do :; done"


class Commands(ShellTestCase):
    async def test_a_command_ends_with_its_status(self) -> None:
        await self.open()
        said = await self.ssh("echo out; echo err >&2; exit 7")
        self.assertEqual((said.status, said.output, said.errors), (7, "out\n", "err\n"))
        self.assertEqual((await self.ssh("kill -9 $$")).status, 128 + 9)

    async def test_what_configuration_management_asks_first(self) -> None:
        await self.open()
        self.assertEqual(await self.said("echo ~root && sleep 0"), "/root\n")

    async def test_the_environment(self) -> None:
        await self.open()
        said = await self.ssh("env", options=["-o", "SetEnv=LC_ALL=C LD_PRELOAD=/x.so"])
        lines = {line for line in said.output.splitlines() if not line.startswith("SHLVL=")}
        self.assertEqual(lines, {
            "HOME=/root", "PWD=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LC_ALL=C",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "IMS_JOB_ID=5a0b3c1e", "IMS_ARCH=x86_64",
        })  # fmt: skip

    async def test_the_shell_is_the_image_s(self) -> None:
        (self.root / "bin/odd").write_text('#!/bin/sh\necho "odd $@"\n')
        (self.root / "bin/odd").chmod(0o755)
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/nowhere:/bin/odd\n")
        await self.open()
        self.assertEqual(await self.said("some words"), "odd -c some words\n")
        self.assertEqual((await self.ssh()).output, "odd -l\n")

    async def test_a_command_that_no_process_can_have(self) -> None:
        await self.open()
        self.assertNotEqual((await self.ssh(": " + "x" * 120_000)).status, 0)
        await self.until(lambda: self.shell.sessions == 0)

    async def test_kernel_modules_need_sys(self) -> None:
        await self.open(dkms=True)
        self.assertIn("kernel", await self.said("ls /sys"))
        self.assertIn("Read-only", (await self.ssh("echo x > /sys/kernel/uevent_helper")).errors)

    async def test_names_are_resolved_as_the_host_does(self) -> None:
        await self.open()
        self.assertEqual(
            await self.said("cat /etc/resolv.conf"), Path("/etc/resolv.conf").read_text()
        )
        self.assertNotEqual((await self.ssh("echo x > /etc/resolv.conf")).status, 0)


class Shells(ShellTestCase):
    async def test_a_shell_reads_its_input(self) -> None:
        await self.open()
        said = await self.ssh(given=b"cd /etc\npwd\nexit 3\n")
        self.assertEqual((said.status, said.output), (3, "/etc\n"))

    async def test_a_shell_on_a_terminal(self) -> None:
        await self.open()
        client = self.begin("-t", "sandbox", terminal=True)
        await self.until(lambda: b"# " in client.output)
        client.transport.write(b"test -t 0 && echo $((6*7)) $TERM; exit 4\n")
        self.assertEqual(await client.done, 4)
        self.assertIn(b"42 vt100", client.output)

    async def test_a_window_that_changes(self) -> None:
        await self.open()
        command = f"trap 'stty size; exit' WINCH; {FOREVER}"
        client = self.begin("-t", "sandbox", command, terminal=True)
        await self.until(lambda: b"ready" in client.output)
        size = struct.pack("4H", 33, 101, 0, 0)
        fcntl.ioctl(client.transport.fileno(), termios.TIOCSWINSZ, size)
        self.assertEqual(await client.done, 0)
        self.assertIn(b"33 101", client.output)

    async def test_a_key_that_interrupts(self) -> None:
        await self.open()
        client = self.begin("-t", "sandbox", "echo ready; sleep 1000", terminal=True)
        await self.until(lambda: b"ready" in client.output)
        client.transport.write(b"\x03")
        self.assertEqual(await client.done, 128 + 2)

    async def test_a_signal(self) -> None:
        await self.open()
        connecting: Any = SSHCommandClientEndpoint.newConnection
        known = self.folder / "known"
        keys = (self.folder / "host").glob("*.pub")
        known.write_text("".join(f"127.0.0.1 {key.read_text()}" for key in keys))
        endpoint = connecting(
            trial_reactor(), f"trap 'exit 9' TERM; {FOREVER}".encode(),
            b"root", "127.0.0.1", self.shell.port, keys=[Key.fromFile(str(self.key))],
            knownHosts=KnownHostsFile.fromPath(FilePath(str(known))),
        )  # fmt: skip
        client: Any = await endpoint.connect(Factory.forProtocol(_Client))
        await self.until(lambda: client.received == b"ready\n")
        client.transport.conn.sendRequest(client.transport, b"signal", NS(b"TERM"))
        await self.until(lambda: client.reason is not None)
        self.assertEqual(client.reason.value.exitCode, 9)


class Amounts(ShellTestCase):
    async def test_much_goes_both_ways_and_little_is_kept(self) -> None:
        await self.open()
        sent, received = self.folder / "sent", self.folder / "received"
        block = os.urandom(1 << 20)
        with sent.open("wb") as file:
            for _ in range(MUCH):
                file.write(block)
        Path("/proc/self/clear_refs").write_text("5")
        before = _peak()
        copied = await self.program(
            "sh", "-c", 'exec "$@" < "$0"', str(sent),
            "ssh", *self.options(), "sandbox", "tee /root/copy | md5sum",
        )  # fmt: skip
        self.assertEqual((copied.status, copied.output.split()[0]), (0, _md5(sent)))
        copied = await self.program(
            "sh", "-c", 'exec "$@" > "$0"', str(received),
            "ssh", *self.options(), "sandbox", "cat /root/copy",
        )  # fmt: skip
        self.assertEqual((copied.status, _md5(received)), (0, _md5(sent)))
        self.assertLess(_peak() - before, 30 << 10)

    async def test_a_client_that_reads_nothing_holds_its_process(self) -> None:
        await self.open()
        writing = "while dd if=/dev/zero bs=65536 count=1 2>&-; do echo >> /root/written; done"
        client = self.begin("sandbox", writing)
        await self.until(lambda: client.output)
        client.transport.signalProcess("STOP")
        written = await self.settled(self.root / "root/written")
        self.assertLess(written - len(client.output) // 65536, 200)
        client.transport.signalProcess(signal.SIGCONT)
        await self.until(lambda: (self.root / "root/written").stat().st_size > written + 200)

    async def settled(self, path: Path) -> int:
        """The size of a file that does not grow any more."""
        sizes = [path.stat().st_size]
        while len(sizes) < 25 or sizes[-1] != sizes[-20]:
            await deferLater(trial_reactor(), 0.02)
            sizes.append(path.stat().st_size)
        return sizes[-1]

    async def test_a_process_that_reads_nothing_holds_its_client(self) -> None:
        await self.open()
        client = self.begin("sandbox", "echo ready; sleep 1000")
        await self.until(lambda: client.output)
        waiting = _Waiting()
        client.transport.registerProducer(waiting, True)
        taken, looks = 0, 0
        while looks < 25:
            if not waiting.is_held:
                client.transport.write(bytes(1 << 20))
                taken, looks = taken + 1, 0
            await deferLater(trial_reactor(), 0.02)
            looks += 1
        self.assertLess(taken, 8)


class Ends(ShellTestCase):
    async def test_a_session_whose_client_is_gone_is_told_so(self) -> None:
        await self.open()
        client = self.begin(
            "sandbox", "trap 'echo gone > /root/hup; exit' HUP; echo; while :; do sleep 0.1; done"
        )
        await self.until(lambda: client.output)
        self.assertEqual(self.shell.sessions, 1)
        self.assertIsNone(self.shell.idle_since)
        client.transport.signalProcess("KILL")
        await self.until(lambda: self.shell.sessions == 0)
        self.assertEqual((self.root / "root/hup").read_text(), "gone\n")

    async def test_a_session_that_will_not_end_is_ended(self) -> None:
        await self.open()
        client = self.begin("sandbox", f"trap '' HUP TERM; {FOREVER}")
        await self.until(lambda: client.output)
        closing = await self.begin_to_close()
        self.reactor.clock.advance(9)
        self.assertEqual(self.shell.sessions, 1)
        self.reactor.clock.advance(1)
        self.assertEqual(await client.done, 128 + 9)
        await self.soon(closing)
        self.assertEqual(self.shell.sessions, 0)

    async def test_what_is_started_in_a_session_ends_with_it(self) -> None:
        """Before the client is told that it has ended, however long the kernel takes to end it."""
        await self.open()
        large = "dd if=/dev/zero bs=300M count=1 | (head -c 1 > /root/large; sleep 1000)"
        await self.said(
            f"setsid sh -c '{large}' >&- 2>&- & until test -s /root/large; do sleep 0.05; done"
        )
        self.assertEqual(self.processes(), [])

    async def test_nothing_survives_the_service(self) -> None:
        await self.open()
        await self.soon(self.shell.close())
        place, command = self.place(), [sys.executable, "-c", SERVICE]
        arguments = [str(place.root), str(place.notes), place.authorized_keys]
        service = Ended()
        process = trial_reactor().spawnProcess(
            service, command[0], [*command, *arguments, str(self.folder / "host")], env=os.environ
        )
        await self.until(lambda: b"\n" in service.output)
        self.write_config(int(service.output))
        options = ["-o", "StrictHostKeyChecking=no"]
        clients = [
            self.begin(*options, "sandbox", f"trap '' HUP; {FOREVER}"),
            self.begin(*options, "-t", "sandbox", f"trap '' HUP; {FOREVER}", terminal=True),
        ]
        for client in clients:
            await self.until(partial(getattr, client, "output"))
        self.begin(*options, "-s", "sandbox", "sftp")
        await self.until(lambda: len(self.processes()) >= 5)
        process.signalProcess("KILL")
        await service.done
        await self.until(lambda: self.processes() == [])

    def processes(self) -> list[int]:
        """Those that have the root file system as theirs."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if (path / "root").samefile(self.root):
                    found.append(int(path.name))
            except OSError:
                continue
        return found


class _Waiting:
    """Does not write while it may not."""

    is_held = False

    def pauseProducing(self) -> None:
        self.is_held = True

    def resumeProducing(self) -> None:
        self.is_held = False

    def stopProducing(self) -> None:
        self.is_held = True


def _peak() -> int:
    """The most memory that this process has had since the peak was forgotten, in KiB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


class _Client(Protocol):
    received = b""
    reason: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason
