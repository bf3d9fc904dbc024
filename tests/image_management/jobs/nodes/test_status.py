"""What nodes answer, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.nodes.choice import least_loaded
from image_management.jobs.nodes.commands import Finished, SshError
from image_management.jobs.nodes.status import LOGGED_IN, NodeStatus, ask_all
from image_management.records.words import Architecture
from tests.properties import given

GOOD = NodeStatus("x1", LOGGED_IN, "x86_64", "/usr/bin/podman", 0)

NODES = st.builds(
    NodeStatus,
    st.sampled_from(["x1", "x2", "x3", "x4"]),
    arch=st.sampled_from([*Architecture, "Unknown"]),
    jobs=st.integers(-1, 3),
)


def said(text: str, status: int | None = 0, errors: str = "") -> Finished:
    """What a command may have said."""
    return Finished(status, text.encode(), errors.encode())


class AnswerTests(SynchronousTestCase):
    """One question after the other."""

    def status(self, **answers: Finished | SshError) -> NodeStatus:
        """What comes of answers to what is asked; those of a good node where nothing is said."""
        good = {"uname": said("x86_64\n"), "podman": said("/usr/bin/podman\n"), "find": said("")}
        given: Mapping[str, Finished | SshError] = good | answers

        async def ask(command: str) -> Finished:
            [answer] = [given[name] for name in given if name in command.split()]
            if isinstance(answer, SshError):
                raise answer
            return answer

        status: NodeStatus = self.successResultOf(ask_all(ask, NodeStatus("x1", LOGGED_IN)))
        return status

    def test_good(self) -> None:
        self.assertEqual(self.status(), GOOD)
        self.assertEqual(
            GOOD.document(),
            {
                "xname": "x1",
                "sshStatus": "logged in as root",
                "podmanStatus": "/usr/bin/podman",
                "nodeArch": "x86_64",
                "numCurrentJobs": 0,
                "ableToRunJobs": True,
            },
        )
        busy = self.status(uname=said("aarch64\n"), find=said("/tmp/ims_1\n/tmp/ims_2\n"))
        self.assertEqual(busy, replace(GOOD, arch="aarch64", jobs=2))

    def test_not_good(self) -> None:
        """The first that is not says why; what follows is not known."""
        no_arch = NodeStatus("x1", LOGGED_IN)
        for answer, why in (
            (said("ppc64le\n"), "'ppc64le'; expected x86_64 or aarch64"),
            (said(""), "''; expected x86_64 or aarch64"),
            (said("", 127, "no uname\n"), "uname -m ended with status 127: 'no uname'"),
            (said("x86_64", None), "uname -m ended by a signal: ''"),
            (SshError("no answer within 10 s"), "no answer within 10 s"),
        ):
            self.assertEqual(self.status(uname=answer), replace(no_arch, arch=why))
        no_podman = replace(no_arch, arch="x86_64")
        for answer, why in (
            (said("", 127), "podman is not there; expected /usr/bin/podman"),
            (said("", 0), "podman is not there; expected /usr/bin/podman"),
            (said("/opt/podman\n"), "podman is '/opt/podman'; expected /usr/bin/podman"),
            (SshError("the connection broke"), "the connection broke"),
        ):
            self.assertEqual(self.status(podman=answer), replace(no_podman, podman=why))
        for answer in (said("/tmp/ims_1\n", 1, "no"), SshError("the connection broke")):
            status = self.status(find=answer)
            self.assertEqual(status, replace(GOOD, jobs=-1))
            self.assertFalse(status.able)

    def test_long_answers(self) -> None:
        """What a node says is shown on one line, and not all of it."""
        for answers in (
            {"uname": said("\n\x1b[31m" * 5000 + "x")},
            {"uname": said("", 1, "\n\x1b[31m" * 5000 + "x")},
            {"podman": said("\u202e" * 5000)},
        ):
            status = self.status(**answers)
            for text in (status.arch, status.podman):
                self.assertTrue(text.isprintable() and text.isascii() and len(text) < 300, text)


class ChoiceTests(SynchronousTestCase):
    """The least loaded node."""

    def test_load(self) -> None:
        """What the node knows, or what we know: the more counts; a tie goes by name."""
        one, two = replace(GOOD, xname="x1", jobs=1), replace(GOOD, xname="x2", jobs=2)
        for unfinished, chosen in (
            ({}, one),
            ({"x1": 1}, one),
            ({"x1": 2}, one),
            ({"x1": 3}, two),
            ({"x1": 3, "x2": 4}, one),
        ):
            for nodes in ([one, two], [two, one]):
                self.assertEqual(least_loaded(nodes, Architecture.X86_64, unfinished), chosen)

    def test_none(self) -> None:
        for nodes in ([], [replace(GOOD, arch="aarch64")], [replace(GOOD, jobs=-1)]):
            self.assertIsNone(least_loaded(nodes, Architecture.X86_64, {}))

    @given(
        st.lists(NODES, unique_by=lambda node: node.xname),
        st.sampled_from(Architecture),
        st.dictionaries(st.sampled_from(["x1", "x2", "x3", "x5"]), st.integers(0, 4)),
    )
    def test_any(
        self, nodes: list[NodeStatus], arch: Architecture, unfinished: dict[str, int]
    ) -> None:
        """No other node that can do it has less to do, or comes first with as much."""
        chosen = least_loaded(nodes, arch, unfinished)
        able = [node for node in nodes if node.able and node.arch == arch]
        if chosen is None:
            self.assertEqual(able, [])
            return
        self.assertIn(chosen, able)
        for node in able:
            loads = [max(one.jobs, unfinished.get(one.xname, 0)) for one in (chosen, node)]
            self.assertTrue(loads[0] < loads[1] or chosen.xname <= node.xname)
            self.assertLessEqual(*loads)
