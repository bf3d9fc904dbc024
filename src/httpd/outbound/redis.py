"""
A client of one Redis server (or of what speaks as one: Valkey, KeyDB): a connection that is kept
up, and answers that come soon or not at all.

What asks can do without an answer: it never waits for a connection, and for an answer not longer
than L{ANSWER_SECONDS}; who cannot wait so long leaves before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

import hiredis
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS

from httpd.concurrency.coroutine_service import Background
from httpd.outbound.failures import reason_of, was_cancelled
from httpd.redis_urls import RedisPlace

ANSWER_SECONDS = 1.0
"""A server that has not answered by then is away."""

_CONNECT_SECONDS = 5.0

_FIRST_DELAY = 0.2
"""Seconds until a connection is tried again; twice as many with each failure in a row."""

_LONGEST_DELAY = 5.0

Word = str | bytes | int
"""A word of a command."""

Ask = Callable[..., Awaitable[Any]]
"""L{Redis.ask}, or the same of one connection."""


class RedisAway(Exception):
    """There is no answer to be had now.  The text is the reason, in one phrase, without secrets."""


class _Connection(Protocol):
    """Commands and their replies, which come in the same order (RESP, version 2)."""

    transport: Any

    def __init__(self, clock: IReactorTime) -> None:
        self.lost: Deferred[RedisAway] = Deferred()
        self._clock = clock
        self._reader = hiredis.Reader()
        self._asked: deque[tuple[Deferred[Any], IDelayedCall]] = deque()
        self._reason: RedisAway | None = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)

    async def ask(self, *words: Word) -> Any:
        """
        The reply: bytes, a number, a list of them, or C{None}.

        @raise RedisAway: none has come in time, or it is a refusal; that ends the connection.
        """
        if self._reason is not None:
            raise self._reason
        # The reply to what nobody waits for any more comes all the same, and then goes nowhere.
        reply: Deferred[Any] = Deferred()
        self._asked.append((reply, self._clock.callLater(ANSWER_SECONDS, self._late)))
        self.transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]
        return await reply

    def _late(self) -> None:
        self.end(RedisAway(f"no answer within {ANSWER_SECONDS:g} s"))

    def dataReceived(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._received(reply)
        except (hiredis.ProtocolError, IndexError):
            self.end(RedisAway("it does not speak as Redis does"))

    def _received(self, reply: Any) -> None:
        asked, late = self._asked.popleft()
        if late.active():
            late.cancel()
        if isinstance(reply, hiredis.ReplyError):
            # The first word is a code, such as OOM or NOPERM; the rest may quote what was asked.
            code = str(reply).partition(" ")[0]
            refusal = RedisAway(f"it refuses what it is asked for ({code})")
            asked.errback(refusal)
            self.end(refusal)
        else:
            asked.callback(reply)

    def end(self, reason: RedisAway) -> None:
        """Have it end, and say why."""
        self._reason = self._reason or reason
        self.leave()

    def leave(self) -> None:
        """Have it end, if it has ever begun."""
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reason = self._reason or RedisAway(reason_of(cast(Exception, reason.value)))
        self.lost.callback(self._reason)
        asked, self._asked = self._asked, deque()
        for reply, late in asked:
            if late.active():
                late.cancel()
            reply.errback(self._reason)


class Redis(Background):
    """The client; says in the log when the server goes away, and when it comes back."""

    failed = "the connection to Redis is not kept up any more"
    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        place: RedisPlace,
        policy: IPolicyForHTTPS,
        greet: Callable[[Ask], Awaitable[None]],
    ) -> None:
        """
        @param policy: whom TLS trusts.
        @param greet: what each connection begins with.  A server that refuses any of it is away:
            let it be what will be asked for, that this shows before it is needed.
        """
        self._reactor = reactor
        self._place = place
        self._policy = policy
        self._greet = greet
        self._connection: _Connection | None = None
        self._told: bool | None = None

    @property
    def is_there(self) -> bool:
        """Whether the server can be asked."""
        return self._connection is not None

    async def ask(self, *words: Word) -> Any:
        """
        Send a command, such as C{"GET", "key"}.

        @return: the reply: bytes, a number, a list of them, or C{None}.
        @raise RedisAway: there is none.
        """
        if self._connection is None:
            raise RedisAway("there is no connection")
        return await self._connection.ask(*words)

    async def run(self) -> None:
        """Keep a connection up."""
        delay = _FIRST_DELAY
        while self.running:
            connection = _Connection(self._reactor)
            try:
                await connectProtocol(self._endpoint(), connection)
                await self._begin(connection)
                self._connection, delay = connection, _FIRST_DELAY
                self._say(there=True)
                reason = str(await connection.lost)
            except RedisAway as error:
                reason = str(error)
            except Exception as error:
                reason = reason_of(error)
            self._connection = None
            connection.leave()
            if self.running:
                self._say(there=False, reason=reason)
                await deferLater(self._reactor, delay)
                delay = min(2 * delay, _LONGEST_DELAY)

    async def visit(self) -> None:
        """
        Connect once, begin as always, and leave again.

        @raise RedisAway: that cannot be done.
        """
        connection = _Connection(self._reactor)
        try:
            await connectProtocol(self._endpoint(), connection)
            await self._begin(connection)
        except RedisAway:
            raise
        except Exception as error:
            if was_cancelled(error):
                raise
            raise RedisAway(reason_of(error)) from None
        finally:
            connection.leave()

    def _endpoint(self) -> IStreamClientEndpoint:
        host, port = self._place.host, self._place.port
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, host, port, timeout=_CONNECT_SECONDS
        )
        if not self._place.tls:
            return endpoint
        return wrapClientTLS(self._policy.creatorForNetloc(host.encode("ascii"), port), endpoint)

    async def _begin(self, connection: _Connection) -> None:
        place = self._place
        if place.password is not None:
            await connection.ask("AUTH", *([place.user] if place.user else []), place.password)
        if place.database:
            await connection.ask("SELECT", place.database)
        await self._greet(connection.ask)

    def _say(self, *, there: bool, reason: str = "") -> None:
        if there is self._told:
            return
        self._told = there
        if there:
            self._log.info("Redis at {place} is there", place=str(self._place))
        else:
            self._log.warn(
                "Redis at {place} is away, and is done without: {reason}",
                place=str(self._place),
                reason=reason,
            )
