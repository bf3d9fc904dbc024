"""
The settings that every service has: where it listens, how it speaks TLS, how long clients may take,
how many there may be, and what it logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from httpd.settings import readers
from httpd.settings.setting import Setting


def listening(port: str) -> tuple[Setting, ...]:
    """
    Their rows, in the order in which a service's settings have their attributes.

    @param port: the port that is listened on where none is set.
    """
    return (
        Setting(
            ("LISTEN_PORT",),
            "port of the TLS listener, or without certificate of the plain one; 0 is any free port",
            readers.port,
            port,
        ),
        Setting(
            ("HTTP_LISTEN_PORT",),
            "port of a plain listener besides the TLS one, or without certificate instead of it",
            readers.port,
        ),
        Setting(
            ("HTTPS_KEY_FILE",),
            "PEM file with the private key; together with HTTPS_CERT_FILE it turns TLS on",
            readers.path,
        ),
        Setting(
            ("HTTPS_CERT_FILE",),
            "PEM file with the certificate, and its chain behind it",
            readers.path,
        ),
        Setting(
            ("TLS_MIN_VERSION",),
            "oldest TLS version spoken: VersionTLS12 or VersionTLS13; VersionTLS10 and VersionTLS11"
            " are taken for VersionTLS12",
            readers.tls_version,
            "VersionTLS12",
        ),
        Setting(
            ("TLS_CIPHER_SUITES",),
            "comma list of IANA cipher suite names",
            readers.tls_suites,
            absent=(),
            absent_text="those of TLS 1.3, and of TLS 1.2 ECDHE with AES-GCM or ChaCha20",
        ),
        Setting(
            ("MAX_CONCURRENT_REQUESTS",),
            "downloads at the same time; more wait, first come first served",
            readers.count(1),
            "400",
        ),
        Setting(
            ("MAX_REQUESTS_PER_CLIENT",),
            "downloads of one client, by its address, at the same time; more of its wait",
            readers.count(1),
            absent_text="as many as there may be",
        ),
        Setting(
            ("MAX_CONNECTIONS",),
            "open client connections, over both listeners; beyond it idle ones are closed first",
            readers.count(1),
            "10000",
        ),
        Setting(
            ("HEADER_SECONDS",),
            "time for a request's header fields, and for a TLS handshake",
            readers.seconds(zero=False),
            "30",
        ),
        Setting(
            ("CLIENT_STALL_SECONDS",),
            "a client that reads nothing for so long is dropped",
            readers.seconds(zero=False),
            "90",
        ),
        Setting(
            ("DRAIN_SECONDS",),
            "how long running downloads may finish after SIGTERM; then they are cut",
            readers.seconds(zero=True),
            "300",
        ),
        Setting(
            ("TRUSTED_PROXIES",),
            "addresses and networks (CIDR), a comma list, of proxies whose X-Forwarded-For and"
            " X-Forwarded-Proto count",
            readers.networks,
            absent=(),
            absent_text="none",
        ),
        Setting(
            ("LOGLEVEL", "LOG_LEVEL"),
            "least severe events that are logged: debug (or trace), info, warning (or warn), error"
            " or critical (or fatal, panic)",
            readers.log_level,
            "info",
            attribute="log_level",
        ),
    )


PAGE_SETTINGS = (
    Setting(
        ("SERVE_PAGE",),
        "whether / is a page for people, with what the service has and does",
        readers.boolean,
        "true",
    ),
    Setting(
        ("DOCUMENTATION_URL",),
        "where people who look at that page find documentation, such as what make docs has made",
        readers.base_url,
    ),
)
"""The rows of services that have such a page."""


def listening_contradictions(found: Mapping[str, Any], given: set[str]) -> Iterator[str]:
    """
    What is wrong with values that are right by themselves.

    @param found: the values that could be read, by the settings' L{keys<Setting.key>}.
    @param given: the settings that are set, whether or not they could be read.
    """
    tls = given & {"https_key_file", "https_cert_file"}
    if len(tls) == 1:
        name = next(iter(tls)).upper()
        yield f"{name}: set alone; expected HTTPS_KEY_FILE and HTTPS_CERT_FILE, or neither"
    listen_port, http_listen_port = found.get("listen_port"), found.get("http_listen_port")
    if tls and listen_port and listen_port == http_listen_port:
        yield f"HTTP_LISTEN_PORT: {http_listen_port} is LISTEN_PORT too; expected another port"
