"""Small stand-ins that keep state; the contract suites hold them to the real ones."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cloud_sync.model import Answer, Dispatch, Outcome
from devices.model.errors import LockSilent
from devices.model.locks import Lock
from enrolment.model.documents import OutsideAnswer, TextLine
from enrolment.model.faces import (
    Comparison,
    Description,
    EngineName,
    Match,
    Related,
    Seen,
)
from enrolment.ports import Frame
from ledger.clock import Trust


@dataclass
class FixedClock:
    """A clock that stands until it is moved."""

    at: datetime
    trust: Trust = Trust.SURE

    def now(self) -> datetime:
        return self.at

    def witness(self, seen: datetime) -> None:
        self.at = max(self.at, seen)

    def confirm(self, told: datetime) -> None:
        self.trust = Trust.SURE

    @property
    def claimed(self) -> datetime:
        return self.at

    @property
    def sure_until(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass
class FakeDriver:
    """A lock that does as told, or is silent; remembers what it was told."""

    told: list[tuple[Any, ...]] = field(default_factory=list)
    silent: bool = False

    def _take(self, *command: Any) -> None:
        if self.silent:
            raise LockSilent("gone")
        self.told.append(command)

    async def release(self, lock: Lock) -> None:
        self._take("release", lock.id)

    async def write_pin(self, lock: Lock, slot: int, pin: str) -> None:
        self._take("write", lock.id, slot, pin)

    async def clear_pin(self, lock: Lock, slot: int) -> None:
        self._take("clear", lock.id, slot)

    async def ask_slot(self, lock: Lock, slot: int) -> None:
        self._take("ask", lock.id, slot)

    async def ask_state(self, lock: Lock) -> None:
        self._take("state", lock.id)


@dataclass
class FakePapers:
    """An officer's counter that gave one code, for whatever is asked."""

    code: str = "12345678"
    silent: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def check_paper(
        self, paper: tuple[str, str, str], code: str, registration: str
    ) -> OutsideAnswer:
        if self.silent:
            return OutsideAnswer.NO_ANSWER
        self.asked.append(paper)
        good = code == self.code
        return OutsideAnswer.MATCH if good else OutsideAnswer.CODE_WRONG


DOCUMENT = Description(b"\x02" * 512)
MOVES = Related(0.2, 0.3, 0.7)


@dataclass
class FakeFaces:
    """Answers every comparison with what it was given.

    A frame is what it is said to show: its bytes name an entry of `shows`.
    """

    answer: Comparison
    liveness: tuple[str, ...] = ("fake",)
    eyes: bool = True
    engine: EngineName = EngineName.SFACE
    description: Description = DOCUMENT
    shows: dict[bytes, Seen] = field(default_factory=dict)
    related: Related = MOVES
    described: int = 0

    async def compare(self, live: bytes, document: bytes) -> Comparison:
        return self.answer

    async def describe(self, picture: bytes) -> Description:
        self.described += 1
        return self.description

    async def measure(
        self, frames: Sequence[Frame], *, first: bool = False
    ) -> Sequence[Seen]:
        return [replace(self.shows[raw], at=at) for at, raw in frames]

    async def relate(self, seen: Sequence[Seen], *, first: bool = False) -> Related:
        return self.related

    async def match(
        self, document: bytes, looks: Sequence[Seen], *, first: bool = False
    ) -> Match:
        return Match(self.answer.similarity, self.answer.template)


@dataclass
class FakeReader:
    """Reads the lines that it was given, whatever the picture."""

    lines: list[str] = field(default_factory=list)
    score: float = 1.0

    async def read(self, picture: bytes) -> Sequence[TextLine]:
        return [TextLine(each, self.score) for each in self.lines]


@dataclass
class FakeCameras:
    """Cameras at doors that show what they were given, frame after frame."""

    shows: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def there(self, door: str) -> bool:
        return door in self.shows

    async def frames(
        self, door: str, lasts: float
    ) -> AsyncGenerator[tuple[float, bytes], None]:
        self.asked.append(door)
        every = self.shows[door]
        for number, raw in enumerate(every, start=1):
            yield number * lasts / len(every), raw


@dataclass
class FakeRegistry:
    """A registry that takes each key once, or answers as it is told to."""

    profile: str = "police"
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[Callable[[Dispatch], Answer]] = field(default_factory=list)
    seen: list[Dispatch] = field(default_factory=list)

    async def send(self, dispatch: Dispatch) -> Answer:
        self.seen.append(dispatch)
        if self.answers:
            return self.answers.pop(0)(dispatch)
        self.taken.setdefault(str(dispatch.key), dispatch.report)
        return Answer(
            Outcome.ACCEPTED,
            receipt=b'{"report": "digest", "received_at": "2026-11-22"}',
        )
