"""The stages that make a root file system of a recipe: by kiwi, once its repositories answer."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import deferLater

from httpd.outbound.bodies import discard
from httpd.outbound.failures import reason_of, was_cancelled
from image_management.jobs.local.folders import JobFolder
from image_management.jobs.local.logs import append
from image_management.jobs.local.processes import Limits
from image_management.jobs.local.repositories import repository_urls
from image_management.jobs.local.workshop import StageFailed, Workshop

_PAUSE = 10.0
_PATIENCE = 500.0
_ANSWER_SECONDS = 30.0


async def wait_for_repositories(shop: Workshop, folder: JobFolder) -> None:
    """
    Wait until all repositories of a recipe answer.

    @raise BadDescription: the recipe does not say which they are.
    @raise StageFailed: one has not answered in all that time.
    """
    missing = repository_urls(folder.recipe)
    if not missing:
        append(folder.log, "there is no repository to be waited for")
    until = shop.reactor.seconds() + _PATIENCE
    while missing:
        missing = [url for url in missing if not await _answers(shop, folder, url)]
        if missing and shop.reactor.seconds() >= until:
            raise StageFailed(f"no answer within {_PATIENCE:g} s: {', '.join(missing)}")
        if missing:
            await deferLater(shop.reactor, _PAUSE)


async def _answers(shop: Workshop, folder: JobFolder, url: str) -> bool:
    try:
        asked = shop.agent.request(b"HEAD", url.encode())
        response = await asked.addTimeout(_ANSWER_SECONDS, shop.reactor)
    except Exception as error:
        if was_cancelled(error):
            raise
        append(folder.log, f"{url}: {reason_of(error)}")
        return False
    discard(response)
    append(folder.log, f"{url}: {response.code}")
    return bool(response.code < 400)


async def build(shop: Workshop, folder: JobFolder, limits: Limits, *, debug: bool) -> None:
    """
    Build the root file system, in C{folder.built_root}.

    @raise ProgramFailed: it cannot be built.
    """
    await shop.programs.run(_command(shop, folder, debug), folder.path, folder.log, limits)


def _command(shop: Workshop, folder: JobFolder, debug: bool) -> Sequence[str]:
    return [
        shop.settings.kiwi,
        *(["--debug"] if debug else []),
        *("--type", "tbz", "system", "build"),
        *("--description", str(folder.recipe), "--target-dir", str(folder.build)),
    ]
