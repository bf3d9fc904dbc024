"""What C{make run-ims} prints of jobs: lines for a shell, each after the other."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.image_management.jobs import SSH_HOST


@dataclass(frozen=True, slots=True)
class Workable:
    """What there is to begin jobs with."""

    base: str
    """The base URL of the service, without a trailing slash."""

    recipe_id: str
    public_key_id: str
    ssh_config: Path
    """By it L{SSH_HOST} is whatever job the port belongs to."""


def job_guide(workable: Workable, machine: str) -> Iterator[str]:
    """
    The lines to print.

    @param machine: the command line of a virtual machine that boots the image of the shell's
        variable C{image}.
    """
    jobs = f"{workable.base}/v3/jobs"
    job = f"curl --silent {jobs}/$job"
    log = f'curl --no-buffer "{jobs}/$job/log?follow=true"'
    image = f"image=$({job} | jq --raw-output .resultant_image_id)"
    port = """jq '.ssh_containers[0].connection_info."cluster.local".port'"""
    ssh = f"ssh -F {shlex.quote(str(workable.ssh_config))} -p $port {SSH_HOST}"
    shown = """'echo "Customised by ssh" > /etc/issue.d/ssh.issue'"""
    yield "Build an image of the sample recipe by kiwi-ng, in minutes, and follow its log:"
    yield f"  job=$({_begun(workable, 'create', workable.recipe_id, 'built')})"
    yield f"  {log}"
    yield "Open that image, log in, and leave what the new one shows when it boots:"
    yield f"  {image}"
    yield f"""  job=$({_begun(workable, "customize", "'$image'", "customised")})"""
    yield f"  port=$({job} | {port})"
    yield f"  {ssh}"
    yield f"  {ssh} {shown}"
    yield "Finish, and follow the log:"
    finish = """'{"operation": "finish"}'"""
    yield f"  curl --silent --request PATCH --json {finish} {jobs}/$job"
    yield f"  {log}"
    yield "Boot the new one, in a minute or some, until it shows that; Ctrl-A X ends the machine:"
    yield f"  {image}"
    yield f"  {machine}"


def _begun(workable: Workable, job_type: str, artifact: str, name: str) -> str:
    """What begins a job, and says its id."""
    members = {
        "job_type": job_type,
        "artifact_id": artifact,
        "public_key_id": workable.public_key_id,
        "image_root_archive_name": name,
    }
    body = f"'{json.dumps(members)}'"
    return f"curl --silent --json {body} {workable.base}/v3/jobs | jq --raw-output .id"
