"""The face worker as the box sees it: it may die, and an answer still comes."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import (
    Comparison,
    Description,
    Face,
    FaceFault,
    Match,
    Related,
    Seen,
)
from enrolment.ports import Frame

WORKER = (sys.executable, "-m", "enrolment.adapters.faces.worker")
ANSWER_WITHIN = 10.0
HEAD_MAX = 256 * 1024
BLOB_MAX = 64 * 1024
BYTES_MAX = 12 * 1024 * 1024
# Whoever comes while so many wait is told to try again: nobody waits for minutes.
QUEUE_MAX = 16
BROKEN = (TimeoutError, OSError, EOFError, ValueError, LookupError, StopIteration)

NUMBERS = ("size", "turn", "tilt", "sharp", "light")
Told = TypeVar("Told")
Answer = tuple[dict[str, Any], list[bytes]]


@dataclass(slots=True)
class FaceWorker:
    """Fulfils FaceEngine; starts the worker, and starts it again when it dies.

    `recipes` are the liveness networks in JSON (see models.Recipe); `liveness` names
    those that the worker has opened.
    """

    recipes: str = "[]"
    command: tuple[str, ...] = WORKER
    answer_within: float = ANSWER_WITHIN
    liveness: tuple[str, ...] = ()
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

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
        return await self._ask(asked, [*live, *document], _comparison)

    async def describe(self, picture: bytes) -> Description:
        if len(picture) > BYTES_MAX:
            return Description(fault=FaceFault.TOO_MANY_BYTES)
        return await self._ask({"do": "describe"}, [picture], _description)

    async def measure(self, frames: Sequence[Frame]) -> Sequence[Seen]:
        moments = [at for at, _ in frames]

        def read(head: Mapping[str, Any], blobs: list[bytes]) -> Sequence[Seen]:
            return list(_seen(moments, head["seen"], blobs))

        return await self._ask({"do": "measure"}, [raw for _, raw in frames], read)

    async def relate(self, seen: Sequence[Seen]) -> Related:
        good = [each for each in seen if each.fault is None]
        blobs = [each.thumb for each in good] + [each.template for each in good]
        asked = {"do": "relate", "at": [each.at for each in good]}
        return await self._ask(
            asked,
            blobs,
            lambda head, _: Related(head["nearest"], head["middle"], head["same"]),
        )

    async def match(self, document: bytes, looks: Sequence[Seen]) -> Match:
        blobs = [document, *(each.template for each in looks)]

        def read(head: Mapping[str, Any], told: list[bytes]) -> Match:
            return Match(head["similarity"], told[0])

        return await self._ask({"do": "match"}, blobs, read)

    async def alive(self, picture: bytes) -> Mapping[str, float] | FaceFault:
        """Return what each liveness network thinks of one picture, or its fault."""

        def read(
            head: Mapping[str, Any], _blobs: list[bytes]
        ) -> Mapping[str, float] | FaceFault:
            return FaceFault(head["fault"]) if "fault" in head else dict(head["live"])

        return await self._ask({"do": "alive"}, [picture], read)

    async def start(self) -> None:
        """Have the worker ready before the first person waits for it."""
        async with self._turn:
            try:
                async with asyncio.timeout(self.answer_within):
                    await self._running()
            except BROKEN as error:
                await self._stop()
                raise FaceEngineDown("the face worker did not start") from error

    async def close(self) -> None:
        """End the worker."""
        async with self._turn:
            await self._stop()

    @property
    def pid(self) -> int | None:
        """The worker's process, where it runs."""
        return self._process.pid if self._process else None

    async def _ask(
        self,
        asked: Mapping[str, Any],
        blobs: Sequence[bytes],
        read: Callable[[Mapping[str, Any], list[bytes]], Told],
    ) -> Told:
        if self._waiting >= QUEUE_MAX:
            raise FaceEngineDown("too many people at once; try again in a minute")
        self._waiting += 1
        try:
            async with self._turn:
                try:
                    async with asyncio.timeout(self.answer_within):
                        return read(*await self._exchange(asked, blobs))
                except BROKEN as error:
                    await self._stop()
                    raise FaceEngineDown("the face worker did not answer") from error
        finally:
            self._waiting -= 1

    async def _exchange(
        self, asked: Mapping[str, Any], blobs: Sequence[bytes]
    ) -> Answer:
        process = await self._running()
        head = json.dumps({**asked, "sizes": [len(each) for each in blobs]}).encode()
        assert process.stdin is not None  # noqa: S101 - piped in _running
        process.stdin.write(len(head).to_bytes(4) + head)
        process.stdin.writelines(blobs)
        await process.stdin.drain()
        return await _answer(process)

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self.command, self.recipes, stdin=PIPE, stdout=PIPE
            )
            told, _ = await _answer(self._process)
            self.liveness = tuple(told.get("liveness", ()))
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answer(process: Process) -> Answer:
    assert process.stdout is not None  # noqa: S101 - piped in _running
    length = int.from_bytes(await process.stdout.readexactly(4))
    if length > HEAD_MAX:
        raise ValueError("the worker's answer is too long")
    head: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    if any(size > BLOB_MAX for size in head["sizes"]):
        raise ValueError("the worker's answer is too long")
    return head, [await process.stdout.readexactly(size) for size in head["sizes"]]


def _comparison(head: Mapping[str, Any], blobs: list[bytes]) -> Comparison:
    faces = tuple(Face(tuple(face["box"]), face["score"]) for face in head["faces"])
    ms = tuple(head["ms"].items())
    if "fault" in head:
        fault = FaceFault(head["fault"])
        return Comparison(fault=fault, at_fault=head["at_fault"], faces=faces, ms=ms)
    return Comparison(head["similarity"], faces=faces, template=blobs[0], ms=ms)


def _description(head: Mapping[str, Any], blobs: list[bytes]) -> Description:
    if "fault" in head:
        return Description(fault=FaceFault(head["fault"]))
    return Description(blobs[0])


def _seen(
    moments: Sequence[float], told: Sequence[Mapping[str, Any]], blobs: list[bytes]
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
            template=template,
        )
