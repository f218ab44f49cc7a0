"""Reads along on a line: who answers, by which key, and how much is noise."""

from dataclasses import dataclass, field

from firmware_bridge.osdp import frames, handshake
from firmware_bridge.osdp.health import Facts, Health, diagnose


@dataclass(slots=True)
class _Heard:
    """What came from a reader since it was last called; `mark` is where noise began."""

    mark: int = 0
    answered: bool = False
    default_key: bool = False
    asked: bool = False
    noise: int = 0


@dataclass(slots=True)
class _Ear:
    """One reader: what was heard since its last call, and in the one before."""

    now: _Heard = field(default_factory=_Heard)
    before: _Heard = field(default_factory=_Heard)
    challenge: bytes = b""


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
            ear = self.ears.get(frame.address)
            if ear is not None and frame.code == frames.CHALLENGE:
                ear.challenge = frame.data

    def came(self, raw: bytes) -> bool:
        """Hear what came in; return whether somebody answered in it."""
        answered = False
        for frame in self._tap.feed(raw):
            if not frame.reply:
                continue
            answered = True
            self.answers.add(frame.address)
            if ear := self.ears.get(frame.address):
                ear.now.answered = True
                if frame.code == frames.CHALLENGE and ear.challenge:
                    known = (handshake.DEFAULT_KEY, ear.challenge, frame.data)
                    ear.now.default_key = handshake.proves(*known)
        return answered

    def called(self, address: int) -> None:
        """Take note that a lost reader is called anew."""
        ear = self.ears[address]
        ear.now.noise = self._tap.noise - ear.now.mark
        ear.before, ear.now = ear.now, _Heard(self._tap.noise)

    def question(self, address: int, challenge: bytes) -> frames.Frame | None:
        """Return what tells whether a reader has the default key; None where asked.

        Only one that answered to its own key and did not know it is asked.
        """
        ear = self.ears[address]
        if not ear.before.answered or ear.now.asked:
            return None
        ear.now.asked, ear.challenge = True, challenge
        return frames.Frame(
            address, frames.CHALLENGE, challenge, block=handshake.BY_DEFAULT
        )

    def health(self, address: int, *, secure: bool) -> Health:
        """Say how a reader is."""
        ear = self.ears.get(address, _Ear())
        now, before = ear.now, ear.before
        return diagnose(
            Facts(
                secure,
                now.answered or before.answered,
                now.default_key or before.default_key,
                max(before.noise, self._tap.noise - now.mark),
                self.others,
            )
        )


def listener(addresses: list[int]) -> Listener:
    """Return a listener for a line's readers."""
    return Listener({address: _Ear() for address in addresses})
