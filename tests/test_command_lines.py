"""What the commands tell of themselves: help with examples, and completion in real shells."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from assisted_images.settings.options import Options as AssistedImagesOptions
from httpd.command_lines.completion import SHELLS
from httpd.command_lines.description import Command
from httpd.command_lines.options import completion, described_program
from httpd.settings.options import VersionedOptions
from image_management.settings.options import Options as ImageManagementOptions
from tests.demo.terminal import Terminal
from tests.running import base_environment, console_script, found_program
from tests.shared_files import PROGRAMS

CASES = (
    ("assisted-images ver", ["verify"]),
    ("assisted-images infra-env ", ["new"]),
    ("assisted-images infra-env new --k", ["--kargs", "--kargs-delete", "--kargs-replace"]),
    ("assisted-images customise --minimal --kargs-r", ["--kargs-replace"]),
    ("assisted-images serve --listen-p", ["--listen-port"]),
    ("assisted-images completion ", ["bash", "fish", "zsh"]),
    ("image-management im", ["import"]),
    ("image-management export --ims-d", ["--ims-data-dir"]),
)
"""The beginning of a line, and what may follow."""


def commands() -> Iterator[Command]:
    for program in PROGRAMS:
        yield from described_program(program).all()


class HelpTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """Each command has some, and its help ends with them."""
        for command in commands():
            self.assertTrue(command.examples, command.path)
        kinds: list[type[VersionedOptions]] = [AssistedImagesOptions, ImageManagementOptions]
        for kind in (*PROGRAMS, *kinds):
            text = kind().getUsage()
            self.assertTrue(text.rstrip().endswith(kind.examples[-1]), kind)

    def test_examples_that_could_be_typed(self) -> None:
        """They are of their command, and have its options alone."""
        found = {command.path: command for command in commands()}
        for command in commands():
            for line in command.examples:
                words = shlex.split(line.partition(" | ")[0])
                while "=" in words[0]:  # a variable of the environment
                    del words[0]
                if words[0] == "twistd":
                    continue
                path = max((path for path in found if tuple(words[: len(path)]) == path), key=len)
                self.assertEqual(path[: len(command.path)], command.path, line)
                known = {f"--{option.name}" for option in found[path].options}
                given = {word for word in words if word.startswith("--")}
                self.assertLessEqual(given, known, line)


class CompletionTests(SynchronousTestCase):
    """What bash and fish offer; they can be asked."""

    def in_bash(self, line: str) -> list[str]:
        words = line.split(" ")
        function = "_" + words[0].replace("-", "_")
        script = "".join(completion(program, "bash") for program in PROGRAMS)
        asked = f"{script}COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; {function}"
        found = run("bash", "-c", f'{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return sorted(filter(None, found.splitlines()))

    def test_bash(self) -> None:
        for line, expected in CASES:
            self.assertEqual(self.in_bash(line), expected, line)
        self.assertEqual(self.in_bash("assisted-images customise --ignition h"), [], "a file")

    def test_everything_in_bash(self) -> None:
        """All commands and all options."""
        for command in commands():
            line = " ".join(command.path)
            below = sorted([*(one.name for one in command.commands), *command.operands])
            self.assertEqual(self.in_bash(f"{line} "), below)
            options = sorted(f"--{option.name}" for option in command.options)
            self.assertEqual(self.in_bash(f"{line} --"), options)

    def test_fish(self) -> None:
        script = "".join(completion(program, "fish") for program in PROGRAMS)
        home = Path(self.mktemp()).resolve()
        home.mkdir()
        for line, expected in CASES:
            told = run("fish", "-c", f"{script}complete -C {shlex.quote(line)}", HOME=str(home))
            found = sorted(one.partition("\t")[0] for one in told.splitlines())
            self.assertEqual(found, expected, line)

    def test_as_the_commands_print_it(self) -> None:
        for program in PROGRAMS:
            for shell in SHELLS:
                printed = run(*console_script(program.program, "completion", shell))
                self.assertEqual(printed, completion(program, shell))

    def test_unknown_shell(self) -> None:
        for program in PROGRAMS:
            command = console_script(program.program, "completion", "tcsh")
            done = subprocess.run(
                command, capture_output=True, check=False, env=base_environment(), text=True
            )
            self.assertEqual(done.returncode, 2)
            self.assertIn("unknown shell 'tcsh'; expected one shell: bash, zsh, fish", done.stderr)


class ZshTests(TestCase):
    """What zsh completes for somebody at a keyboard; it cannot be asked otherwise."""

    timeout = 120

    async def test_completes(self) -> None:
        functions = Path(self.mktemp()).resolve()
        functions.mkdir()
        for program in PROGRAMS:
            script = completion(program, "zsh")
            (functions / f"_{program.program}").write_text(script, "utf-8")
        terminal = Terminal()
        reactor: Any = _reactor
        wide = ("/bin/sh", "-c", 'stty rows 40 cols 150 && exec "$@"', "sh")
        environment = base_environment() | {"TERM": "xterm", "HOME": str(functions)}
        shell = [*wide, found_program("zsh"), "-f", "-i"]
        reactor.spawnProcess(terminal, shell[0], shell, environment, usePTY=True)
        self.addCleanup(lambda: terminal.ended)
        self.addCleanup(terminal.press, b"\x15exit\r")
        setup = f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; print re''ady\r"
        terminal.press(setup.encode())
        await terminal.until("\nready")
        for line, expected in CASES:
            terminal.output = ""
            terminal.press(line.encode() + b"\t\t")
            for word in expected:
                await terminal.until(word)
            self.assertIsNone(terminal.status)
            terminal.press(b"\x15")


def run(program: str, *arguments: str, **environment: str) -> str:
    """What a program writes that succeeds, and says nothing else."""
    done = subprocess.run(
        [found_program(program) if "/" not in program else program, *arguments],
        capture_output=True,
        check=False,
        env=base_environment() | environment,
        text=True,
    )
    if done.returncode or done.stderr:
        raise AssertionError(f"{program}: {done.returncode}, {done.stderr}")
    return done.stdout
