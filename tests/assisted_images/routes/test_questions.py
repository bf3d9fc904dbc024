"""What requests ask: read once for all that ask the same, and never seen in a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jwt
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import Credential, CredentialKind
from assisted_images.routes.parameters import Facts, Parameters, Question, kept_questions
from assisted_images.store.states import ImageState
from httpd.representation.segments import Representation
from httpd.web.problems import Problem
from tests.assisted_images.routes.application import ID, IMAGE, VERSION, content
from tests.assisted_images.routes.routes import TOKEN, RoutesTestCase

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


class KeptQuestionsTests(SynchronousTestCase):
    """The same object for the same parameters, as long as it is kept."""

    def setUp(self) -> None:
        self.read: list[Parameters] = []
        self.ask: Callable[[Parameters], Question[Credential]] = kept_questions(self.reading)

    def reading(self, parameters: Parameters, facts: Facts) -> Credential:
        self.read.append(parameters)
        facts["version"] = parameters.path[0]
        if len(parameters.path) > 1:
            raise Problem(404, "too many parts")
        return parameters.credential()

    def test_same_object(self) -> None:
        questions = {
            id(self.ask(Parameters(("4.18",), ((b"arch", b"arm64"),), "Bearer x")))
            for _ in range(3)
        }
        self.assertEqual((len(questions), len(self.read)), (1, 1))

    def test_others_never_share(self) -> None:
        first = Parameters(("4.18",), ((b"api_key", b"x"),), "Bearer x")
        self.ask(first)
        for other in (
            first._replace(path=("4.17",)),
            first._replace(query=()),
            first._replace(query=((b"api_key", b"y"),)),
            first._replace(query=((b"image_token", b"x"),)),
            first._replace(authorization=None),
            first._replace(authorization="Bearer y"),
        ):
            self.assertIsNot(self.ask(other), self.ask(first))
            self.assertEqual(self.ask(other).wanted, other.credential())

    def test_refused(self) -> None:
        """As often as it is asked, with what could be read; each time another exception is raised:
        it refers to the request that it ends."""
        question = self.ask(Parameters(("4.18", "x")))
        problems = []
        for _ in range(2):
            with self.assertRaises(Problem) as caught:
                _ = question.wanted
            problems.append(caught.exception)
        self.assertIsNot(problems[0], problems[1])
        self.assertEqual({(one.status, one.detail) for one in problems}, {(404, "too many parts")})
        self.assertEqual(question.facts, {"version": "4.18"})

    def test_bounded(self) -> None:
        """What has not been asked for the longest time is forgotten."""
        for number in range(1000):
            self.ask(Parameters((str(number),)))
            self.ask(Parameters(("often",)))
        self.assertEqual(len(self.read), 1001)
        self.ask(Parameters(("0",)))
        self.assertEqual(len(self.read), 1002)

    def test_shows_no_secret(self) -> None:
        question = self.ask(Parameters(("4.18",), ((b"api_key", b"swordfish"),)))
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
        """The source is asked the very same for them."""
        for path, headers in self.paths().items():
            for _ in range(2):
                self.assertEqual((await self.get(path, headers)).status, 200, path)
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
