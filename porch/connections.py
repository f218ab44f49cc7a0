"""Who is connected: so many from one source, so many in all, none that only waits.

A connection that says nothing whole is let go first; those that are being answered
stay. What pages may have leaves file descriptors for the broker, lines and the disk.
"""

import ipaddress
import resource
import socket
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

# A browser opens six connections; a household behind one address some dozens.
PER_SOURCE, IN_ALL = 64, 256
# Connections taken in a row before the loop turns to other things: a door's message.
AT_ONCE = 8
# How often in a second room is made for a source that has all its connections: whoever
# opens them without end is closed at once, which costs next to nothing.
ROOM_MADE = 20
# Seconds in which a request has said what it wants, its handshake included; a
# connection that is done with one may wait as long for the next.
HEAD_WITHIN = 10.0
# Descriptors that a box may have: pages take a quarter of them at most.
DESCRIPTORS = 4096
# One source's share of the addresses that IPv6 gives it (RFC 6177).
SITE = 64


class Answering(Protocol):
    """What serves a connection, and knows whether it is answering now."""

    @property
    def busy(self) -> bool: ...


class Connection(socket.socket):
    """A connection that says when it is let go."""

    book: "Connections | None" = None
    peer: Any = None
    source: str = ""

    def close(self) -> None:
        """Let the connection go."""
        if self.book is not None:
            self.book.forget(self)
        super().close()


@dataclass(slots=True)
class Waiting:
    """Since when a connection has had nothing answered, and what serves it."""

    since: float
    served_by: Answering | None = None

    @property
    def busy(self) -> bool:
        """Whether it is being answered."""
        return self.served_by is not None and self.served_by.busy


@dataclass(slots=True)
class Connections:
    """The connections of one server, by source."""

    per_source: int = PER_SOURCE
    in_all: int = field(default_factory=lambda: min(IN_ALL, descriptors() // 4))
    proxies: frozenset[str] = frozenset()
    known: dict[Connection, Waiting] = field(default_factory=dict)
    peers: dict[Any, Connection] = field(default_factory=dict)
    sources: defaultdict[str, list[Connection]] = field(
        default_factory=lambda: defaultdict(list)
    )

    made: dict[str, tuple[float, int]] = field(default_factory=dict)

    def take(self, found: socket.socket, peer: Any, now: float) -> Connection | None:
        """Take a new connection; None where there is no room for it.

        Room is made by letting go of the one of the same source, or of the source that
        has most, that has waited longest without being answered.
        """
        source = site_of(peer)
        mine = self.sources.get(source, [])
        own = source not in self.proxies  # behind one stand many
        if own and len(mine) >= self.per_source and not self._room(source, mine, now):
            return None
        if len(self.known) >= self.in_all and not any(map(self._spare, self._most())):
            return None
        taken = Connection(found.family, found.type, found.proto, fileno=found.detach())
        taken.book, taken.peer, taken.source = self, peer, source
        self.known[taken] = Waiting(now)
        self.peers[peer] = taken
        self.sources[source].append(taken)
        return taken

    def serves(self, peer: Any, by: Answering) -> None:
        """Keep what serves the connection of a peer."""
        if (found := self.peers.get(peer)) is not None:
            self.known[found].served_by = by

    def answered(self, peer: Any, now: float) -> None:
        """Keep that a peer was answered just now."""
        if (found := self.peers.get(peer)) is not None:
            self.known[found].since = now

    def sweep(self, now: float) -> None:
        """Let go of what has waited too long without saying what it wants."""
        over = [source for source, (since, _) in self.made.items() if now - since >= 1]
        for source in over:
            del self.made[source]
        for each, waiting in list(self.known.items()):
            if now - waiting.since >= HEAD_WITHIN and not waiting.busy:
                self._end(each)

    def forget(self, ended: Connection) -> None:
        """Forget a connection that is let go."""
        if self.known.pop(ended, None) is None:
            return
        if self.peers.get(ended.peer) is ended:
            del self.peers[ended.peer]
        left = self.sources[ended.source]
        left.remove(ended)
        if not left:
            del self.sources[ended.source]

    def _room(self, source: str, mine: list[Connection], now: float) -> bool:
        """Make room among a source's own, not too often."""
        second, made = self.made.get(source, (now, 0))
        if now - second >= 1:
            second, made = now, 0
        if made >= ROOM_MADE or not self._spare(mine):
            return False
        self.made[source] = (second, made + 1)
        return True

    def _most(self) -> list[list[Connection]]:
        """Return the connections by source, of who has most first."""
        return sorted(self.sources.values(), key=len, reverse=True)

    def _spare(self, among: list[Connection]) -> bool:
        for each in among:  # the oldest first
            if not self.known[each].busy:
                self._end(each)
                return True
        return False

    def _end(self, ended: Connection) -> None:
        """Have the loop find it closed, and forget it at once."""
        self.forget(ended)
        with suppress(OSError):
            ended.shutdown(socket.SHUT_RDWR)


class Listener(socket.socket):
    """A listening socket that takes no more connections than there is room for."""

    book: Connections
    _in_a_row = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; raise ConnectionAbortedError where it finds no room.

        Raises BlockingIOError now and then, as where there is none: it is asked again.
        """
        self._in_a_row += 1
        if self._in_a_row > AT_ONCE:
            self._in_a_row = 0
            raise BlockingIOError
        found, peer = super().accept()
        taken = self.book.take(found, peer, time.monotonic())
        if taken is None:
            found.close()
            raise ConnectionAbortedError
        return taken, peer


def listen(host: str, port: int, book: Connections) -> Listener:
    """Listen on an address; raise OSError where that cannot be."""
    told = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # Of a name with both, the older: what stands before us speaks to that.
    told.sort(key=lambda each: each[0] != socket.AF_INET)
    family, kind, proto, _, address = told[0]
    found = Listener(family, kind, proto)
    found.book = book
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found


def site_of(peer: Any) -> str:
    """Return whom a connection counts for: an address, or a site of IPv6."""
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except (ValueError, IndexError, AttributeError, TypeError):
        return "here"  # a Unix socket has no address
    if isinstance(address, ipaddress.IPv6Address):
        if (mapped := address.ipv4_mapped) is not None:
            return str(mapped)
        return str(ipaddress.ip_network((address, SITE), strict=False))
    return str(address)


def descriptors() -> int:
    """Have as many file descriptors as a box may; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
