"""A connection to an MQTT broker: what it acknowledges is on disk first."""

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.model.errors import BrokerRefused, LockSilent
from firmware_bridge.mqtt.topics import carried
from ledger.errors import LedgerError

log = logging.getLogger(__name__)
PAUSE_FIRST = 0.2
PAUSE_MAX = 30.0
ANSWER_WITHIN = 5.0
# How many messages may wait for the disk before the socket is left unread.
WAITING_MAX = 500
WAITING_LOW = 100
SESSION_SECONDS = 7 * 24 * 3600
PENDING_QUIET = 10_000
REFUSED = 0x80
# Connections that ended over one topic before it is left out; one may have been chance.
ENDS = 2
LOST = (aiomqtt.MqttError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool


Take = Callable[[Incoming], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is, who we are to it, which MQTT it speaks, and our will."""

    host: str
    port: int
    identifier: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    version: int = 5
    will: str = ""


class Connected(Protocol):
    """Told each time the connection stands anew, and each time it is gone."""

    async def __call__(self) -> None: ...


class _Client(aiomqtt.Client):
    """aiomqtt with its queue replaced by a hand-over that counts what waits."""

    def __init__(self, address: BrokerAddress, take: Take) -> None:
        five = address.version == 5  # noqa: PLR2004 - MQTT's own version number
        connect = _lasting() if five else None
        super().__init__(
            address.host,
            address.port,
            identifier=address.identifier,
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V5 if five else None,
            clean_session=None if five else False,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=connect,
            will=_will(address),
            timeout=ANSWER_WITHIN,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self.pending_calls_threshold = PENDING_QUIET
        self.refused: dict[int, ReasonCode] = {}
        self._take = take
        self._waiting = 0
        self._paused: tuple[int, Callable[[], None]] | None = None
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's own signature
        self._client.on_message = self._hand_over
        self._client.on_publish = self._published
        self._disconnected.add_done_callback(self._ended)

    def _ended(self, ended: asyncio.Future[None]) -> None:
        """Tell whoever waits for a subscription's answer that none will come."""
        if not ended.cancelled():
            ended.exception()  # seen here: perhaps nobody waits for it yet
        for asked in self._pending_subscribes.values():
            if not asked.done():
                asked.set_exception(aiomqtt.MqttError("connection lost"))

    def _hand_over(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        incoming = Incoming(message.topic, bytes(message.payload), message.retain)
        kept = self._take(incoming)
        if kept is None:
            self._acknowledge(message)
            return
        self._waiting += 1
        done = asyncio.ensure_future(kept)  # noqa: TID251 - ends with the ledger's write
        done.add_done_callback(lambda ended: self._settle(message, ended))
        if self._waiting >= WAITING_MAX:
            self._pause()

    def _settle(self, message: MQTTMessage, ended: asyncio.Future[None]) -> None:
        self._waiting -= 1
        if self._waiting <= WAITING_LOW:
            self._resume()
        if ended.cancelled():
            return
        error = ended.exception()
        if isinstance(error, LedgerError):
            log.warning("a message was not kept and stays unacknowledged")
            return
        if error is not None:
            # Whatever it says: held back, it would hold back all that come after it.
            log.error("a message was not understood: %s", type(error).__name__)
        self._acknowledge(message)

    def _acknowledge(self, message: MQTTMessage) -> None:
        if message.qos:
            self._client.ack(message.mid, message.qos)

    def _pause(self) -> None:
        sock = self._client.socket()
        if self._paused or sock is None:
            return
        self._loop.remove_reader(sock.fileno())
        self._paused = (sock.fileno(), self._read_again)

    def _resume(self) -> None:
        if self._paused is None:
            return
        number, callback = self._paused
        self._paused = None
        sock = self._client.socket()
        if sock is not None and sock.fileno() == number:
            self._loop.add_reader(number, callback)

    def _read_again(self) -> None:
        try:
            self._client.loop_read()
        except OSError as error:
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _published(  # paho's own signature
        self, client: Any, userdata: Any, mid: int, code: ReasonCode, properties: Any
    ) -> None:
        if code is not None and code.value >= REFUSED:
            self.refused[mid] = code
        self._on_publish(client, userdata, mid, code, properties)

    async def gone(self) -> None:
        """Return or raise once the connection is lost."""
        await asyncio.shield(self._disconnected)

    def send(
        self, topic: str, payload: bytes, qos: int, *, retain: bool
    ) -> Awaitable[None]:
        """Send now; await the answer for the broker's word (MQTT 5's reason code)."""
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc:
            raise LockSilent("the broker is not connected")
        told = asyncio.Event()
        if info.is_published():
            told.set()
        else:
            self._pending_publishes[info.mid] = told
        return self._answer(topic, info.mid, told)

    async def _answer(self, topic: str, mid: int, told: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await told.wait()
        except TimeoutError as error:
            raise LockSilent("the broker did not take the command") from error
        finally:
            self._pending_publishes.pop(mid, None)
        if code := self.refused.pop(mid, None):
            raise BrokerRefused(f"the broker refused {topic}: {code}")


@dataclass(slots=True)
class BrokerLink:
    """One lasting connection: reconnects with jitter, reads no faster than it keeps."""

    address: BrokerAddress
    topics: tuple[str, ...]
    take: Take
    connected: Connected | None = None
    unheard: set[str] = field(default_factory=set)
    _ended_by: dict[str, int] = field(default_factory=dict)
    _client: _Client | None = None

    @property
    def up(self) -> bool:
        """Whether the broker is connected now."""
        return self._client is not None

    async def run(self) -> None:
        """Keep the connection for ever."""
        pause = PAUSE_FIRST
        while True:
            try:
                await self._serve()
                pause = PAUSE_FIRST
            except LOST as error:
                log.info("broker unreachable: %s", type(error).__name__)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter
            pause = min(pause * 2, PAUSE_MAX)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> Awaitable[None]:
        """Send at once; await the answer to know that the broker has it (QoS 1).

        Raises LockSilent without a connection or an answer within 5 s, BrokerRefused
        where the broker's reason code says so.
        """
        if self._client is None:
            raise LockSilent("the broker is not connected")
        try:
            return self._client.send(topic, payload, qos, retain=retain)
        except (OSError, ValueError) as error:
            raise LockSilent("the broker did not take the command") from error

    async def listen(self, topics: Sequence[str]) -> None:
        """Listen on topics, now and after every reconnection.

        The broker then tells again what it keeps for them.
        """
        self.topics += tuple(topic for topic in topics if topic not in self.topics)
        if self._client is not None:
            with suppress(*LOST):  # with the next connection it is asked for again
                await self._subscribe(self._client, topics)

    async def ignore(self, topics: Collection[str]) -> None:
        """Listen on topics no more."""
        self.topics = tuple(topic for topic in self.topics if topic not in topics)
        self.unheard.difference_update(topics)
        if (client := self._client) is None:
            return
        for topic in topics:
            with suppress(*LOST, ValueError):
                await client.unsubscribe(topic)

    async def _subscribe(self, client: _Client, topics: Sequence[str]) -> None:
        """Listen on topics; one that is refused or unsound concerns itself alone.

        A broker may end the connection for a topic where another refuses it: that is
        left out the next time, once two connections ended so.
        """
        for topic in topics:
            if self._ended_by.get(topic, 0) >= ENDS:
                self._ended_by[topic] = ENDS - 1  # asked for with the next connection
                self.unheard.add(topic)
                log.warning("the broker ends connections over %s", ascii(topic[:80]))
            elif await self._heard(client, topic):
                self.unheard.discard(topic)
            else:
                log.warning("the broker does not tell of %s", ascii(topic[:80]))
                self.unheard.add(topic)

    async def _heard(self, client: _Client, topic: str) -> bool:
        if not carried(topic):  # a broker would end the connection for it
            return False
        try:
            codes = await client.subscribe([(topic, self._wanted())])
        except ValueError:  # paho's word for a filter that is none
            return False
        except LOST:
            self._ended_by[topic] = self._ended_by.get(topic, 0) + 1
            raise
        self._ended_by.pop(topic, None)
        return all(getattr(code, "value", code) < REFUSED for code in codes)

    def _wanted(self) -> Any:
        if self.address.version == 5:  # noqa: PLR2004 - MQTT's own version number
            # What Lodge says itself need not come back to it.
            return SubscribeOptions(qos=1, noLocal=True)
        return 1

    async def _serve(self) -> None:
        client = _Client(self.address, self.take)
        async with client:
            try:
                await self._subscribe(client, self.topics)
                self._client = client
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(client.gone())
                    if self.connected is not None:
                        tasks.create_task(self.connected())
            except ExceptionGroup as group:
                # Not `except*`: before 3.11.4 what is raised in it arrives in a group.
                _, others = group.split(LOST)
                if others is not None:
                    raise
                raise aiomqtt.MqttError("connection lost") from group
            finally:
                self._client = None


def _will(address: BrokerAddress) -> aiomqtt.Will | None:
    """Return what the broker says of us once we are gone: a topic set to offline."""
    if not address.will:
        return None
    return aiomqtt.Will(address.will, b"offline", qos=1, retain=True)


def _lasting() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho
    properties.SessionExpiryInterval = SESSION_SECONDS
    return properties
