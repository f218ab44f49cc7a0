"""Reads along on a line: who answers, by which key, and how much is noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_bridge.osdp import frames, handshake
from firmware_bridge.osdp.handshake import Station
from firmware_bridge.osdp.health import Facts, Health, diagnose


@dataclass(slots=True)
class _Heard:
    """What came from a reader since it was last called; `mark` is where noise began."""

    mark: int = 0
    unsecured: bool = False
    refused: bool = False
    default_key: bool = False
    asked: bool = False
    noise: int = 0


@dataclass(slots=True)
class _Ear:
    """One reader: what was heard since its last call, and in the one before.

    `challenge` is the one that it has not answered yet, `by_default` by which key.
    """

    station: Station
    now: _Heard = field(default_factory=_Heard)
    before: _Heard = field(default_factory=_Heard)
    challenge: bytes = b""
    by_default: bool = False

    def hear(self, frame: frames.Frame) -> None:
        """Take what the reader answers."""
        if frame.code == frames.ABILITIES and not frame.block:
            self.now.unsecured = not _secures(frame.data)
        challenge, self.challenge = self.challenge, b""
        if not challenge:
            return
        decides = self.by_default is self.station.installing
        if frame.code == frames.NAK:
            self.now.refused |= decides
        if frame.code != frames.CHALLENGE:
            return
        default = handshake.proves(handshake.DEFAULT_KEY, challenge, frame.data)
        own = handshake.proves(self.station.key, challenge, frame.data)
        self.now.default_key |= default
        self.now.refused |= decides and not (default if self.by_default else own)


@dataclass(slots=True)
class Listener:
    """Hears both ways; what it knows of a reader counts from call to call."""

    ears: dict[int, _Ear]
    others: tuple[int, ...] = ()
    answers: set[int] = field(default_factory=set)
    _tap: frames.Frames = field(default_factory=frames.Frames)

    def sent(self, raw: bytes) -> None:
        """Hear what the box says."""
        for frame in frames.Frames().feed(raw):
            if ear := self.ears.get(frame.address):
                asks = frame.code == frames.CHALLENGE
                ear.challenge = frame.data if asks else b""
                ear.by_default = frame.block == handshake.BY_DEFAULT

    def came(self, raw: bytes) -> bool:
        """Hear what came in; return whether somebody answered in it."""
        answered = False
        for frame in self._tap.feed(raw):
            if not frame.reply:
                continue
            answered = True
            self.answers.add(frame.address)
            if ear := self.ears.get(frame.address):
                ear.hear(frame)
        return answered

    def called(self, address: int) -> None:
        """Take note that a lost reader is called anew."""
        ear = self.ears[address]
        ear.now.noise = self._tap.noise - ear.now.mark
        ear.before, ear.now = ear.now, _Heard(self._tap.noise)

    def lost(self, address: int) -> None:
        """Take note that a reader that held its key is gone: what it said is past."""
        ear = self.ears[address]
        ear.before, ear.now = _Heard(), _Heard(self._tap.noise)

    def question(self, address: int, challenge: bytes) -> frames.Frame | None:
        """Return what tells whether a reader has the default key; None where asked.

        Only one that did not know its own key is asked.
        """
        ear = self.ears[address]
        if not ear.before.refused or ear.now.asked:
            return None
        ear.now.asked = True
        return frames.Frame(
            address, frames.CHALLENGE, challenge, block=handshake.BY_DEFAULT
        )

    def health(self, address: int, *, secure: bool) -> Health:
        """Say how a reader is."""
        ear = self.ears.get(address)
        if ear is None:
            return diagnose(Facts(secure))
        now, before = ear.now, ear.before
        return diagnose(
            Facts(
                secure,
                now.refused or before.refused,
                now.unsecured or before.unsecured,
                now.default_key or before.default_key,
                max(before.noise, self._tap.noise - now.mark),
                self.others,
            )
        )


def _secures(abilities: bytes) -> bool:
    threes = zip(*[iter(abilities)] * 3, strict=False)
    return any(function == frames.SECURES and level for function, level, _ in threes)


def listener(stations: Sequence[Station]) -> Listener:
    """Return a listener for a line's readers."""
    return Listener({each.address: _Ear(each) for each in stations})
