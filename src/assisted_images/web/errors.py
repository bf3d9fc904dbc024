"""Which status each error of the layers below has (contract, section 4)."""

from __future__ import annotations

from assisted_images.infra_envs.configurations import InfraEnvError
from assisted_images.iso.compose import AreaOverflow, NoKernelArgumentArea
from assisted_images.iso.errors import IsoError
from assisted_images.kargs import BadKernelArgument
from assisted_images.web.problems import Problem


def problem_of(error: Exception) -> Problem | None:
    """The problem that tells a client of C{error}; L{None} for errors that are our own fault."""
    match error:
        case Problem():
            return error
        case InfraEnvError():
            return Problem(error.status, str(error))
        case NoKernelArgumentArea():
            return Problem(400, str(error))
        case AreaOverflow() | BadKernelArgument() | IsoError():
            return Problem(422, str(error))
    return None
