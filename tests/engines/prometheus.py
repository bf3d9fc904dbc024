"""Prometheus, of the distribution's packages, as a process that scrapes services."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from treq import content
from treq.client import HTTPClient
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent

from tests.bench.processes import free_port
from tests.engines.listening_process import ListeningProcess
from tests.httpd.outbound.servers import trial_reactor
from tests.running import found_program

_TRIES = 5
_POLL_SECONDS = 0.2


class Prometheus:
    """A server that looks every second at its targets and rules."""

    def __init__(self, directory: Path) -> None:
        """
        @param directory: an empty one.
        """
        self._directory = directory
        self._process: ListeningProcess | None = None
        self._port = 0

    async def start(self, targets: Mapping[str, int], rules: Sequence[Path]) -> None:
        """
        Run it, and wait until it answers.

        @param targets: ports of loopback, by the jobs that scrape them.
        @raise AssertionError: it ends instead; with what it has said.
        """
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for job, port in targets.items()
            ],
            "rule_files": [str(path) for path in rules],
        }
        file = self._directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(settings), "utf-8")
        for _ in range(_TRIES):
            self._port = free_port()
            self._process = process = ListeningProcess(b"Server is ready to receive web requests")
            program = found_program("prometheus")
            arguments = [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ]
            trial_reactor().spawnProcess(process, program, arguments, env={"PATH": os.defpath})
            if await process.listens:
                return
        raise AssertionError(f"prometheus does not start: {process.said.decode()}")

    async def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.signal("KILL")
            await process.ended

    async def ask(self, path: str, **parameters: str) -> Any:
        """
        The data of an answer of its API.

        @raise AssertionError: it is an error.
        """
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urlencode(parameters)}"
        response = await HTTPClient(Agent(trial_reactor())).get(url)
        answer = json.loads(await content(response))
        if answer["status"] != "success":
            raise AssertionError(f"{parameters}: {answer['error']}")
        return answer["data"]

    async def query(self, query: str) -> list[dict[str, Any]]:
        """
        What a query gives now.

        @raise AssertionError: it is no query.
        """
        result: list[dict[str, Any]] = (await self.ask("query", query=query))["result"]
        return result

    async def until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Ask again and again; the test's time limit ends it."""
        while not await is_so():
            await deferLater(trial_reactor(), _POLL_SECONDS)


async def start_prometheus(
    test: TestCase, targets: Mapping[str, int], rules: Sequence[Path]
) -> Prometheus:
    """A server; the test's end kills it."""
    directory = Path(test.mktemp()).resolve()
    directory.mkdir(parents=True)
    server = Prometheus(directory)
    test.addCleanup(server.kill)
    await server.start(targets, rules)
    return server
