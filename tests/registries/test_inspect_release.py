"""C{assisted-images inspect-release} as a process, asking real registries."""

from __future__ import annotations

import json
import os
import pty
import termios

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from tests.httpd.outbound.servers import trial_reactor
from tests.registries.case import SOURCE, RegistryTestCase, pull_secret, registries_conf, release_at
from tests.registries.payload import IMAGES, RELEASE, RHCOS_VERSION, build_payload
from tests.registries.registry import PASSWORD, Registry
from tests.running import base_environment, console_script


class InspectReleaseTests(RegistryTestCase):
    """What is shown, by which exit status, and how failures read."""

    async def run_command(self, *arguments: str, **environment: str) -> tuple[str, str, int]:
        """Output, errors and exit status."""
        executable, *others = console_script("assisted-images", *arguments)
        output, errors, status = await getProcessOutputAndValue(
            executable, others, base_environment() | environment
        )
        for text in (output, errors):
            self.assertNotIn(PASSWORD, text.decode())
            self.assertNotIn("Traceback", text.decode())
        return output.decode(), errors.decode(), status

    async def refusal(self, status: int, /, *arguments: str, **environment: str) -> str:
        """The one sentence of a failure."""
        output, errors, found = await self.run_command(*arguments, **environment)
        self.assertEqual((output, found), ("", status), errors)
        self.assertTrue(errors.startswith("assisted-images: "), errors)
        return errors.removeprefix("assisted-images: ")

    def conf(self, registry: str) -> dict[str, str]:
        """The settings for a payload whose source is mirrored in C{registry}."""
        file = self.directory() / "registries.conf"
        file.write_text(registries_conf(SOURCE, registry, blocked=True))
        return {"REGISTRIES_CONF": str(file)}

    async def filled(self) -> Registry:
        registry = await self.registry()
        self.payload = await self.small_payload(SOURCE, registry)
        return registry

    async def test_json(self) -> None:
        registry = await self.filled()
        output, errors, status = await self.run_command(
            "inspect-release", "--json", str(release_at(SOURCE)), **self.conf(registry.host)
        )
        self.assertEqual((errors, status), ("", 0))
        images = f"{SOURCE}/{IMAGES}@{self.payload.images['digest']}"
        self.assertEqual(
            json.loads(output),
            {
                "pull_spec": str(release_at(SOURCE)),
                "images": [
                    {
                        "arch": architecture.value,
                        "release_version": RELEASE,
                        "machine_os_images": images,
                        "found_at": f"{registry.host}/{IMAGES}",
                        "iso": f"coreos/coreos-{architecture.machine}.iso",
                        "size": iso.stat().st_size,
                        "rhcos_version": RHCOS_VERSION,
                    }
                    for architecture, iso in self.payload.isos.items()
                ],
            },
        )

    async def test_text(self) -> None:
        """An option has the name of the service's variable."""
        registry = await self.filled()
        conf = self.conf(registry.host)["REGISTRIES_CONF"]
        output, errors, status = await self.run_command(
            "inspect-release", f"--registries-conf={conf}", str(release_at(SOURCE))
        )
        self.assertEqual((errors, status), ("", 0))
        lines = output.splitlines()
        self.assertEqual([line for line in lines if line[0] != " "], ["x86_64", "arm64"])
        self.assertIn(f"  RHCOS              {RHCOS_VERSION}", lines)
        self.assertRegex(output, r"  size               \d+ bytes \([\d.]+ MiB\)\n")

    async def test_an_iso_is_not_read_to_its_end(self) -> None:
        """The layer with the ISO is left once the volume id has come."""
        registry = await self.registry()
        large = self.directory() / "large.iso"
        small = await self.small_payload(SOURCE)
        large.write_bytes(next(iter(small.isos.values())).read_bytes())
        with large.open("ab") as file:
            for _ in range(32):
                file.write(os.urandom(1 << 20))
        payload = build_payload(
            self.directory() / "layout", SOURCE, dict.fromkeys(small.isos, large)
        )
        await payload.push(registry)
        output, errors, status = await self.run_command(
            "inspect-release", "--json", str(release_at(SOURCE)), **self.conf(registry.host)
        )
        self.assertEqual((errors, status), ("", 0))
        sizes = [image["size"] for image in json.loads(output)["images"]]
        self.assertEqual(sizes, [large.stat().st_size] * 2)
        await registry.kill()
        self.assertLess(sum(one.bytes for one in registry.accesses), 32 << 20)

    async def test_login(self) -> None:
        key, bundle = self.certificate()
        registry = await self.registry(tls=key, htpasswd=True)
        await self.small_payload(registry.host, registry)
        spec, secret = str(release_at(registry.host)), pull_secret(registry.host)
        trusted = {"REGISTRY_TRUSTED_CA_FILE": str(bundle)}
        output, errors, status = await self.run_command(
            "inspect-release", spec, PULL_SECRET=secret, **trusted
        )
        self.assertEqual((errors, status), ("", 0))
        self.assertIn(f"found at           {registry.host}/{IMAGES}", output)
        file = self.directory() / "pull-secret.json"
        file.write_text(secret)
        again, _, status = await self.run_command(
            "inspect-release", f"--pull-secret-file={file}", spec, **trusted
        )
        self.assertEqual((again, status), (output, 0))

    async def test_no_login(self) -> None:
        key, bundle = self.certificate()
        registry = await self.registry(tls=key, htpasswd=True)
        told = await self.refusal(
            1,
            "inspect-release",
            str(release_at(registry.host)),
            REGISTRY_TRUSTED_CA_FILE=str(bundle),
        )
        self.assertIn(registry.host, told)
        self.assertIn("wants a login for ocp/release, and the pull secret has no", told)
        self.assertEqual(told.count("\n"), 1)

    async def test_nobody_there(self) -> None:
        registry = await self.registry()
        await registry.kill()
        told = await self.refusal(
            1, "inspect-release", str(release_at(SOURCE)), **self.conf(registry.host)
        )
        self.assertIn(str(release_at(SOURCE)), told)
        self.assertEqual(told.count("\n"), 1)

    async def test_one_architecture_of_two(self) -> None:
        """What is there is shown, and what is not is told."""
        registry = await self.filled()
        (architecture, layers) = list(self.payload.layers.items())[-1]
        digest = layers[1].descriptor["digest"]
        registry.blob(str(digest)).unlink()
        output, errors, status = await self.run_command(
            "inspect-release", "--json", str(release_at(SOURCE)), **self.conf(registry.host)
        )
        self.assertEqual(status, 1)
        self.assertEqual([image["arch"] for image in json.loads(output)["images"]], ["x86_64"])
        self.assertTrue(errors.startswith(f"assisted-images: {architecture}: "), errors)
        self.assertIn(str(digest), errors)

    async def test_bad_usage(self) -> None:
        """Exit status 2, before any registry is asked."""
        for arguments, environment, expected in (
            ([], {}, "no command; expected: assisted-images serve|"),
            (["look"], {}, "Unknown command: look"),
            (
                ["inspect-release"],
                {},
                "0 arguments behind the options; expected one pull spec, such",
            ),
            (
                ["inspect-release", "a.b/c", "a.b/d"],
                {},
                "2 arguments behind the options; expected one pull spec",
            ),
            (["inspect-release", "--data-dir=/x", "a.b/c"], {}, "option --data-dir not recognized"),
            (["inspect-release", "ocp-release:4.14.0"], {}, "does not begin with a registry"),
            (
                ["inspect-release", "--registries-conf=/nowhere", "a.b/c"],
                {"PULL_SECRET": PASSWORD},
                "wrong settings:\n  PULL_SECRET: not a pull secret: ",
            ),
        ):
            told = await self.refusal(2, *arguments, **environment)
            self.assertIn(expected, told)
            self.assertIn("Help: assisted-images --help\n", told)

    async def test_help(self) -> None:
        output, _, status = await self.run_command("inspect-release", "--help")
        self.assertEqual(status, 0)
        for option in ("--pull-secret-file=", "--registries-conf=", "--https-proxy=", "--json"):
            self.assertIn(option, output)

    async def test_progress_bar(self) -> None:
        """On a terminal, and taken away at the end."""
        registry = await self.filled()
        watched = _Watched()
        executable, *others = console_script(
            "assisted-images", "inspect-release", str(release_at(SOURCE))
        )
        leader, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 80))
        try:
            environment = base_environment() | self.conf(registry.host)
            trial_reactor().spawnProcess(
                watched,
                executable,
                [executable, *others],
                environment,
                childFDs={0: "w", 1: "r", 2: terminal},
            )
            ended = await watched.ended
            shown = _read_all(leader)
        finally:
            os.close(terminal)
            os.close(leader)
        self.assertIsInstance(ended, ProcessDone)
        self.assertRegex(shown, rb"\rrelease image: .*B/s\]\r")
        self.assertTrue(shown.endswith(b"\r"), shown)
        self.assertIn(RHCOS_VERSION.encode(), watched.output)


class _Watched(ProcessProtocol):
    """Fires when the process has ended."""

    def __init__(self) -> None:
        self.output = b""
        self.ended: Deferred[BaseException | None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(reason.value)


def _read_all(descriptor: int) -> bytes:
    """What was written to a terminal, without waiting for more."""
    os.set_blocking(descriptor, False)
    whole = b""
    try:
        while piece := os.read(descriptor, 1 << 16):
            whole += piece
    except OSError:
        return whole
    return whole
