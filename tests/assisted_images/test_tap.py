"""The whole service: put together in this process, and as C{twistd assisted-images}."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

import treq
from twisted.application.service import Application, IService
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import ILogObserver
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent

from assisted_images import __version__
from assisted_images.settings.options import Options
from assisted_images.tap import makeService
from httpd.listening.listeners import Listener
from httpd.logs.events import JsonLogObserver
from httpd.outbound.trust import tls_policy
from tests.certificates import identity

reactor: Any = _reactor

ROOT = Path(__file__).parents[2]
INFRA_ENV = "cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55"

TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
"""What the script C{twistd} does."""


class ServiceTestCase(TestCase):
    """Settings of a service whose one image cannot be had."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        infra_env = self.directory / "infra-envs" / INFRA_ENV
        infra_env.mkdir(parents=True)
        (infra_env / "discovery.ign").write_text("{}")
        entry = {
            "openshift_version": "4.18",
            "cpu_architecture": "x86_64",
            "url": "http://127.0.0.1:1/nothing.iso",
            "version": "418.94.1-0",
        }
        self.environment = {
            "DATA_DIR": str(self.directory / "data"),
            "INFRA_ENVS_DIR": str(self.directory / "infra-envs"),
            "IMAGE_SERVICE_BASE_URL": "http://images.example.com",
            "OS_IMAGES": json.dumps([entry]),
            "LISTEN_PORT": "0",
        }


class MakeServiceTests(ServiceTestCase):
    """The parts, put together on this process's reactor."""

    def service(self, **environment: str) -> Any:
        options = Options(self.environment | environment)
        options.parseOptions([])
        return makeService(options, reactor)

    def started(self, **environment: str) -> list[Listener]:
        service = self.service(**environment)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return [part for part in service if isinstance(part, Listener)]

    async def get(self, scheme: str, listener: Listener, path: str) -> tuple[int, str]:
        agent = Agent(reactor, tls_policy(verify=False))
        url = f"{scheme}://127.0.0.1:{listener.port}{path}"
        response = await treq.get(url, agent=agent, persistent=False)
        return response.code, await response.text()

    async def test_serves_before_images_are_ready(self) -> None:
        (listener,) = self.started()
        self.assertEqual((await self.get("http", listener, "/live"))[0], 200)
        self.assertEqual((await self.get("http", listener, "/health"))[0], 503)
        code, text = await self.get("http", listener, f"/byid/{INFRA_ENV}/4.18/x86_64/full.iso")
        self.assertEqual(code, 503)
        self.assertIn("418.94.1-0", text)

    async def test_two_listeners(self) -> None:
        """Beside TLS, plain HTTP serves what boots, unless told to serve all."""
        key, certificate = identity("images.example.com").write(self.directory)
        files = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        path = f"/byid/{INFRA_ENV}/4.18/x86_64/full.iso"
        for serves, code in (("boot", 404), ("all", 503)):
            secure, plain = self.started(HTTP_LISTEN_PORT="0", HTTP_SERVES=serves, **files)
            self.assertEqual((await self.get("https", secure, "/live"))[0], 200)
            self.assertEqual((await self.get("http", plain, "/live"))[0], 200)
            self.assertEqual((await self.get("https", secure, path))[0], 503)
            self.assertEqual((await self.get("http", plain, path))[0], code)

    async def test_plain_listener_says_where_isos_are(self) -> None:
        """As hosts see the service, where that is known; else by the port."""
        key, certificate = identity("images.example.com").write(self.directory)
        files = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        for base_url, place in (
            ("https://images.example.com/x", "https://images.example.com/x"),
            ("http://images.example.com", "the port with TLS"),
        ):
            _, plain = self.started(HTTP_LISTEN_PORT="0", IMAGE_SERVICE_BASE_URL=base_url, **files)
            code, text = await self.get("http", plain, f"/byid/{INFRA_ENV}/4.18/x86_64/full.iso")
            self.assertEqual(code, 404)
            self.assertIn(f"over HTTPS, at {place} ", text)

    async def test_tls_listener_alone(self) -> None:
        key, certificate = identity("images.example.com").write(self.directory)
        (secure,) = self.started(HTTPS_KEY_FILE=str(key), HTTPS_CERT_FILE=str(certificate))
        self.assertEqual((await self.get("https", secure, "/live"))[0], 200)

    async def test_plain_port_instead_of_the_other(self) -> None:
        """Without certificate HTTP_LISTEN_PORT is the one port, and everything is served there."""
        taken = socket.create_server(("", 0))
        self.addCleanup(taken.close)
        port = str(taken.getsockname()[1])
        (listener,) = self.started(LISTEN_PORT=port, HTTP_LISTEN_PORT="0")
        path = f"/byid/{INFRA_ENV}/4.18/x86_64/full.iso"
        self.assertEqual((await self.get("http", listener, path))[0], 503)

    async def test_assisted_service(self) -> None:
        """With assisted-service there is no iPXE script (docs/reference/http-api.md, "Routes")."""
        (listener,) = self.started(INFRA_ENVS_DIR="", ASSISTED_SERVICE_HOST="127.0.0.1:1")
        path = f"/images/{INFRA_ENV}/ipxe-script?version=4.18&arch=x86_64"
        self.assertEqual((await self.get("http", listener, path))[0], 404)

    def test_log_of_the_application_is_json(self) -> None:
        application: Any = Application("assisted-images")
        self.service().setServiceParent(application)
        self.assertIsInstance(application.getComponent(ILogObserver), JsonLogObserver)

    def test_log_by_twistd_s_own_options(self) -> None:
        """C{--logger} and C{--syslog} mean what they mean for every twistd plugin."""
        for chosen in ({"logger": object()}, {"syslog": True}):
            options = Options(self.environment)
            options.parseOptions([])
            options.parent = chosen  # type: ignore[assignment]
            application: Any = Application("assisted-images")
            makeService(options, reactor).setServiceParent(application)
            self.assertIsNone(application.getComponent(ILogObserver, None))

    def test_is_a_service(self) -> None:
        self.assertTrue(IService.providedBy(self.service()))


class Run(ProcessProtocol):
    """A running twistd, by the lines that it writes."""

    def __init__(self) -> None:
        self.output = b""
        self.errors = b""
        self.listening: Deferred[dict[str, Any]] = Deferred()
        self.ended: Deferred[int | None] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data
        for line in self.output.split(b"\n")[:-1]:
            event = json.loads(line)
            if "listening" in event and not self.listening.called:
                self.listening.callback(event)

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def kill(self, process: IProcessTransport) -> Deferred[int | None]:
        """Make sure that it has ended; fires when it has."""
        if not self.ended.called:
            process.signalProcess("KILL")
        return self.ended

    def processEnded(self, reason: Failure) -> None:
        if not self.listening.called:
            self.listening.errback(reason)
        error = reason.value
        self.ended.callback(error.signal if isinstance(error, ProcessTerminated) else 0)


class TwistdTests(ServiceTestCase):
    """Real processes, in the repository's root."""

    def arguments(self, *options: str, twistd: tuple[str, ...] = ()) -> list[str]:
        return ["-c", TWISTD, "--nodaemon", "--pidfile=", *twistd, "assisted-images", *options]

    def variables(self, **environment: str) -> dict[str, str]:
        paths = [str(ROOT / "src"), str(ROOT), *sys.path]
        return (
            {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)}
            | self.environment
            | environment
        )

    async def outcome(self, *options: str, **environment: str) -> tuple[str, str, int]:
        """Standard output, standard error and exit status of a start that fails."""
        output, errors, status = await getProcessOutputAndValue(
            sys.executable,
            self.arguments(*options),
            self.variables(**environment),
            str(ROOT),
            reactor,
        )
        return output.decode(), errors.decode(), status

    async def test_wrong_settings(self) -> None:
        output, errors, status = await self.outcome(
            "--workers=0", DATA_DIR="", HTTP_SERVES="some", LISTEN_PORT="70000"
        )
        self.assertEqual((status, errors), (1, ""))
        told = output.partition("4 settings are wrong:\n")[2].splitlines()
        names = [line.partition(":")[0] for line in told]
        self.assertEqual(names, ["  DATA_DIR", "  LISTEN_PORT", "  HTTP_SERVES", "  WORKERS"])
        self.assertNotIn("--allowed-domains", output, "the help would bury what is wrong")

    async def test_bad_certificate(self) -> None:
        key, certificate = identity("images.example.com").write(self.directory)
        key.write_bytes(identity("other").key_pem())
        output, errors, status = await self.outcome(
            HTTPS_KEY_FILE=str(key), HTTPS_CERT_FILE=str(certificate)
        )
        self.assertEqual((status, errors), (1, ""))
        self.assertIn("  HTTPS_KEY_FILE, HTTPS_CERT_FILE: the first certificate in", output)
        self.assertNotIn("Traceback", output)

    async def test_busy_port(self) -> None:
        taken = socket.create_server(("", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        output, errors, status = await self.outcome(f"--listen-port={port}")
        self.assertEqual((status, errors), (1, ""))
        lines = [json.loads(line) for line in output.splitlines()]
        (fatal,) = (line for line in lines if line["level"] == "critical")
        self.assertEqual(fatal["message"], f"cannot listen on port {port}: Address already in use")
        self.assertNotIn("Traceback", output)

    async def test_version(self) -> None:
        """Our own, whatever settings are wrong; Twisted's is C{twistd --version}."""
        expected = (f"assisted-images {__version__}\n", "", 0)
        self.assertEqual(await self.outcome("--version", LISTEN_PORT="x"), expected)
        for command in (["--version"], ["inspect-release", "--version"]):
            output, errors, status = await getProcessOutputAndValue(
                sys.executable,
                ["-c", "from assisted_images.command_line import main; main()", *command],
                self.variables(),
                str(ROOT),
                reactor,
            )
            self.assertEqual((output.decode(), errors.decode(), status), expected)

    async def test_help(self) -> None:
        output, errors, status = await self.outcome("--help")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("--listen-port=", output)
        self.assertIn("[default: 8080]", " ".join(output.split()))

    async def test_run(self) -> None:
        """It says where it listens, in JSON from the first line on, and ends when told to."""
        run = Run()
        process = reactor.spawnProcess(
            run, sys.executable, [sys.executable, *self.arguments()], self.variables(), str(ROOT)
        )
        self.addCleanup(run.kill, process)
        event = await run.listening
        self.assertEqual(event["scheme"], "http")
        response = await treq.get(
            f"http://127.0.0.1:{event['port']}/nothing",
            agent=Agent(reactor),
            persistent=False,
        )
        self.assertEqual(response.code, 404)
        await response.text()
        if sys.platform == "linux":
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            self.assertEqual(soft, min(hard, 1 << 20))
        process.signalProcess("TERM")
        self.assertEqual(await run.ended, 0)
        self.assertEqual(run.errors, b"")
        messages = [json.loads(line)["message"] for line in run.output.splitlines()]
        self.assertEqual(messages[0], f"assisted-images {__version__}")
        self.assertTrue(messages[1].startswith("twistd "), messages[1])
        asked = [text for text in messages if text.startswith("GET /nothing 404 ")]
        self.assertEqual(len(asked), 1, messages)
        self.assertIn("Server Shut Down.", messages)

    async def test_log_file(self) -> None:
        """C{twistd --logfile} is honoured, with the same lines."""
        file = self.directory / "log"
        taken = socket.create_server(("", 0))
        self.addCleanup(taken.close)
        output, errors, status = await getProcessOutputAndValue(
            sys.executable,
            self.arguments(
                f"--listen-port={taken.getsockname()[1]}", twistd=(f"--logfile={file}",)
            ),
            self.variables(),
            str(ROOT),
            reactor,
        )
        self.assertEqual((output, errors, status), (b"", b"", 1))
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(lines[-1]["level"], "critical")
