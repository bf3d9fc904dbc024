"""C{WWW-Authenticate}, as registries and others write it."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.registries.challenges import Challenge, parse_challenges
from tests.properties import given

_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
_CHALLENGES = st.builds(Challenge, _NAMES, st.dictionaries(_NAMES, _TEXTS, min_size=1, max_size=4))


def written(challenge: Challenge) -> str:
    """The challenge as a field's value, all parameters quoted."""
    pairs = (
        '{}="{}"'.format(name, text.replace("\\", "\\\\").replace('"', '\\"'))
        for name, text in challenge.parameters.items()
    )
    return f"{challenge.scheme} {', '.join(pairs)}"


class ChallengesTests(SynchronousTestCase):
    @given(st.lists(_CHALLENGES, max_size=3))
    def test_read_as_written(self, challenges: list[Challenge]) -> None:
        """Whether in one field or in several."""
        self.assertEqual(parse_challenges(map(written, challenges)), tuple(challenges))
        self.assertEqual(parse_challenges([", ".join(map(written, challenges))]), tuple(challenges))

    @given(_TEXTS)
    def test_anything(self, text: str) -> None:
        """No text is too odd."""
        parse_challenges([text, f'Bearer realm="{text}', f"Basic {text}, Bearer {text}"])

    def test_as_others_write_them(self) -> None:
        for value, expected in {
            'Bearer realm="https://auth/t",service="r",scope="repository:a/b:pull"': [
                Challenge(
                    "bearer",
                    {"realm": "https://auth/t", "service": "r", "scope": "repository:a/b:pull"},
                )
            ],
            "BASIC Realm = registry": [Challenge("basic", {"realm": "registry"})],
            'Negotiate, Basic realm="x"': [
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": "x"}),
            ],
            'Negotiate YII==, Basic realm="x"': [
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": "x"}),
            ],
            "": [],
        }.items():
            self.assertEqual(parse_challenges([value]), tuple(expected))
