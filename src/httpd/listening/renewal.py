"""Renewing a listener's certificate while it listens."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from httpd.concurrency.coroutine_service import Background
from httpd.concurrency.threads import RunInThread
from httpd.listening.tls import ServerTls, TlsError

LOOK_SECONDS = 3.0
"""
How often the files are looked at: their content, as secrets that Kubernetes mounts change by a
symbolic link's turn, and other tools keep a file's time.
"""


TICKET_KEY_SECONDS = 24 * 3600.0
"""
For how long one key encrypts the tickets by which clients resume their sessions: as long as Go's.
Who has the key can read the sessions of TLS 1.2 that went on with it.
"""


class CertificateRenewal(Background):
    """
    Looks at the files of a listener's certificate now and then, and takes what is new in them for
    new connections.  What cannot be used leaves the old certificate where it is, and is logged
    once for each change.  Another context has another key for tickets: from time to time the same
    files make one.
    """

    failed = "certificates are not renewed any more"
    _log = Logger()

    def __init__(self, tls: ServerTls, clock: IReactorTime, run_in_thread: RunInThread) -> None:
        self._tls = tls
        self._clock = clock
        self._run_in_thread = run_in_thread

    async def run(self) -> None:
        """Look, until cancelled."""
        seen, made_at = self._tls.fingerprint, self._clock.seconds()
        while True:
            await deferLater(self._clock, LOOK_SECONDS)
            found = await self._run_in_thread(self._tls.files.fingerprint)
            now = self._clock.seconds()
            if found != seen:
                await self._renew()
                made_at = now
            elif now - made_at >= TICKET_KEY_SECONDS:
                with suppress(TlsError):  # that has been said when it changed
                    self._tls.use(await self._run_in_thread(self._tls.files.context))
                made_at = now
            seen = found

    async def _renew(self) -> None:
        file = str(self._tls.files.certificate_file)
        try:
            self._tls.use(await self._run_in_thread(self._tls.files.context))
        except TlsError as error:
            self._log.error("keeping the old certificate: {reason}", reason=str(error))
        except Exception:
            self._log.failure("keeping the old certificate: {file} cannot be used", file=file)
        else:
            self._log.info("new connections get the certificate now in {file}", file=file)
