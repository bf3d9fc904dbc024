"""That pages are run, and that what is wrong in one is noticed."""

from __future__ import annotations

import os
from pathlib import Path

from tests.docs.pages import read_page
from tests.docs.running import PageTestCase


class RunningTests(PageTestCase):
    timeout = 60

    async def run_text(self, text: str, *, at_length: bool = False) -> None:
        await self.run_page(read_page(Path("page.md"), text), at_length=at_length)

    async def failure(self, text: str) -> str:
        try:
            await self.run_text(text)
        except AssertionError as error:
            return str(error)
        raise AssertionError(f"nothing is noticed of {text}")

    async def test_blocks_are_one_shell_and_find_files(self) -> None:
        await self.run_text(
            '```json title="data.json"\n{"é": 1}\n```\n'
            "```sh\nname=data\n```\nthen\n\n```sh\ncat $name.json\n```\n\nIt prints\n\n"
            '```text\n{"é": 1}\n```\n'
        )

    async def test_a_command_that_fails(self) -> None:
        error = await self.failure("```sh\ntrue\n```\n\n```sh\necho said; false | cat\n```\n")
        self.assertTrue(error.startswith("page.md:5: status 1\n"), error)
        self.assertIn("\nsaid\n", error)
        self.assertIn("unbound variable", await self.failure("```sh\necho $none\n```"))

    async def test_what_is_promised(self) -> None:
        page = "```sh\nseq 5\n```\n\n```text\n{}\n```\n"
        for right in ("1\n2\n3\n4\n5", "1\n…\n5", "…", "…\n3\n…", "1\n2\n3\n…\n4\n5"):
            await self.run_text(page.format(right))
        for wrong in ("1", "1\n…\n4", "2\n…", "1\n.\n3\n4\n5"):
            error = await self.failure(page.format(wrong))
            self.assertTrue(error.startswith("page.md:1: the page promises"), error)
        await self.run_text("```sh\necho 'size 17 bytes'\n```\n```text\nsize … bytes\n```\n")

    async def test_text_that_is_not_printed(self) -> None:
        """In another section it is about something else."""
        await self.run_text("```sh\ntrue\n```\n\n## Next\n\n```text\nnothing\n```\n")

    async def test_something_that_goes_on(self) -> None:
        """Its last line is waited for; Ctrl-C ends it, and what it has begun."""
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        await self.run_text(
            f'```json title="service"\ntrap "touch {folder}/ended; exit" INT\n'
            f"echo $$ >{folder}/pid\necho one\necho it is there\nsleep 3600\n```\n"
            '```sh title="In a terminal of its own"\nbash service\n```\n\n'
            "```text\nit … there\n```\n\n"
            f"```sh\nkill -0 $(cat {folder}/pid)\n```\n"
        )
        self.assertTrue((folder / "ended").exists())
        with self.assertRaises(ProcessLookupError):
            os.kill(int((folder / "pid").read_text()), 0)

    async def test_something_that_ends_before_it_has_begun(self) -> None:
        error = await self.failure(
            '```sh title="In a terminal of its own"\necho no\n```\n\n```text\nyes\n```\n'
        )
        self.assertIn("page.md:1", error)
        self.assertIn("\nno\n", error)

    async def test_what_somebody_else_runs(self) -> None:
        await self.run_text("<!-- tested by make test -->\n```sh\nfalse\n```\n", at_length=True)
        page = "<!-- tested by make docs-test -->\n\n```sh\nfalse\n```\n"
        await self.run_text(page)
        with self.assertRaises(AssertionError):
            await self.run_text(page, at_length=True)

    async def test_places(self) -> None:
        """An example's host is this machine, its ports are free."""
        await self.run_text(
            "```sh\nurl=http://images.example.com:8080 port=8080 id=4000-8080-a\n"
            'test "$url" = "http://localhost:$port" && test "$port" != 80""80\n'
            'test "$id" = "4000-80""80-a"\n```\n'
        )

    async def test_needs_that_there_are_none_of(self) -> None:
        self.assertIn("'a moon'", await self.failure("<!-- needs: a moon -->\n\n```sh\ntrue\n```"))

    def test_fences_that_are_wrong(self) -> None:
        for text in ("```sh\n", "```sh tilte='x'\n```\n"):
            with self.assertRaises(ValueError):
                read_page(Path("page.md"), text)
