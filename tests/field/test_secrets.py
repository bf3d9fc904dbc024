"""What the service writes, in good days and bad, holds no secret of those who use it."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping

import jwt
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.threads import deferToThread

from demo.infra_env import write_infra_env
from demo.service import ServiceProcess
from tests.canaries import Canaries, canaries_of
from tests.certificates import identity
from tests.field import clients
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID, FieldTestCase
from tests.httpd.outbound.servers import Received, response

_BROKEN = (
    "GET {path} HTTP/1.1\r\nHost: a\r\nBad header {token}\r\n\r\n",
    "GET {path} {path} HTTP/1.1\r\n\r\n",
    "GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n",
    "GET {path} HTTP/1.1\r\nHost: {token}\r\nHost: a\r\n\r\n",
    "GET {path} HTTP/1.1\nHost: a\nAuthorization: Bearer {token}\n\n",
    "GET {path} HTTP/2.0\r\nHost: {token}\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {token}\r\n\r\n",
    "{token}\r\n\r\n",
    "GET {path}?{long} HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nX: {long}\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{token}\r\n",
    "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n{token}",
)
"""Requests as no client should write them."""


class SecretsTests(FieldTestCase):
    """Everything at debug level, everything that can go wrong, and unmistakable secrets."""

    def setUp(self) -> None:
        super().setUp()
        (self.data / file_name("1")).write_bytes(noisy_image())
        self.canaries = Canaries()
        self.written: list[str] = []
        self.password = self.secret("ignition")
        self.fault = ""

    def secret(self, kind: str) -> str:
        """A new one, which is looked for from now on."""
        text = f"{kind}-{secrets.token_urlsafe(24)}"
        self.canaries.add(text)
        return text

    def token(self, **claims: object) -> str:
        """A token with something of its own in each of its parts."""
        text = jwt.encode({"jti": self.secret("claim")} | claims, "k" * 32, algorithm="HS256")
        self.canaries.add(text, *text.split(".")[1:])
        return text

    def answer(self, received: Received, transport: ITCPTransport) -> None:
        """Answer as assisted-service, or as badly as it can: with what it was asked."""
        if self.fault == "cut":
            transport.abortConnection()
        elif self.fault:
            echo = f"{received.target} {received.headers}".encode()
            transport.write(response(self.fault, echo))
        elif received.path.endswith("/files"):
            user = {"name": "core", "passwordHash": self.password}
            config = {"ignition": {"version": "3.2.0"}, "passwd": {"users": [user]}}
            transport.write(response(body=json.dumps(config).encode()))
        else:
            transport.write(response(body=b"{}"))

    async def start_with_secrets(self) -> ServiceProcess:
        assisted_service, origin = self.serve(self.answer), self.serve(self.refuse)
        key, certificate = identity("localhost").write(self.directory())
        self.canaries.add(*key.read_text().splitlines()[1:-1])
        url = f"http://user:{self.secret('password')}@127.0.0.1:{origin.port}/2?key={self.secret('query')}"
        return await self.start(
            os_images({"version": "1", "url": url}, {"version": "2", "url": url})
            | {
                "ASSISTED_SERVICE_HOST": f"127.0.0.1:{assisted_service.port}",
                "CONFIG_SHARE_SECONDS": "0",
                "HTTPS_KEY_FILE": str(key),
                "HTTPS_CERT_FILE": str(certificate),
                "HTTP_LISTEN_PORT": "0",
                "HTTP_SERVES": "all",
                "HTTPS_PROXY": f"http://user:{self.secret('proxy')}@127.0.0.1:1",
                "LOG_LEVEL": "debug",
                "OS_IMAGES_REQUEST_HEADERS": json.dumps({"X-Key": self.secret("header")}),
                "OS_IMAGES_REQUEST_QUERY_PARAMS": json.dumps({"sig": self.secret("parameter")}),
                "PULL_SECRET": self.pull_secret(f"127.0.0.1:{origin.port}"),
            },
            local=False,
        )

    def pull_secret(self, place: str) -> str:
        """A docker auth file with one login."""
        auth = base64.b64encode(f"u:{self.secret('pull')}".encode()).decode()
        self.canaries.add(auth)
        return json.dumps({"auths": {place: {"auth": auth}}})

    def refuse(self, received: Received, transport: ITCPTransport) -> None:
        """Answer as an origin that tells what it was asked."""
        transport.write(response(f"403 {received.target}", received.target.encode()))

    def requests(self) -> list[tuple[str, Mapping[str, str]]]:
        """Everything with which one can ask for an image, each with secrets of its own."""
        rest = "1/x86_64/full.iso"
        image = f"/images/{INFRA_ENV_ID}"
        query = "version=1&type=full-iso&arch=x86_64"
        basic = base64.b64encode(f"u:{self.secret('basic')}".encode()).decode()
        self.canaries.add(basic)
        return [
            (f"/byapikey/{self.token(sub=INFRA_ENV_ID)}/{rest}", {}),
            (f"/bytoken/{self.token(infra_env_id=INFRA_ENV_ID)}/{rest}", {}),
            (f"/bytoken/{self.token(sub=INFRA_ENV_ID)}/9/x86_64/full.iso", {}),
            (f"/bytoken/{self.token(sub=INFRA_ENV_ID)}/1/x86_64/some.iso", {}),
            (f"/bytoken/{self.token(sub=self.secret('subject'))}/{rest}", {}),
            (f"/bytoken/{self.token(sub=7)}/{rest}", {}),
            (f"/bytoken/{self.token(sub=INFRA_ENV_ID)[:-60]}/{rest}", {}),
            (f"/byapikey/{self.secret('no-token')}/{rest}", {}),
            (f"/bytoken/{self.token(sub=INFRA_ENV_ID)}", {}),
            (f"/byid/{self.token(sub=INFRA_ENV_ID)}/{rest}", {}),
            (f"/images/{self.token(sub=INFRA_ENV_ID)}?{query}", {}),
            (f"/nothing/{self.token(sub=INFRA_ENV_ID)}", {}),
            (f"{image}?{query}&api_key={self.token(sub=INFRA_ENV_ID)}", {}),
            (f"{image}?{query}&image_token={self.secret('image-token')}", {}),
            (f"{image}?{query}", {"Authorization": f"Bearer {self.token(sub='x')}"}),
            (f"{image}?{query}", {"Authorization": f"Basic {basic}"}),
            (f"{image}/pxe-initrd?version=1&api_key={self.secret('api-key')}", {}),
            (f"/boot-artifacts/kernel?version=1&api_key={self.secret('api-key')}", {}),
        ]

    async def test_nothing_is_written(self) -> None:
        service = await self.start_with_secrets()
        await self.until_states(service, "ready", "failed")
        for self.fault in ("", "401 Unauthorized", "500 {echo}", "299 Odd", "cut"):
            for path, headers in self.requests():
                for accept in ("*/*", "application/problem+json"):
                    got = await self.get(service, path, {**headers, "Accept": accept})
                    self.written += map(repr, got.headers.getAllRawHeaders())
                    if got.status >= 400:
                        self.written.append(got.body.decode())
        for scheme in ("http", "https"):
            for broken in _BROKEN:
                await deferToThread(self.send, service, scheme, broken)
        for path in ("/status", "/metrics", "/health", "/live"):
            self.written.append((await self.get(service, path)).body.decode())
        self.assertEqual(await service.stop(60), 0)
        self.assertGreater(len(service.lines), 200)
        self.assertGreater(len(self.canaries), 100)
        found = self.canaries.found_in([*service.lines, *self.written])
        self.assertEqual(found, [], "\n".join(found))

    def send(self, service: ServiceProcess, scheme: str, broken: str) -> None:
        """Send what is no request, read what comes; blocking."""
        token = self.token(sub=INFRA_ENV_ID)
        path = f"/bytoken/{token}/1/x86_64/full.iso"
        connection = clients.client(service, scheme)
        try:
            connection.sendall(broken.format(path=path, token=token, long=token * 200).encode())
            connection.settimeout(0.5)
            self.written.append(connection.recv(1 << 20).decode("utf-8", "replace"))
        except OSError:
            pass
        finally:
            connection.close()


class CanariesTests(FieldTestCase):
    """The search finds what is there to be found."""

    def test_forms(self) -> None:
        canaries = Canaries('quoted "secret" of somebody')
        for text in (
            'x quoted "secret" of somebody',
            json.dumps({"a": 'quoted "secret" of somebody'}),
            "?a=quoted%20%22secret%22%20of%20somebody",
            base64.b64encode(b'quoted "secret" of somebody').decode(),
            'cut: quoted "secret" of so',
        ):
            self.assertEqual(len(canaries.found_in([text])), 1, text)
        self.assertEqual(canaries.found_in(["quoted"]), [])

    def test_settings(self) -> None:
        """What is in a service's settings, and in the files that they name, is found by itself."""
        infra_envs, key = self.directory(), self.directory() / "key"
        write_infra_env(infra_envs / INFRA_ENV_ID, b'{"passwd": ["deep in Ignition"]}')
        key.write_bytes(identity("localhost").key_pem())
        canaries = canaries_of(
            os_images({"version": "1", "url": "http://a:password-of-it@b/?key=much-too-secret"})
            | {"INFRA_ENVS_DIR": str(infra_envs), "HTTPS_KEY_FILE": str(key)}
        )
        for text in (
            "?key=much-too-secret",
            "a:password-of-it@b",
            "users: deep in Ignition",
            key.read_text().splitlines()[1],
        ):
            self.assertEqual(len(canaries.found_in([text])), 1, text)
