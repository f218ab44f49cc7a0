"""The face worker and the reader of documents, as the box sees them."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from enrolment.adapters.faces import BYTES_MAX
from enrolment.adapters.faces.helper import Helper
from enrolment.model.documents import TextLine
from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import (
    Alive,
    Comparison,
    Description,
    EngineName,
    Face,
    FaceFault,
    Match,
    Related,
    Seen,
)
from enrolment.ports import Frame

WORKER = (sys.executable, "-m", "enrolment.adapters.faces.worker")
READER = (sys.executable, "-m", "enrolment.adapters.faces.reader")
ANSWER_WITHIN, READ_WITHIN = 10.0, 40.0
# The reader needs a third of a gigabyte: it goes when nobody has asked it for a while.
IDLE = 60.0
# What a template begins with, so that no engine takes another one's for its own.
TEMPLATE = 128 * 4
# What a comparison with nobody gives: the least that a cosine can be.
NOBODY = -1.0
MARKS = {EngineName.SFACE: b"", EngineName.DLIB: b"dlib"}
NUMBERS = ("size", "turn", "tilt", "eyes", "whole", "sharp", "light")


@dataclass(slots=True)
class FaceWorker(Helper):
    """Fulfils FaceEngine; `engine` turns faces into numbers in its program."""

    command: tuple[str, ...] = WORKER
    answer_within: float = ANSWER_WITHIN
    engine: EngineName = EngineName.SFACE

    @property
    def liveness(self) -> Sequence[str]:
        """The networks that the worker has opened."""
        return tuple(self.ready.get("liveness", ()))

    @property
    def eyes(self) -> bool:
        """Whether it says how far eyes are open."""
        return bool(self.ready.get("eyes"))

    async def compare(self, live: bytes, document: bytes) -> Comparison:
        return await self.compare_sides([live], [document])

    async def compare_sides(
        self, live: Sequence[bytes], document: Sequence[bytes]
    ) -> Comparison:
        """Compare two people, each by one picture or several, fused."""
        for name, pictures in (("live", live), ("document", document)):
            if any(len(each) > BYTES_MAX for each in pictures):
                fault = FaceFault.TOO_MANY_BYTES
                return Comparison(fault=fault, at_fault=name)
        asked = {"do": "compare", "live": len(live)}
        mark = MARKS[self.engine]

        def read(head: Mapping[str, Any], blobs: list[bytes]) -> Comparison:
            return _comparison(head, [mark + each for each in blobs])

        return await self.ask(asked, [*live, *document], read)

    async def describe(self, picture: bytes) -> Description:
        if len(picture) > BYTES_MAX:
            return Description(fault=FaceFault.TOO_MANY_BYTES)
        mark = MARKS[self.engine]

        def read(head: Mapping[str, Any], blobs: list[bytes]) -> Description:
            if "fault" in head:
                return Description(fault=FaceFault(head["fault"]))
            return Description(mark + blobs[0])

        return await self.ask({"do": "describe"}, [picture], read)

    async def measure(
        self, frames: Sequence[Frame], *, first: bool = False
    ) -> Sequence[Seen]:
        """Measure frames one by one, so that a door waits for one of them at most."""
        found: list[Seen] = []
        for at, raw in frames:

            def read(
                head: Mapping[str, Any], blobs: list[bytes], at: float = at
            ) -> Sequence[Seen]:
                return list(_seen([at], head["seen"], blobs, MARKS[self.engine]))

            found += await self.ask({"do": "measure"}, [raw], read, first=first)
        return found

    async def relate(self, seen: Sequence[Seen], *, first: bool = False) -> Related:
        good = [each for each in seen if each.fault is None]
        blobs = [each.thumb for each in good] + _bare(good)
        asked = {"do": "relate", "at": [each.at for each in good]}
        return await self.ask(
            asked,
            blobs,
            lambda head, _: Related(head["nearest"], head["middle"], head["same"]),
            first=first,
        )

    async def match(
        self, document: bytes, looks: Sequence[Seen], *, first: bool = False
    ) -> Match:
        if not looks:
            return Match(NOBODY, b"")
        if self.engine is not _made_by(document):
            raise FaceEngineDown("this template is another engine's: scan anew")
        blobs = [document[-TEMPLATE:], *_bare(looks)]
        mark = MARKS[self.engine]

        def read(head: Mapping[str, Any], told: list[bytes]) -> Match:
            return Match(head["similarity"], mark + told[0])

        return await self.ask({"do": "match"}, blobs, read, first=first)

    async def alive(self, picture: bytes) -> Alive | FaceFault:
        """Return what each liveness network thinks of one picture, or its fault."""

        def read(head: Mapping[str, Any], _blobs: list[bytes]) -> Alive | FaceFault:
            if "fault" in head:
                return FaceFault(head["fault"])
            return Alive(dict(head["live"]), dict(head["ms"]))

        return await self.ask({"do": "alive"}, [picture], read)


@dataclass(slots=True)
class DocumentReader(Helper):
    """Fulfils TextReader."""

    command: tuple[str, ...] = READER
    answer_within: float = READ_WITHIN
    _over: asyncio.TimerHandle | None = field(default=None)

    async def read(self, picture: bytes) -> Sequence[TextLine]:
        if len(picture) > BYTES_MAX:
            return ()
        if self._over is not None:
            self._over.cancel()
        try:
            return await self.ask(
                {"do": "read"},
                [picture],
                lambda head, _: [TextLine(*each) for each in head["lines"]],
            )
        except FaceEngineDown:
            return ()  # what is not read is looked at by a person
        finally:
            loop = asyncio.get_running_loop()
            self._over = loop.call_later(IDLE, self.idle)

    def idle(self) -> None:
        """End the program where nobody waits for it."""
        if not self._waiting:
            self.kill()


def _comparison(head: Mapping[str, Any], blobs: list[bytes]) -> Comparison:
    faces = tuple(Face(tuple(face["box"]), face["score"]) for face in head["faces"])
    ms = tuple(head["ms"].items())
    if "fault" in head:
        fault = FaceFault(head["fault"])
        return Comparison(fault=fault, at_fault=head["at_fault"], faces=faces, ms=ms)
    return Comparison(head["similarity"], faces=faces, template=blobs[0], ms=ms)


def _made_by(template: bytes) -> EngineName:
    mark = template[:-TEMPLATE]
    found = (name for name, told in MARKS.items() if told == mark)
    return next(found, EngineName.SFACE)


def _bare(looks: Sequence[Seen]) -> list[bytes]:
    """Return templates as the worker takes them, without what made them."""
    return [each.template[-TEMPLATE:] for each in looks]


def _seen(
    moments: Sequence[float],
    told: Sequence[Mapping[str, Any]],
    blobs: list[bytes],
    mark: bytes,
) -> Iterator[Seen]:
    rest = iter(blobs)
    for at, each in zip(moments, told, strict=True):
        if "fault" in each:
            yield Seen(at, FaceFault(each["fault"]))
            continue
        thumb, template = next(rest), next(rest)
        centre = (each["centre"][0], each["centre"][1])
        numbers = {name: each[name] for name in NUMBERS}
        yield Seen(
            at,
            None,
            centre,
            **numbers,
            live=each["live"],
            thumb=thumb,
            template=mark + template,
        )
