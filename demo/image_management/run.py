"""C{make run-ims}: prepare what is needed, start the service, say what to try, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from demo.certificate import QEMU_HOST
from demo.image_management.environment import Prepared, prepare, s3_keys
from demo.image_management.filling import Filling
from demo.image_management.guide import IPXE_SCRIPT, Served, guide, ipxe_script
from demo.image_management.job_guide import Workable
from demo.image_management.jobs import Login
from demo.ingredients import find_ingredients
from demo.s3_server import S3ServerFailed
from demo.service import ROOT, Reactor, ServiceProcess
from demo.serving import (
    START_SECONDS,
    checked,
    prepared_in,
    say,
    say_packages,
    serve_until_interrupted,
)
from image_management.s3.access import S3Access
from image_management.s3.objects import ObjectStore
from image_management.settings.options import Options
from image_management.settings.settings import Settings


async def run(reactor: Reactor, data: Path) -> None:
    """
    Serve until interrupted.

    @param data: the directory of what is made.
    @raise SystemExit: something is wrong; the text says what.
    """
    prepared_in(data, lambda: data.mkdir(parents=True, exist_ok=True))
    try:
        prepared = await prepare(reactor, os.environ, data)
    except (S3ServerFailed, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f"There is no S3 server: {error}\nName one: make run-ims S3_ENDPOINT=https://…"
            " S3_ACCESS_KEY=… S3_SECRET_KEY=…"
        ) from None
    try:
        settings = checked(Options(prepared.settings), "make run-ims")
        if prepared.server is not None:
            prepared.server.make_bucket(settings.s3_ims_bucket)
            prepared.server.make_bucket(settings.s3_boot_images_bucket)
        await serve_until_interrupted(
            reactor,
            "image-management",
            prepared.settings,
            data / "service.log",
            lambda service: _show(reactor, service, prepared, settings, data),
        )
    finally:
        if prepared.server is not None:
            await prepared.server.kill()


async def _show(
    reactor: Reactor, service: ServiceProcess, prepared: Prepared, settings: Settings, data: Path
) -> None:
    """
    Make the samples, and say what to try.

    @raise ServiceFailed: the service or S3 refuses.
    """
    authority = prepared.certificate.authority
    # It listens before its reactor runs, when Ctrl-C is a traceback in its log.
    await service.wait_until_healthy(START_SECONDS, authority.read_bytes(), path="/healthz/live")
    if prepared.server is not None:
        say(f"The S3 server is versitygw at {settings.s3_endpoint}; its files are in {data / 's3'}")
        say(f"Its keys, for a shell, are in {s3_keys(data)}")
    say("Making the samples")
    access = S3Access(
        settings.s3_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key,
        settings.s3_region,
        settings.s3_ssl_validate,
    )
    found = find_ingredients()
    filling = Filling(service, authority.read_bytes(), ObjectStore(reactor, access))
    recipe_id = await filling.recipe(settings.s3_ims_bucket)
    image_id = await filling.image(settings.s3_boot_images_bucket, found, data)
    tls, plain = (service.url("", scheme=scheme) for scheme in ("https", "http"))
    boot_files = data / "boot"
    boot_files.mkdir(exist_ok=True)
    base = f"http://{QEMU_HOST}:{service.ports['http']}/v3/images"
    (boot_files / IPXE_SCRIPT).write_text(ipxe_script(base))
    workable: Workable | str | None = prepared.no_jobs
    if workable is None:
        login = Login(data / "ssh", settings.ims_ssh_host)
        key_id = await filling.public_key(login.public_key)
        workable = Workable(plain, recipe_id, key_id, login.config)
    for line in guide(Served(tls, plain, authority, image_id, recipe_id, boot_files, workable)):
        say(line)
    if found.kernel is None or found.busybox is None:
        say("\nThe sample image does not boot: no kernel or busybox was found.  For one that does:")
        say_packages()
    say("\nCtrl-C stops the service.")


def main() -> None:
    """
    Run on the global reactor; a problem is one message and exit status 1.  What is made goes to the
    directory that the command line names.
    """
    data = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "demo-data/image-management"

    def begin(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(run(reactor, data))

    react(begin)
