"""Templates of recipes: filled in, and shut in."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.local.templates import NAMES_FILE, BadTemplate, fill_in

DICTIONARY = {"HOST": "mirror", "EMPTY": ""}


class TemplateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recipe = Path(self.mktemp()).resolve()
        self.recipe.mkdir()
        self.file = self.recipe / "config.xml"

    def names(self, text: str) -> None:
        (self.recipe / NAMES_FILE).write_text(text)

    def template(self, text: str) -> None:
        self.names("template_files: [config.xml]")
        self.file.write_text(text)

    def refused(self, dictionary: dict[str, str] | None = None) -> str:
        with self.assertRaises(BadTemplate) as refused:
            fill_in(self.recipe, DICTIONARY if dictionary is None else dictionary)
        return str(refused.exception)

    def test_filled_in(self) -> None:
        self.template("<a path='http://{{HOST}}/{{ EMPTY }}'/>{% if X %}no{% endif %}\n")
        self.assertIn("config.xml", fill_in(self.recipe, DICTIONARY))
        self.assertEqual(self.file.read_text(), "<a path='http://mirror/'/>\n")

    def test_none(self) -> None:
        self.file.write_text("{{HOST}}")
        self.assertEqual(fill_in(self.recipe, {}), "")
        self.assertIn("no .ims_recipe_template.yaml", fill_in(self.recipe, DICTIONARY))
        self.assertEqual(self.file.read_text(), "{{HOST}}")

    def test_no_dictionary(self) -> None:
        self.template("{{HOST}}")
        self.assertIn("dictionary", self.refused({}))

    def test_names(self) -> None:
        outside = self.recipe.parent / "outside.txt"
        outside.write_text("{{HOST}}")
        (self.recipe / "link").symlink_to(outside)
        for names in (
            "[",
            "- config.xml",
            "template_files: config.xml",
            "template_files: [1]",
            "template_files: ['../outside.txt']",
            f"template_files: ['{outside}']",
            "template_files: [link]",
            "template_files: [/etc/passwd]",
            "template_files: ['no\\0thing']",
            "template_files: [nothing]",
            f"template_files: {['config.xml'] * 1001}",
            "!!python/object/apply:os.system ['touch x']",
        ):
            self.names(names)
            self.file.write_text("{{HOST}}")
            self.refused()
        self.assertEqual(outside.read_text(), "{{HOST}}")

    def test_shut_in(self) -> None:
        for text in (
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ self.__init__.__globals__ }}",
            "{{ cycler.__init__.__globals__.os.system('id') }}",
            "{{ '{0.__class__}'.format(HOST).x.y }}",
            "{% include 'config.xml' %}",
            "{% for x in range(10000000000) %}{% endfor %}",
            "{{ 1 / 0 }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{{",
        ):
            self.template(text)
            self.assertIn("config.xml", self.refused())
            self.assertEqual(self.file.read_text(), text)

    def test_too_large(self) -> None:
        self.template("{% for x in range(99999) %}{{ HOST * 100 }}{% endfor %}")
        self.assertIn("come of it", self.refused())
        self.template("x" * (10 * 1024 * 1024 + 1))
        self.assertIn("config.xml", self.refused())
