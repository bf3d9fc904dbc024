"""The client of assisted-service against a real server on loopback."""

from __future__ import annotations

import gzip
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock

from assisted_images.infra_envs.assisted_service import AssistedService
from assisted_images.infra_envs.configurations import (
    LARGEST_PART,
    ConfigurationRequest,
    Credential,
    CredentialKind,
    InfraEnvError,
)
from assisted_images.values import Configuration, ImageType
from httpd.outbound.proxies import Proxies
from tests.assisted_images.infra_envs.test_configurations import infra_env
from tests.assisted_images.kernel_arguments import appended
from tests.httpd.outbound.servers import (
    Answer,
    Received,
    Server,
    ServerTestCase,
    always,
    next_turn,
    response,
)

ID = "0ab1c2d3-0000-4000-8000-00000000000f"
ROOT = f"/api/assisted-install/v2/infra-envs/{ID}"
DATE = "Fri, 02 Jan 1970 00:00:00 GMT"
SECRET = "swordfish"
ARGUMENTS = infra_env([{"operation": "append", "value": "p1"}])


def service(**replaced: bytes) -> Answer:
    """Answers as assisted-service does, but for the calls that are replaced by others."""
    answers = {
        "files": response(body=b"IGNITION", Last_Modified=DATE),
        "minimal-initrd": response(body=b"RAMDISK"),
        ID: response(body=ARGUMENTS),
    } | {name.replace("_", "-").replace("infra-env", ID): raw for name, raw in replaced.items()}

    def answer(received: Received, transport: ITCPTransport) -> None:
        transport.write(answers[received.path.rpartition("/")[2]])

    return answer


def silence(received: Received, transport: ITCPTransport) -> None:
    """Never answer."""


class AssistedServiceTests(ServerTestCase):
    """The three calls (docs/reference/http-api.md, "What is asked of assisted-service")."""

    async def refusal(
        self, client: AssistedService, request: ConfigurationRequest
    ) -> InfraEnvError:
        try:
            await client.configuration(request)
        except InfraEnvError as error:
            await next_turn()
            return error
        raise AssertionError("no error")

    def start(self, answer: Answer) -> tuple[Server, AssistedService]:
        self.clock = Clock()
        self.observed: list[tuple[str, str]] = []
        server = self.serve(answer)
        agent, self.responses = self.noticing(self.agent())
        client = AssistedService(
            agent,
            server.url,
            self.clock,
            60,
            lambda call, outcome, seconds: self.observed.append((call, outcome)),
        )
        return server, client

    async def test_minimal(self) -> None:
        """A minimal ISO takes all three."""
        server, client = self.start(service())
        configuration = await client.configuration(ConfigurationRequest(ID, ImageType.MINIMAL))
        expected = Configuration(b"IGNITION", b"RAMDISK", appended("p1"), 86400.0)
        self.assertEqual(configuration, expected)
        self.assertEqual({received.method for received in server.requests}, {"GET"})
        self.assertEqual(
            {received.target for received in server.requests},
            {
                f"{ROOT}/downloads/files?file_name=discovery.ign&discovery_iso_type=minimal-iso",
                f"{ROOT}/downloads/minimal-initrd",
                ROOT,
            },
        )
        self.assertEqual(
            sorted(self.observed),
            [("discovery.ign", "200"), ("infra-env", "200"), ("minimal-initrd", "200")],
        )

    async def test_full(self) -> None:
        """A full ISO takes no static network files."""
        server, client = self.start(service())
        configuration = await client.configuration(ConfigurationRequest(ID, ImageType.FULL))
        self.assertEqual(configuration, Configuration(b"IGNITION", b"", appended("p1"), 86400.0))
        self.assertEqual(len(server.requests), 2)

    async def test_initrd(self) -> None:
        """The initrd routes ask for no type and no kernel arguments."""
        server, client = self.start(service())
        configuration = await client.configuration(ConfigurationRequest(ID, None))
        self.assertEqual(configuration, Configuration(b"IGNITION", b"RAMDISK", (), 86400.0))
        self.assertEqual(
            {received.target for received in server.requests},
            {
                f"{ROOT}/downloads/files?file_name=discovery.ign",
                f"{ROOT}/downloads/minimal-initrd",
            },
        )

    async def test_no_static_network(self) -> None:
        """204 and an empty 200 both say that there is none."""
        for empty in [b"HTTP/1.1 204 No Content\r\n\r\n", response()]:
            _, client = self.start(service(minimal_initrd=empty))
            configuration = await client.configuration(ConfigurationRequest(ID, None))
            self.assertEqual(configuration.ramdisk, b"")

    async def test_no_date(self) -> None:
        """One that cannot be read is none (RFC 9110, section 8.8.2), and the config is whole."""
        year = "Fri, 02 Jan 99999 00:00:00 GMT"
        unreadable = (year, "yesterday", "", "Fri, 02 Jan 1970", "9" * 5000)
        beyond = ("Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 02 Jan 1970 00:00:00 +9999999")
        answers = [response(body=b"I", Last_Modified=date) for date in (*unreadable, *beyond)]
        for answer in [response(body=b"I"), *answers]:
            _, client = self.start(service(files=answer))
            configuration = await client.configuration(ConfigurationRequest(ID, None))
            self.assertIsNone(configuration.last_modified)

    async def test_credentials(self) -> None:
        """Each kind goes where assisted-service looks for it, on every call, and nowhere else."""
        for kind, header in [
            (CredentialKind.NONE, None),
            (CredentialKind.API_KEY, None),
            (CredentialKind.IMAGE_TOKEN, "image-token"),
            (CredentialKind.AUTHORIZATION, "authorization"),
        ]:
            server, client = self.start(service())
            credential = Credential(kind, f"{SECRET} &+")
            await client.configuration(ConfigurationRequest(ID, ImageType.MINIMAL, credential))
            self.assertEqual(len(server.requests), 3)
            for received in server.requests:
                for name in ["image-token", "authorization"]:
                    expected = f"{SECRET} &+" if name == header else None
                    self.assertEqual(received.headers.get(name), expected)
                in_query = [f"{SECRET} &+"] if kind is CredentialKind.API_KEY else None
                self.assertEqual(received.query.get("api_key"), in_query)

    async def test_cookies_are_not_kept(self) -> None:
        """What one user is given must not be sent for another."""
        server, client = self.start(
            service(files=response(body=b"I", Set_Cookie="session=1; Path=/"))
        )
        for _ in range(2):
            await client.configuration(ConfigurationRequest(ID, ImageType.FULL))
        self.assertEqual([r.headers.get("cookie") for r in server.requests], [None] * 4)

    async def test_side_by_side(self) -> None:
        """All calls are on their way before the first is answered."""
        server, client = self.start(silence)
        running = Deferred.fromCoroutine(
            client.configuration(ConfigurationRequest(ID, ImageType.MINIMAL))
        )
        for _ in range(3):
            await server.arrivals.get()
        running.cancel()
        await self.assertFailure(running, CancelledError)

    async def test_cancelling(self) -> None:
        """A client that leaves ends all calls."""
        server, client = self.start(silence)
        running = Deferred.fromCoroutine(
            client.configuration(ConfigurationRequest(ID, ImageType.FULL))
        )
        for _ in range(2):
            await server.arrivals.get()
        running.cancel()
        await self.assertFailure(running, CancelledError)
        await server.all_connections_lost()
        self.assertEqual(
            sorted(self.observed), [("discovery.ign", "cancelled"), ("infra-env", "cancelled")]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_cancelling_in_a_body(self) -> None:
        server, client = self.start(always(response(body=b"half", length=8)))
        running = Deferred.fromCoroutine(client.configuration(ConfigurationRequest(ID, None)))
        for _ in range(2):
            await self.responses.get()
        running.cancel()
        await self.assertFailure(running, CancelledError)
        await server.all_connections_lost()

    async def test_refusals(self) -> None:
        """Its own 4xx and 5xx are passed on, its text is not; anything unexpected is a 502."""
        server, client = self.start(service())
        for status, expected in [(401, 401), (404, 404), (503, 503), (302, 502), (204, 502)]:
            refusal = response(f"{status} X", SECRET.encode() if status != 204 else b"")
            server.answer = service(files=refusal)
            error = await self.refusal(client, ConfigurationRequest(ID, ImageType.FULL))
            self.assertEqual(error.status, expected)
            self.assertEqual(
                str(error),
                f"the Ignition config could not be had: assisted-service answered {status}",
            )

    async def test_which_call_failed(self) -> None:
        for name, words in [
            ("files", "the Ignition config"),
            ("minimal_initrd", "the static network files"),
            ("infra_env", "the kernel arguments"),
        ]:
            _, client = self.start(service(**{name: response("403 Forbidden")}))
            request = ConfigurationRequest(ID, ImageType.MINIMAL)
            text = await self.failure(client.configuration(request), InfraEnvError)
            self.assertEqual(text, f"{words} could not be had: assisted-service answered 403")

    async def test_first_failure_ends_the_others(self) -> None:
        def answer(received: Received, transport: ITCPTransport) -> None:
            if received.path.endswith("minimal-initrd"):
                transport.write(response("500 Oops"))

        server, client = self.start(answer)
        request = ConfigurationRequest(ID, ImageType.MINIMAL)
        await self.failure(client.configuration(request), InfraEnvError)
        await server.all_connections_lost()

    async def test_too_slow(self) -> None:
        """A call has its time, also when it dawdles in the body."""
        for answer in [silence, always(response(body=b"half", length=8))]:
            server, client = self.start(answer)
            running = Deferred.fromCoroutine(client.configuration(ConfigurationRequest(ID, None)))
            for _ in range(2):
                await (server.arrivals if answer is silence else self.responses).get()
            self.clock.advance(59)
            self.assertFalse(running.called)
            self.clock.advance(1)
            error: Any = await self.assertFailure(running, InfraEnvError)
            self.assertEqual(error.status, 504)
            self.assertEqual(
                str(error),
                "the Ignition config could not be had: assisted-service took longer than 60 s",
            )
            self.assertIn(("discovery.ign", "timeout"), self.observed)
            await server.all_connections_lost()

    async def test_unreachable(self) -> None:
        client = AssistedService(self.agent(), "http://127.0.0.1:1", Clock(), 60)
        error = await self.refusal(client, ConfigurationRequest(ID, None))
        self.assertEqual(error.status, 502)
        self.assertTrue(str(error).endswith("assisted-service: connection refused"))

    async def test_nested_too_deeply(self) -> None:
        deep = 1_000_000  # Python 3.14 goes on as long as there is stack
        for raw in (b'{"x": ' * 20_000, b'{"x": ' + b"[" * deep + b"]" * deep + b"}"):
            _, client = self.start(service(infra_env=response(body=raw)))
            error = await self.refusal(client, ConfigurationRequest(ID, ImageType.FULL))
            self.assertEqual(error.status, 502)

    async def test_broken_off(self) -> None:
        """A body that is shorter than it says is never taken for the whole, on any call."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        whole = gzip.compress(b"half")
        for raw in (
            response(body=b"half", length=8),
            response(length=8),
            *(chunked, chunked + b"4\r\nhalf\r\n", chunked + b"8\r\nhalf", chunked + b"x\r\nhalf"),
            *(
                response(body=body, Content_Encoding=coding)
                for body, coding in (
                    (whole[:-8], "gzip"),
                    (b"", "gzip"),
                    (b"half", "gzip"),
                    (whole, "identity, gzip"),
                )
            ),
        ):
            for broken in ("files", "minimal-initrd", ID):

                def answer(
                    received: Received,
                    transport: ITCPTransport,
                    broken: str = broken,
                    raw: bytes = raw,
                ) -> None:
                    is_broken = received.path.endswith(broken)
                    transport.write(raw if is_broken else response(body=ARGUMENTS))
                    if is_broken:
                        transport.loseConnection()

                _, client = self.start(answer)
                error = await self.refusal(client, ConfigurationRequest(ID, ImageType.MINIMAL))
                self.assertEqual(error.status, 502, (broken, raw))

    async def test_behind_a_proxy(self) -> None:
        """What fails names the proxy, and not who one is there."""
        for scheme in ("http", "https"):
            proxy = self.serve(always(response("503 Busy")))
            place = f"me:{SECRET}@127.0.0.1:{proxy.port}"
            for each in (place, f"me:{SECRET}@127.0.0.1:1"):
                agent = self.agent(None, Proxies.of(each, each))
                client = AssistedService(agent, f"{scheme}://a.example", Clock(), 60)
                error = await self.refusal(client, ConfigurationRequest(ID, None))
                self.assertIn(" by way of the proxy http://127.0.0.1:", str(error))
                self.assertNotIn(SECRET, str(error))

    async def test_ipv6(self) -> None:
        server = self.serve(service(), address="::1")
        client = AssistedService(self.agent(), server.url, Clock(), 60)
        configuration = await client.configuration(ConfigurationRequest(ID, ImageType.FULL))
        self.assertEqual(configuration.ignition, b"IGNITION")
        self.assertEqual(server.requests[0].headers["host"], f"[::1]:{server.port}")

    async def test_too_large(self) -> None:
        """Neither an announced nor an unannounced flood is read into memory."""
        announced = response(body=b"x", length=LARGEST_PART + 1)
        unannounced = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(LARGEST_PART + 1)
        for flood in [announced, unannounced]:
            _, client = self.start(service(files=flood))
            error = await self.refusal(client, ConfigurationRequest(ID, None))
            self.assertEqual(error.status, 502)
            self.assertIn(f"more than {LARGEST_PART} bytes", str(error))
            self.assertIn(("discovery.ign", "too-large"), self.observed)

    async def test_path_is_quoted(self) -> None:
        server, client = self.start(always(response("404 Not Found")))
        request = ConfigurationRequest("../x?y", None)
        await self.failure(client.configuration(request), InfraEnvError)
        for received in server.requests:
            self.assertIn("/infra-envs/..%2Fx%3Fy/", received.target)

    async def test_errors_hold_no_secret(self) -> None:
        for kind in CredentialKind:
            _, client = self.start(always(response("400 Bad")))
            request = ConfigurationRequest(ID, None, Credential(kind, SECRET))
            text = await self.failure(client.configuration(request), InfraEnvError)
            self.assertNotIn(SECRET, text)
