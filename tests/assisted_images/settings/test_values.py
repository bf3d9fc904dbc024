"""Single settings: what each text means."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.readers import HttpServes, ReadyWhen
from assisted_images.settings.table import SETTINGS
from httpd.settings import cipher_suites
from httpd.settings.readers import LogLevel, TlsVersion
from tests.assisted_images.settings.test_settings import os_images, parsed


class ValueTests(SynchronousTestCase):
    """What a text becomes."""

    def assert_reads(self, attribute: str, name: str, cases: Mapping[str, object]) -> None:
        for text, value in cases.items():
            self.assertEqual(getattr(parsed({name: text}), attribute), value, f"{name}={text}")

    def test_booleans_are_those_of_go(self) -> None:
        true = dict.fromkeys(["1", "t", "T", "TRUE", "true", "True"], True)
        false = dict.fromkeys(["0", "f", "F", "FALSE", "false", "False"], False)
        self.assert_reads("insecure_skip_verify", "INSECURE_SKIP_VERIFY", true | false)

    def test_ports(self) -> None:
        self.assert_reads("listen_port", "LISTEN_PORT", {"0": 0, "65535": 65535, "080": 80})

    def test_seconds(self) -> None:
        cases = {"0": 0.0, "2.5": 2.5, "90": 90.0}
        self.assert_reads("config_share_seconds", "CONFIG_SHARE_SECONDS", cases)

    def test_trusted_proxies(self) -> None:
        cases = {
            "10.0.0.1": (ip_network("10.0.0.1/32"),),
            "10.0.0.0/8, fd00::/8,,::1": tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "::1"))),
        }
        self.assert_reads("trusted_proxies", "TRUSTED_PROXIES", cases)

    def test_log_levels(self) -> None:
        cases = {
            "debug": LogLevel.DEBUG,
            "info": LogLevel.INFO,
            "warning": LogLevel.WARNING,
            "warn": LogLevel.WARNING,
            "WARN": LogLevel.WARNING,
            "error": LogLevel.ERROR,
            "critical": LogLevel.CRITICAL,
            # As logrus has them, and so the Go service.
            "trace": LogLevel.DEBUG,
            "Fatal": LogLevel.CRITICAL,
            "panic": LogLevel.CRITICAL,
        }
        self.assert_reads("log_level", "LOGLEVEL", cases)
        self.assert_reads("log_level", "LOG_LEVEL", cases)

    def test_first_name_that_is_set_counts(self) -> None:
        for setting in SETTINGS:
            if setting.key in {"log_level", "assisted_service_api_trusted_ca_file", "http_proxy"}:
                first, second = setting.names
                one, other = {
                    "log_level": ("debug", "error"),
                    "assisted_service_api_trusted_ca_file": ("/a", "/b"),
                    "http_proxy": ("http://a", "http://b"),
                }[setting.key]
                both = getattr(parsed({first: one, second: other}), setting.key)
                self.assertEqual(both, getattr(parsed({first: one}), setting.key))
                blank = getattr(parsed({first: "", second: other}), setting.key)
                self.assertEqual(blank, getattr(parsed({second: other}), setting.key))
                self.assertNotEqual(both, blank)

    def test_os_images_wins_over_rhcos_versions(self) -> None:
        one, other = os_images(version="1"), os_images(version="2")
        found = parsed({"OS_IMAGES": one, "RHCOS_VERSIONS": other}).catalog
        self.assertEqual([entry.version for entry in found.images], ["1"])
        found = parsed({"RHCOS_VERSIONS": other}).catalog
        self.assertEqual([entry.version for entry in found.images], ["2"])

    def test_os_images_hides_what_is_wrong_with_rhcos_versions(self) -> None:
        parsed({"OS_IMAGES": os_images(), "RHCOS_VERSIONS": "no JSON"})

    def test_hosts(self) -> None:
        names = ["as", "as.ns.svc:8090", "10.0.0.1:80", "[2001:db8::1]:8090", "[::1]"]
        self.assert_reads(
            "assisted_service_host", "ASSISTED_SERVICE_HOST", {name: name for name in names}
        )

    def test_base_url_keeps_its_prefix(self) -> None:
        cases = {
            "https://h/": "https://h",
            "http://h:80/a/b/": "http://h:80/a/b",
            "https://[2001:db8::1]/a": "https://[2001:db8::1]/a",
        }
        self.assert_reads("image_service_base_url", "IMAGE_SERVICE_BASE_URL", cases)

    def test_origins(self) -> None:
        cases = {
            "*": ("*",),
            "https://a, http://b:8080 ,,": ("https://a", "http://b:8080"),
            "https://*.example.com": ("https://*.example.com",),
        }
        self.assert_reads("allowed_domains", "ALLOWED_DOMAINS", cases)

    def test_json_objects(self) -> None:
        cases = {'{"X-Token": "a b"}': {"X-Token": "a b"}, "{}": {}}
        self.assert_reads("os_images_request_headers", "OS_IMAGES_REQUEST_HEADERS", cases)
        self.assert_reads("os_images_request_query_params", "OS_IMAGES_REQUEST_QUERY_PARAMS", cases)

    def test_proxies(self) -> None:
        cases = {
            "http://p:3128": "http://p:3128",
            "p:3128": "http://p:3128",
            "https://me:pw@p/": "https://me:pw@p/",
        }
        for name in ("HTTP_PROXY", "http_proxy"):
            self.assert_reads("http_proxy", name, cases)
        for name in ("HTTPS_PROXY", "https_proxy"):
            self.assert_reads("https_proxy", name, cases)

    def test_cipher_suites(self) -> None:
        one, other = "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        self.assert_reads(
            "tls_cipher_suites", "TLS_CIPHER_SUITES", {f"{one}, {other}": (one, other)}
        )

    def test_retired_cipher_suites_are_left_out(self) -> None:
        """OpenShift's profile Old lists triple DES, which nobody offers any more."""
        name = "TLS_AES_128_GCM_SHA256"
        text = ",".join([*cipher_suites.RETIRED, name])
        self.assert_reads("tls_cipher_suites", "TLS_CIPHER_SUITES", {text: (name,)})

    def test_retired_tls_versions(self) -> None:
        """OpenShift's profile Old asks for TLS 1.0, which nobody should speak (RFC 8996)."""
        for text in ("VersionTLS10", "VersionTLS11"):
            settings = parsed({"TLS_MIN_VERSION": text})
            self.assertEqual(settings.tls_min_version, TlsVersion.TLS12)
            self.assertEqual(
                settings.warnings,
                (
                    f"TLS_MIN_VERSION: {text} is retired (RFC 8996), and VersionTLS12 is the oldest"
                    " spoken",
                ),
            )

    def test_other_choices(self) -> None:
        self.assert_reads("tls_min_version", "TLS_MIN_VERSION", {"VersionTLS13": TlsVersion.TLS13})
        self.assert_reads("http_serves", "HTTP_SERVES", {"all": HttpServes.ALL})
        self.assert_reads("ready_when", "READY_WHEN", {"any": ReadyWhen.ANY, "all": ReadyWhen.ALL})
        self.assert_reads("assisted_service_scheme", "ASSISTED_SERVICE_SCHEME", {"https": "https"})
        self.assert_reads("no_proxy", "NO_PROXY", {".svc,10.0.0.0/8": ".svc,10.0.0.0/8"})
