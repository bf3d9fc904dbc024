"""
A real Kubernetes without a node: etcd, the API server and what controls Jobs, for all tests of a
process.  The test is the kubelet.
"""

from __future__ import annotations

import atexit
import json
import shutil
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from demo.go_programs import go_program
from tests.engines.kubernetes.bed import write_kubeconfig
from tests.engines.kubernetes.client import Client
from tests.engines.kubernetes.failing_server import NAMESPACE
from tests.engines.kubernetes.processes import Processes, free_port
from tests.engines.kubernetes.resources import Json

MODULE = Path(__file__).parent
_START_SECONDS = 120.0
_SERVICES = "10.96.0.0/16"

SERVICE_USER = "image-management"


class ControlPlane:
    """
    The programs, and their data in a directory of their own.

    @ivar processes: the programs.
    @ivar directory: what they need and say.
    @ivar server: the URL of the API, and C{port} its port.
    """

    def __init__(self) -> None:
        # Sockets' paths have 107 bytes at most (unix(7)): trial's directories are too deep.
        self.directory = Path(mkdtemp(prefix="kubernetes-"))
        self.processes = Processes(self.directory)
        self._program = go_program(MODULE, "image-management/kubernetes")
        self._token, self._service_token = token_hex(), token_hex()
        self.port = free_port()
        self.server = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = write_kubeconfig(
            self.directory, self.server, self._token, self._certificate
        )
        self._write_keys()

    @property
    def _certificate(self) -> Path:
        """What the API server makes for itself."""
        return self.directory / "pki/apiserver.crt"

    @property
    def authority(self) -> bytes:
        """By which its certificate is known."""
        return self._certificate.read_bytes()

    def start(self) -> None:
        """
        Start it all, and wait until Jobs are worked on; blocking.

        @raise AssertionError: something does not start.
        """
        storage = f"http://127.0.0.1:{free_port()}"
        anywhere = "http://127.0.0.1:0"
        self.run(
            "etcd",
            data_dir=self.directory / "etcd",
            unsafe_no_fsync=True,
            listen_client_urls=storage,
            advertise_client_urls=storage,
            listen_peer_urls=anywhere,
            initial_advertise_peer_urls=anywhere,
            initial_cluster=f"default={anywhere}",
        )
        self.run(
            "apiserver",
            etcd_servers=storage,
            bind_address="127.0.0.1",
            advertise_address="127.0.0.1",
            secure_port=self.port,
            cert_dir=self._certificate.parent,
            service_cluster_ip_range=_SERVICES,
            service_account_issuer="https://kubernetes.default.svc",
            service_account_key_file="accounts.pub",
            service_account_signing_key_file="accounts.key",
            token_auth_file="tokens.csv",
            authorization_mode="Node,RBAC",
            allow_privileged=True,
            endpoint_reconciler_type="none",
            kubelet_preferred_address_types="InternalIP",
        )
        self.processes.wait_until("the API server is ready", self._is_ready, _START_SECONDS)
        self.run(
            "controller-manager",
            **self.as_client,
            service_account_private_key_file="accounts.key",
            root_ca_file=self._certificate,
            leader_elect=False,
            secure_port=0,
        )
        self._make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _DESTINATION_RULES)
        for namespace in ("services", NAMESPACE):
            self._make_namespace(namespace)
        kata = {"metadata": {"name": "kata-qemu"}, "handler": "kata-qemu"}
        self._make("/apis/node.k8s.io/v1/runtimeclasses", kata)
        rules = "/apis/networking.istio.io/v1beta1/destinationrules"
        self.processes.wait_until(
            "DestinationRules are known",
            lambda: self._exchange("GET", rules)[0] == 200,
            _START_SECONDS,
        )

    @property
    def as_client(self) -> Mapping[str, object]:
        """The flags of a part that speaks to the API server."""
        names = ("kubeconfig", "authentication_kubeconfig", "authorization_kubeconfig")
        return dict.fromkeys(names, self.kubeconfig)

    def run(self, part: str, **flags: object) -> None:
        """Start one of its parts."""
        words = [f"--{name.replace('_', '-')}={_word(value)}" for name, value in flags.items()]
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        self.processes.start(part, [str(self._program), part, *words], {"PATH": path})

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """One request, as one who may do everything; blocking."""
        status, data = self._exchange(method, path, body)
        return status, json.loads(data)

    def _make(self, path: str, thing: Json) -> None:
        status, answer = self.ask("POST", path, thing)
        assert status == 201, answer

    def _is_ready(self) -> bool:
        try:
            return self._certificate.exists() and self._exchange("GET", "/readyz")[0] == 200
        except (URLError, ConnectionError):
            return False

    def _exchange(self, method: str, path: str, body: Json | None = None) -> tuple[int, bytes]:
        fields = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.server + path, data, fields, method=method)
        context = ssl.create_default_context(cadata=self.authority.decode())
        try:
            with urlopen(request, context=context) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def _write_keys(self) -> None:
        """Those that sign the tokens of accounts, and the tokens of users."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.directory / "accounts.key").write_bytes(private)
        (self.directory / "accounts.pub").write_bytes(public)
        users = [
            f"{self._token},test,test,system:masters",
            f"{self._service_token},{SERVICE_USER},{SERVICE_USER},",
        ]
        tokens = self.directory / "tokens.csv"
        tokens.write_text("\n".join(users) + "\n")
        tokens.chmod(0o600)

    def client(self, namespace: str) -> Client:
        """One who may do everything."""
        return Client(self.server, self._token, namespace, self.authority)

    def _make_namespace(self, name: str) -> None:
        self._make("/api/v1/namespaces", {"metadata": {"name": name}})
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
        self._make(accounts, {"metadata": {"name": "ims-service-job-mount"}})
        # Pods are refused until their account is there.
        self.processes.wait_until(
            f"the namespace {name} has its account",
            lambda: self._exchange("GET", f"{accounts}/default")[0] == 200,
            _START_SECONDS,
        )

    def end(self) -> None:
        """End it, and remove what it has."""
        self.processes.end()
        shutil.rmtree(self.directory, ignore_errors=True)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_DESTINATION_RULES: Json = {
    "metadata": {"name": "destinationrules.networking.istio.io"},
    "spec": {
        "group": "networking.istio.io",
        "scope": "Namespaced",
        "names": {
            "plural": "destinationrules",
            "singular": "destinationrule",
            "kind": "DestinationRule",
            "listKind": "DestinationRuleList",
        },
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                    }
                },
            }
        ],
    },
}
"""As much of Istio as jobs notice."""


def kubectl() -> Path:
    """Its command line; the first time it is built, and blocks."""
    return go_program(MODULE, "k8s.io/kubernetes/cmd/kubectl")


@cache
def control_plane() -> ControlPlane:
    """The one of this process; the first time it blocks for some seconds."""
    plane = ControlPlane()
    atexit.register(plane.end)
    plane.start()
    return plane
