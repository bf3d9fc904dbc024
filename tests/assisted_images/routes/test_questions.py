"""What requests ask: read once for all that have the same head, and never seen in a log."""

from __future__ import annotations

from collections.abc import Mapping

import jwt
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import Credential, CredentialKind
from assisted_images.routes.parameters import Facts, Parameters, Question
from assisted_images.store.states import ImageState
from httpd.representation.segments import Representation
from httpd.web.problems import Problem
from tests.assisted_images.routes.application import ID, IMAGE, VERSION, content
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase
from tests.httpd.web.serving import begin

SHORTER = Representation.from_bytes(IMAGE[:90_000])


class ParametersTests(SynchronousTestCase):
    """All that decides what is asked."""

    def test_query_parameter(self) -> None:
        """One that is empty is none."""
        parameters = Parameters((), ((b"a", b"1"), (b"b", b""), (b"c", b"\xff")))
        values = [parameters.parameter(name) for name in "abcd"]
        self.assertEqual(values, ["1", None, "\ufffd", None])

    def test_shows_no_secret(self) -> None:
        secret = "swordfish"
        parameters = Parameters((secret,), ((b"api_key", secret.encode()),), secret)
        self.assertNotIn(secret, repr(parameters))


class QuestionTests(SynchronousTestCase):
    """What comes of parameters."""

    def reading(self, parameters: Parameters, facts: Facts) -> Credential:
        facts["version"] = parameters.path[0]
        if len(parameters.path) > 1:
            raise Problem(404, "too many parts")
        return parameters.credential()

    def test_refused(self) -> None:
        """As often as it is asked, with what could be read; each time another exception is raised:
        it refers to the request that it ends."""
        question = Question.read(self.reading, Parameters(("4.18", "x")))
        problems = []
        for _ in range(2):
            with self.assertRaises(Problem) as caught:
                _ = question.wanted
            problems.append(caught.exception)
        self.assertIsNot(problems[0], problems[1])
        self.assertEqual({(one.status, one.detail) for one in problems}, {(404, "too many parts")})
        self.assertEqual(question.facts, {"version": "4.18"})

    def test_facts_of_the_query(self) -> None:
        """Whether or not the rest makes sense; what is in the path counts more; in short."""
        query = (
            (b"version", b"4.18"),
            (b"arch", b"arm64"),
            (b"type", b"t" * 1000),
            (b"api_key", b"swordfish"),
        )
        for path in (("4.17",), ("4.17", "x")):
            facts = Question.read(self.reading, Parameters(path, query)).facts
            self.assertEqual(facts.keys(), {"version", "arch", "type"})
            self.assertEqual((facts["version"], facts["arch"]), ("4.17", "arm64"))
            self.assertEqual(len(facts["type"]), 400)

    def test_shows_no_secret(self) -> None:
        parameters = Parameters(("4.18",), ((b"api_key", b"swordfish"),))
        question = Question.read(self.reading, parameters)
        self.assertEqual(question.wanted, Credential(CredentialKind.API_KEY, "swordfish"))
        self.assertNotIn("swordfish", repr(question))


class RepeatedRequestTests(RoutesTestCase):
    """What requests over and over again find."""

    def paths(self) -> Mapping[str, Mapping[str, str]]:
        """One of each route, and its credential in a header."""
        return {
            f"/byid/{ID}/{VERSION}/x86_64/full.iso": {"Authorization": "Bearer h"},
            f"/byapikey/{TOKEN}/{VERSION}/x86_64/minimal.iso": {},
            f"/bytoken/{TOKEN}/{VERSION}/x86_64/full.iso": {},
            f"/images/{ID}?version={VERSION}&type=full-iso&api_key=k": {},
            f"/images/{ID}/pxe-initrd?version={VERSION}&image_token=k": {},
            f"/images/{ID}/s390x-initrd-addrsize?version={VERSION}": {"Authorization": "Bearer h"},
        }

    async def test_same_question(self) -> None:
        """The source is asked the very same for all that come with one head."""
        for path, headers in self.paths().items():
            for _ in range(2):
                begun = await begin(self.port, path, headers)
                self.assertTrue(begun.startswith(b"HTTP/1.1 200 "), path)
            first, second = self.infra_envs.asked
            self.assertIs(first, second)
            self.infra_envs.asked.clear()

    async def test_another_credential(self) -> None:
        """Is another question, on every route."""
        other = jwt.encode({"sub": ID}, "j" * 32)
        for path, headers in self.paths().items():
            again = path.replace(TOKEN, other).replace("=k", "=l")
            await self.get(path, headers)
            await self.get(again, {name: value + "x" for name, value in headers.items()})
            first, second = self.infra_envs.asked
            self.assertNotEqual(first.credential, second.credential, path)
            self.infra_envs.asked.clear()

    async def test_present_state_of_the_image(self) -> None:
        """It counts at each request, and a new file is another representation."""
        path = f"/byid/{ID}/{VERSION}/x86_64/full.iso"
        image = self.images.images[0]
        first = await self.get(path)
        image.change(ImageState.FAILED, "404 Not Found")
        self.assertEqual((await self.get(path)).status, 503)
        image.change(ImageState.READY, ready=content(last_modified=5.0, image=SHORTER))
        again = await self.get(path)
        self.assertEqual((first.status, again.status), (200, 200))
        self.assertEqual(len(again.body), SHORTER.length)
