"""Sockets that somebody has passed to the process, or says so."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from httpd.listening.listeners import listeners
from httpd.listening.passed_sockets import (
    PassedSocket,
    passed_sockets,
    socket_problems,
    take_passed_sockets,
)
from httpd.listening.places import places_of
from httpd.listening.sockets import listening_socket

_TLS: Any = object()
_WITH_TLS: Mapping[str, object] = {"https_cert_file": "tls.crt"}


_WITH_BOTH: Mapping[str, object] = {**_WITH_TLS, "http_listen_port": 8080}


@dataclass
class Ports:
    listen_port: int = 8443
    http_listen_port: int | None = None


def environment(count: object, names: str | None = None, pid: object = None) -> dict[str, str]:
    found = {"LISTEN_PID": f"{pid or os.getpid()}", "LISTEN_FDS": f"{count}", "HOME": "/"}
    return found if names is None else found | {"LISTEN_FDNAMES": names}


class ReadingTests(SynchronousTestCase):
    def test_names(self) -> None:
        """One may be used several times: a unit has a socket for each ListenStream=."""
        self.assertEqual(
            passed_sockets(environment(3, "https:http:https")),
            (PassedSocket("https", 3), PassedSocket("http", 4), PassedSocket("https", 5)),
        )

    def test_without_names(self) -> None:
        """sd_listen_fds_with_names(3) calls such unknown, and so do we."""
        expected = (PassedSocket("unknown", 3), PassedSocket("unknown", 4))
        self.assertEqual(passed_sockets(environment(2)), expected)

    def test_none(self) -> None:
        for found in (
            {},
            environment(0),
            environment(0, ""),
            environment(2, "https:http", pid=os.getppid()),
            {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "https"},
        ):
            self.assertEqual(passed_sockets(found), (), found)

    def test_wrong(self) -> None:
        for found, text in (
            (environment("some"), "LISTEN_FDS: 'some'; expected how many"),
            (environment(-1), "LISTEN_FDS: '-1'; expected how many"),
            (environment("\u00b2"), r"LISTEN_FDS: '\\xb2'; expected how many"),
            (environment(2, "https"), "LISTEN_FDNAMES: 1 names, and LISTEN_FDS is 2; expected"),
            (environment(1, "a:b"), "LISTEN_FDNAMES: 2 names, and LISTEN_FDS is 1; expected"),
        ):
            self.assertRaisesRegex(ValueError, text, passed_sockets, found)
            (problem,) = socket_problems(found, {})
            self.assertRegex(problem, text)

    def test_taken(self) -> None:
        """Children are told of none, whether or not they were for this process."""
        for pid in (os.getpid(), os.getppid()):
            found = environment(1, "https", pid)
            self.assertEqual(take_passed_sockets(found), (), "trial was started without")
            self.assertEqual(found, {"HOME": "/"})


class SocketTests(SynchronousTestCase):
    """Real ones, at whatever numbers they have."""

    def passed(self, *sockets: socket.socket) -> list[PassedSocket]:
        for one in sockets:
            self.addCleanup(one.close)
        return [PassedSocket("https", one.fileno()) for one in sockets]

    def test_usable(self) -> None:
        (one,) = self.passed(listening_socket(0))
        self.assertTrue(one.is_usable)
        with socket.create_connection(("127.0.0.1", one.port)):
            pass

    def test_not_usable(self) -> None:
        a, b = socket.socketpair()
        closed = socket.socket()
        closed.close()
        others = self.passed(a, b, socket.socket(), socket.socket(type=socket.SOCK_DGRAM))
        others.append(PassedSocket("https", 1 << 20))
        with open(os.devnull) as nothing:  # noqa: PTH123
            others.append(PassedSocket("https", nothing.fileno()))
            self.assertEqual([one for one in others if one.is_usable], [])

    def test_listener(self) -> None:
        """It takes the socket, set as its own would be, and logs where that is."""
        bare = socket.create_server(("127.0.0.1", 0))
        port = bare.getsockname()[1]
        (place,) = places_of(Ports(), [PassedSocket("http", bare.detach())], None)
        self.assertEqual(place.port, port)
        with place.bind(place.port) as taken:
            self.assertEqual(taken.getsockname(), ("127.0.0.1", port))
            self.assertTrue(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            self.assertFalse(taken.getblocking())


class PlaceTests(SynchronousTestCase):
    """Who speaks TLS where."""

    def kinds(self, names: Sequence[str], tls: Any) -> list[bool]:
        sockets = [listening_socket(0) for _ in names]
        passed = [
            PassedSocket(name, one.fileno()) for name, one in zip(names, sockets, strict=True)
        ]
        places = places_of(Ports(1, 2), passed, tls)
        self.assertEqual([place.port for place in places], [one.port for one in passed])
        for one in sockets:
            one.close()
        return [place.tls is not None for place in places]

    def test_by_name(self) -> None:
        """A unit that names none has the unit's name: that is the main listener."""
        names = ("https", "http", "images.socket", "http", "https")
        self.assertEqual(self.kinds(names, _TLS), [True, False, True, False, True])

    def test_without_certificate(self) -> None:
        self.assertEqual(self.kinds(("http", "images.socket"), None), [False, False])

    def test_ports_of_the_settings(self) -> None:
        for ports, tls, expected in (
            (Ports(1, 2), _TLS, [(1, True), (2, False)]),
            (Ports(1), _TLS, [(1, True)]),
            (Ports(1, 2), None, [(2, False)]),
            (Ports(1), None, [(1, False)]),
        ):
            places = places_of(ports, (), tls)
            self.assertEqual([(one.port, one.tls is not None) for one in places], expected)

    def test_sites(self) -> None:
        """Only a plain listener that has one with TLS beside it is told so."""
        told: list[bool] = []

        def site(*, beside_tls: bool) -> Any:
            told.append(beside_tls)
            return Any

        for ports, tls in ((Ports(1, 2), _TLS), (Ports(1), None)):
            list(listeners(places_of(ports, (), tls), site, _TLS))
        self.assertEqual(told, [False, True, False])


class ContradictionTests(SynchronousTestCase):
    """What does not fit the settings, with what would."""

    def problems(self, names: str, found: Mapping[str, object]) -> list[str]:
        count = len(names.split(":"))
        said = list(socket_problems(environment(count, names), found))
        return [one for one in said if "is no TCP socket" not in one]

    def test_right(self) -> None:
        for names, found in (
            ("https:https:http", _WITH_BOTH),
            ("https:http", _WITH_TLS),
            ("images.socket", _WITH_TLS),
            ("images.socket:http", {"http_listen_port": 8080}),
        ):
            self.assertEqual(self.problems(names, found), [])

    def test_wrong(self) -> None:
        for names, found, text in (
            ("https:http", {}, "LISTEN_FDNAMES: https, and there is no certificate; expected"),
            ("http:http", _WITH_TLS, "LISTEN_FDNAMES: http alone, and HTTPS_CERT_FILE is set"),
            (
                "https",
                {**_WITH_TLS, "http_listen_port": 80},
                "HTTP_LISTEN_PORT: set, and no socket",
            ),
        ):
            (problem,) = self.problems(names, found)
            self.assertTrue(problem.startswith(text), problem)

    def test_other_files(self) -> None:
        """Those of trial itself are no sockets that listen."""
        found = list(socket_problems(environment(1, "https"), _WITH_TLS))
        self.assertEqual(
            found,
            [
                "LISTEN_FDS: 3 (https) is no TCP socket that listens; expected ListenStream= with a"
                " port, and Accept=no"
            ],
        )
