"""The command line: options beat the environment, and everything wrong is told together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.settings.options import Options
from assisted_images.settings.table import SETTINGS
from tests.assisted_images.settings.test_settings import os_images
from tests.certificates import identity
from tests.running import base_environment


class OptionsTests(SynchronousTestCase):
    """Reading and checking, with a directory to work in."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.infra_envs = self.directory / "infra-envs"
        self.infra_envs.mkdir(parents=True)
        self.environment = {
            "DATA_DIR": str(self.directory / "data"),
            "INFRA_ENVS_DIR": str(self.infra_envs),
            "IMAGE_SERVICE_BASE_URL": "http://images.example.com",
            "OS_IMAGES": os_images(),
        }

    def options(self, *arguments: str, **environment: str) -> Options:
        options = Options(self.environment | environment)
        options.parseOptions(arguments)
        return options

    def refusal(self, *arguments: str, **environment: str) -> list[str]:
        """The problems that are told."""
        with self.assertRaises(usage.UsageError) as caught:
            self.options(*arguments, **environment)
        first, *problems = str(caught.exception).split("\n  ")
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        self.assertEqual(first, f"assisted-images cannot start, {count} wrong:")
        return problems

    def test_environment(self) -> None:
        self.assertEqual(self.options(LISTEN_PORT="8443").settings.listen_port, 8443)

    def test_option_beats_environment(self) -> None:
        options = self.options("--listen-port=8444", LISTEN_PORT="8443")
        self.assertEqual(options.settings.listen_port, 8444)

    def test_option_beats_environment_by_any_name(self) -> None:
        options = self.options("--log-level", "error", LOGLEVEL="debug", LOG_LEVEL="debug")
        self.assertEqual(options.settings.log_level, "error")
        options = self.options("--rhcos-versions", os_images(version="2"))
        self.assertEqual([entry.version for entry in options.settings.catalog.images], ["2"])

    def test_empty_option_unsets(self) -> None:
        options = self.options("--http-listen-port=", HTTP_LISTEN_PORT="8081")
        self.assertIsNone(options.settings.http_listen_port)

    def test_every_setting_is_an_option(self) -> None:
        """C{LISTEN_PORT} is C{--listen-port}, for each name in the table."""
        known = {option.rstrip("=") for option in Options({}).longOpt}
        for setting in SETTINGS:
            for name in setting.names:
                self.assertIn(name.lower().replace("_", "-"), known)

    def test_help_has_meaning_and_default_of_every_setting(self) -> None:
        text = " ".join(Options({}).getUsage(width=1000).split())
        for setting in SETTINGS:
            self.assertIn(f"--{setting.options[0]}=", text)
            self.assertIn(setting.meaning, text)
            if setting.default is not None:
                self.assertIn(f"{setting.meaning} [default: {setting.default}]", text)

    def test_complaints_are_not_buried_by_the_help(self) -> None:
        options = Options(self.environment)
        with self.assertRaises(usage.UsageError):
            options.parseOptions(["--listen-port=x"])
        self.assertEqual(options.getUsage(), "The settings: twistd assisted-images --help\n")

    def test_files_and_values_are_told_together(self) -> None:
        told = self.refusal(
            "--listen-port=x",
            "--infra-envs-dir=/nowhere/at/all",
            HTTPS_KEY_FILE="/nowhere/key",
            HTTPS_CERT_FILE="/nowhere/certificate",
        )
        self.assertEqual(
            [problem.partition(":")[0] for problem in told],
            ["LISTEN_PORT", "INFRA_ENVS_DIR", "HTTPS_KEY_FILE, HTTPS_CERT_FILE"],
        )

    def test_data_dir_is_made(self) -> None:
        self.options()
        self.assertTrue((self.directory / "data").is_dir())

    def test_data_dir_that_cannot_be(self) -> None:
        in_the_way = self.directory / "file"
        in_the_way.touch()
        for name, reason in ((in_the_way, "File exists"), (in_the_way / "x", "Not a directory")):
            self.assertEqual(
                self.refusal(f"--data-dir={name}"),
                [
                    f"DATA_DIR: {name} cannot be made: {reason}; expected a directory that can be"
                    " written"
                ],
            )

    def test_infra_envs_dir_that_is_none(self) -> None:
        file = self.directory / "file"
        file.touch()
        for name, reason in (
            ("/nowhere", "No such file or directory"),
            (str(file), "Not a directory"),
            (f"{file}/x", "Not a directory"),
            (f"/{'x' * 300}", "File name too long"),
        ):
            self.assertEqual(
                self.refusal(f"--infra-envs-dir={name}"),
                [
                    f"INFRA_ENVS_DIR: {name} cannot be read: {reason}; expected a directory with a"
                    " subdirectory for each infra-env"
                ],
            )

    def test_aliases_are_named_as_they_were_given(self) -> None:
        """In the environment and on the command line, in every kind of complaint."""
        wrong = {
            "LOG_LEVEL": "x",
            "RHCOS_VERSIONS": "x",
            "HTTPS_CA_FILE": "/nowhere",
            "https_proxy": "ftp://p",
        }
        aliases = {name for setting in SETTINGS for name in setting.names[1:]}
        self.assertEqual(aliases, {*wrong, "http_proxy", "no_proxy"})
        told = sorted(problem.partition(":")[0] for problem in self.refusal(OS_IMAGES="", **wrong))
        self.assertEqual(told, sorted(wrong))
        arguments = [
            f"--{name.lower().replace('_', '-')}={text}"
            for name, text in wrong.items()
            if name.isupper()
        ]
        told = sorted(problem.partition(":")[0] for problem in self.refusal(*arguments))
        self.assertEqual(told, sorted(filter(str.isupper, wrong)))

    def test_trusted_bundles(self) -> None:
        bundle = self.directory / "bundle.pem"
        names = [
            "ASSISTED_SERVICE_API_TRUSTED_CA_FILE",
            "OS_IMAGE_DOWNLOAD_TRUSTED_CA_FILE",
            "REGISTRY_TRUSTED_CA_FILE",
        ]
        for content in (None, b"", b"text"):
            if content is not None:
                bundle.write_bytes(content)
            told = self.refusal(**dict.fromkeys(names, str(bundle)))
            self.assertEqual([problem.partition(":")[0] for problem in told], names)
            for problem in told:
                self.assertIn(f"{bundle} cannot be read as PEM certificates; expected", problem)
        bundle.write_bytes(identity("root", authority=True).certificate_pem)
        self.options(**dict.fromkeys(names, str(bundle)))

    def test_registry_files(self) -> None:
        """They are read at the start, and what is wrong in them is told then."""
        file = self.directory / "file"
        names = ["PULL_SECRET_FILE", "REGISTRIES_CONF"]
        for content in (None, b"s3cr3t", b"\xff"):
            if content is not None:
                file.write_bytes(content)
            told = self.refusal(**dict.fromkeys(names, str(file)))
            self.assertEqual(
                [problem.partition(f": {file}")[0] for problem in told], names, str(told)
            )
            self.assertNotIn("s3cr3t", "".join(told))

    def test_certificate(self) -> None:
        key, certificate = identity("images.example.com").write(self.directory)
        files = {"HTTPS_KEY_FILE": str(key), "HTTPS_CERT_FILE": str(certificate)}
        self.options(**files)
        key.write_bytes(identity("other").key_pem())
        (told,) = self.refusal(**files)
        self.assertIn("HTTPS_KEY_FILE, HTTPS_CERT_FILE: the first certificate in", told)

    def test_secrets_are_not_told(self) -> None:
        secret = json.dumps({"Authorization": "s3cr3t\n"})
        told = self.refusal(
            f"--os-images-request-headers={secret}",
            f"--os-images={os_images(url='ftp://me:s3cr3t@h/?s3cr3t')}",
            HTTPS_PROXY="socks://me:s3cr3t@h",
            PULL_SECRET='{"auths": {"s3cr3t": {"auth": "s3cr3t"}}',
        )
        self.assertEqual(len(told), 4)
        self.assertNotIn("s3cr3t", "".join(told))


UNPRIVILEGED = """
import os, sys
from twisted.python.usage import UsageError
from assisted_images.settings.options import Options

def wrong(**changes):
    options = Options(dict(os.environ) | changes)
    try:
        options.parseOptions([])
    except UsageError as error:
        return str(error)
    return "nothing"

# Once as it is, which loads whatever lies where only root may look.
first = wrong()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.stdout.write(first + "\\n" + wrong(**{name: sys.argv[1] for name in sys.argv[2:]}))
"""
"""
Reads the settings of the environment, then again with a path in place of some, as a user without
privileges.
"""


class UnprivilegedTests(SynchronousTestCase):
    """Paths below a directory that the user may not enter are wrong settings."""

    def test_paths_that_cannot_be_reached(self) -> None:
        directory = Path(self.mktemp()).absolute()
        closed, infra_envs = directory / "closed", directory / "infra-envs"
        for made in (closed / "inside", infra_envs):
            made.mkdir(parents=True)
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o700)
        names = [
            setting.name
            for setting in SETTINGS
            if setting.key.endswith(("_dir", "_file", "_conf")) and setting.used
        ]
        # The test's own directory may be one that not everybody may enter: this is about reasons.
        sound = {"DATA_DIR": str(directory / "data"), "INFRA_ENVS_DIR": str(infra_envs)}
        environment = base_environment() | sound | {"IMAGE_SERVICE_BASE_URL": "http://h"}
        for path in (closed / "inside", closed, closed / "inside" / "file"):
            ended = subprocess.run(
                [sys.executable, "-c", UNPRIVILEGED, str(path), *names],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(ended.stderr, "")
            first, _, *problems = ended.stdout.splitlines()
            self.assertEqual(first, "nothing")
            told = [name for line in problems for name in line.partition(":")[0].split(",")]
            self.assertEqual(sorted(map(str.strip, told)), sorted(names), ended.stdout)
