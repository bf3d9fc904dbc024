"""Where the cluster is: kubeconfigs, service accounts, whom TLS trusts, and who we are."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from OpenSSL import SSL
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    trustRootFromCertificates,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.agent import OutboundAgent
from image_management.jobs.kubernetes.api import ApiError, KubernetesApi
from image_management.jobs.kubernetes.connection import (
    TOKEN_SECONDS,
    Cluster,
    cluster_of_file,
    cluster_of_pod,
)
from image_management.jobs.kubernetes.resources import JOB
from image_management.values import USER_AGENT
from tests.certificates import identity
from tests.httpd.outbound.servers import (
    Received,
    Server,
    ServerTestCase,
    response,
    trial_reactor,
)

FOUND = response(body=b'{"kind": "Job", "metadata": {"name": "job"}}')


def kubeconfig(user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    """A kubeconfig with others beside what its current context names."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mine",
        "contexts": [
            {"name": "other", "context": {"cluster": "other", "user": "other"}},
            {"name": "mine", "context": {"cluster": "c", "user": "u"}},
        ],
        "clusters": [
            {"name": "other", "cluster": {"server": "http://other"}},
            {"name": "c", "cluster": {"server": "http://127.0.0.1:8001/k8s/", **cluster}},
        ],
        "users": [{"name": "other", "user": {"token": "other"}}, {"name": "u", "user": user}],
    }


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.clock = Clock()

    def read(self, document: Any) -> Cluster:
        file = self.folder / "kubeconfig"
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        return cluster_of_file(file, self.clock.seconds)

    def refusal(self, document: Any) -> str:
        with self.assertRaises(ValueError) as refused:
            self.read(document)
        return str(refused.exception)

    def test_token(self) -> None:
        cluster = self.read(kubeconfig({"token": "s3cr3t"}))
        self.assertEqual((cluster.server, cluster.token()), ("http://127.0.0.1:8001/k8s", "s3cr3t"))
        self.assertNotIn("s3cr3t", repr(cluster))
        self.assertIsNone(self.read(kubeconfig({})).token())

    def test_token_file(self) -> None:
        """It is read again, and the last token counts while there is none."""
        file = self.folder / "token"
        file.write_text("one\n")
        cluster = self.read(kubeconfig({"tokenFile": "token"}))
        for content, seconds, token in (
            ("two", TOKEN_SECONDS - 1, "one"),
            ("two", 1, "two"),
            (None, TOKEN_SECONDS, "two"),
            ("", TOKEN_SECONDS, "two"),
            ("three", TOKEN_SECONDS - 1, "two"),
            ("three", 1, "three"),
        ):
            if content is None:
                file.unlink()
            else:
                file.write_text(content)
            self.clock.advance(seconds)
            self.assertEqual(cluster.token(), token)
        file.unlink()
        self.assertIn(
            "token cannot be read: No such", self.refusal(kubeconfig({"tokenFile": "token"}))
        )

    def test_refused(self) -> None:
        own = identity("me")
        pair = {
            "client-certificate-data": base64_of(own.certificate_pem),
            "client-key-data": base64_of(own.key_pem()),
        }
        locked = base64_of(own.key_pem(b"passphrase"))
        lost = kubeconfig({})
        lost["current-context"] = "gone"
        for document, expected in (
            ("a: b: c", "it is no YAML; expected a kubeconfig"),
            ("- a", "it has no current-context; expected a kubeconfig"),
            (lost, "it has no context 'gone'"),
            (kubeconfig({}) | {"users": []}, "it has no user 'u'"),
            (kubeconfig({}) | {"clusters": [{"name": "c"}]}, "it has no cluster 'c'"),
            (kubeconfig({}, server="ftp://x"), "its cluster's server is not a base URL"),
            (kubeconfig({}, server=None), "it has no server"),
            (kubeconfig({}, **{"proxy-url": "http://p"}), "expected HTTPS_PROXY"),
            (kubeconfig({"exec": {"command": "s3cr3t"}}), "its user has exec, which is not known"),
            (kubeconfig({"username": "s3cr3t"}), "its user has username"),
            (kubeconfig({"auth-provider": {"name": "s3cr3t"}}), "its user has auth-provider"),
            (kubeconfig({"client-key": "x"}), "its client-key cannot be read"),
            (kubeconfig({"client-key-data": "%s3cr3t"}), "its client-key-data is no base64"),
            (
                kubeconfig({"client-key-data": pair["client-key-data"]}),
                "one of client-certificate and client-key; expected both",
            ),
            (kubeconfig(pair, **{"insecure-skip-tls-verify": True}), "expected a certificate-auth"),
            (kubeconfig(pair | {"client-key-data": locked}), "are none in PEM without a passph"),
            (
                kubeconfig({}, **{"certificate-authority-data": base64_of(b"s3cr3t")}),
                "its certificate authority is no PEM certificate",
            ),
        ):
            told = self.refusal(document)
            self.assertIn(expected, told)
            self.assertNotIn("s3cr3t", told)
        with self.assertRaises(ValueError) as refused:
            cluster_of_file(self.folder / "gone", self.clock.seconds)
        self.assertIn("gone: No such file", str(refused.exception))

    def test_pod(self) -> None:
        authority = identity("authority", authority=True).certificate_pem
        for name, content in (("token", b"of the pod"), ("ca.crt", authority)):
            with self.assertRaises(ValueError) as refused:
                cluster_of_pod("10.96.0.1", 443, self.clock.seconds, self.folder)
            self.assertIn("cannot be read: No such file", str(refused.exception))
            (self.folder / name).write_bytes(content)
        cluster = cluster_of_pod("10.96.0.1", 443, self.clock.seconds, self.folder)
        self.assertEqual((cluster.server, cluster.token()), ("https://10.96.0.1:443", "of the pod"))
        cluster = cluster_of_pod("fd00::1", 6443, self.clock.seconds, self.folder)
        self.assertEqual(cluster.server, "https://[fd00::1]:6443")
        (self.folder / "token").write_text(" \n")
        with self.assertRaises(ValueError) as refused:
            cluster_of_pod("10.96.0.1", 443, self.clock.seconds, self.folder)
        self.assertIn("is empty; expected a token", str(refused.exception))


class TlsTests(ServerTestCase):
    """Servers with certificates."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        self.trusted = self.authority.cert_pem.bytes()

    def api(self, server: str, user: dict[str, Any], **cluster: Any) -> KubernetesApi:
        file = Path(self.mktemp()).absolute()
        file.write_text(json.dumps(kubeconfig(user, server=server, **cluster)))
        found = cluster_of_file(file, trial_reactor().seconds)
        agent = OutboundAgent(trial_reactor(), found.policy, user_agent=USER_AGENT)
        self.addCleanup(agent.close)
        return KubernetesApi(found, agent, trial_reactor(), pauses=())

    def https(self, *names: str) -> Server:
        return self.serve(_answer(FOUND), tls=self.authority.issue_cert(*names))

    async def test_authority(self) -> None:
        """The cluster's own, and no other."""
        server = self.https("localhost")
        data = {"certificate-authority-data": base64_of(self.trusted)}
        await self.api(server.url, {"token": "s3cr3t"}, **data).get(JOB, "ims", "job")
        [asked] = server.requests
        self.assertEqual(asked.path, "/apis/batch/v1/namespaces/ims/jobs/job")
        self.assertEqual(asked.headers["authorization"], "Bearer s3cr3t")
        file = Path(self.mktemp()).absolute()
        file.write_bytes(self.trusted)
        await self.api(server.url, {}, **{"certificate-authority": str(file)}).get(JOB, "ims", "j")
        self.assertNotIn("authorization", server.requests[-1].headers)
        await self.api(server.url, {}, **{"insecure-skip-tls-verify": True}).get(JOB, "ims", "j")
        other = {"certificate-authority-data": base64_of(trustme.CA().cert_pem.bytes())}
        for untrusting in ({}, other):
            told = await self.failure(
                self.api(server.url, {}, **untrusting).get(JOB, "ims", "job"), ApiError
            )
            self.assertIn("GET of Job job: TLS failed: certificate verify failed", told)

    async def test_server_name(self) -> None:
        server = self.https("kubernetes.default.svc")
        data = {"certificate-authority-data": base64_of(self.trusted)}
        told = await self.failure(self.api(server.url, {}, **data).get(JOB, "i", "j"), ApiError)
        self.assertIn("its TLS certificate is for another host name", told)
        named = {"tls-server-name": "kubernetes.default.svc"}
        await self.api(server.url, {}, **data, **named).get(JOB, "ims", "job")

    async def test_client_certificate(self) -> None:
        own = self.authority.issue_cert("me@example.com")
        [chain] = own.cert_chain_pems
        shown: list[str] = []
        port = self.listen_asking(shown)
        data = {"certificate-authority-data": base64_of(self.trusted)}
        user = {
            "client-certificate-data": base64_of(chain.bytes()),
            "client-key-data": base64_of(own.private_key_pem.bytes()),
        }
        await self.api(f"https://localhost:{port}", user, **data).get(JOB, "ims", "job")
        self.assertEqual(len(shown), 1)
        await self.failure(
            self.api(f"https://localhost:{port}", {}, **data).get(JOB, "ims", "job"), ApiError
        )

    def listen_asking(self, shown: list[str]) -> int:
        """A server that wants to see a certificate of the same authority."""
        server = Server(_answer(FOUND, lambda received: shown.append(received.path)))
        pem = self.authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
        root = trustRootFromCertificates([Certificate.loadPEM(self.trusted)])
        options: CertificateOptions = PrivateCertificate.loadPEM(pem).options()
        context = options.getContext()
        root._addCACertsToContext(context)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _as_it_is)
        port = trial_reactor().listenSSL(0, server, options, interface="127.0.0.1")
        self.addCleanup(server.all_connections_lost)
        self.addCleanup(_abort_all, server)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number


def _answer(
    data: bytes, told: Callable[[Received], None] = lambda _: None
) -> Callable[[Received, ITCPTransport], None]:
    def answer(received: Received, transport: ITCPTransport) -> None:
        told(received)
        transport.write(data)

    return answer


def _abort_all(server: Server) -> None:
    for connection in [*server.connections]:
        transport: Any = connection.transport
        transport.abortConnection()


def _as_it_is(connection: Any, certificate: Any, number: int, depth: int, good: int) -> bool:
    return bool(good)
