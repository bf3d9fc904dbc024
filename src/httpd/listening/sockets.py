"""Sockets that listen, as every listener of a service has them."""

from __future__ import annotations

import socket

BACKLOG = 1024
"""
Connections that the kernel holds until they are accepted; it holds no more than
C{net.core.somaxconn} either.  Beyond it a client's connect takes longer.
"""
_UNSENT = 256 * 1024
"""
Bytes that the kernel takes of what cannot be sent yet (C{TCP_NOTSENT_LOWAT}, tcp(7)).  By itself it
takes some MiB for each client, and a crowd of slow ones leaves none for the others
(C{net.ipv4.tcp_mem}); more than this makes nobody faster.
"""


def listening_socket(port: int) -> socket.socket:
    """
    A socket that listens on every address of the machine, IPv4's through the same socket as
    IPv6's where the system has IPv6.

    @param port: TCP port; 0 for any free one.
    @raise OSError: the port is not to be had.
    """
    if socket.has_dualstack_ipv6():
        return prepared(
            socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        )
    return ipv4_socket(port)


def ipv4_socket(port: int) -> socket.socket:
    """
    A socket that listens on every IPv4 address of the machine.

    @param port: TCP port; 0 for any free one.
    @raise OSError: the port is not to be had.
    """
    return prepared(socket.create_server(("0.0.0.0", port), backlog=BACKLOG))  # noqa: S104


def prepared(listening: socket.socket) -> socket.socket:
    """The same socket, set as this service needs it, whoever has opened it."""
    # What is accepted inherits this (tcp(7)); without it the end of an answer waits for the
    # client's acknowledgement of its beginning.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    listening.setblocking(False)
    return listening
