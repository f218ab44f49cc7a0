"""A program that looks at pictures: it may die, and an answer still comes."""

import asyncio
import json
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from enrolment.model.errors import FaceEngineDown

log = logging.getLogger(__name__)
HEAD_MAX = 256 * 1024
BLOB_MAX = 64 * 1024
# Whoever comes while so many wait is told to try again: nobody waits for minutes.
QUEUE_MAX = 16
# Networks are opened while a busy machine does other things as well.
START_WITHIN = 20.0
BROKEN = (TimeoutError, OSError, EOFError, ValueError, LookupError, StopIteration)

Told = TypeVar("Told")
Answer = tuple[dict[str, Any], list[bytes]]


@dataclass(slots=True)
class Helper:
    """Starts its program, asks it one thing at a time, starts it again when it dies.

    `ready` is what the program said of itself when it started.
    """

    command: tuple[str, ...]
    answer_within: float
    start_within: float = START_WITHIN
    ready: Mapping[str, Any] = field(default_factory=dict)
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _line: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def start(self) -> None:
        """Have the worker ready before the first person waits for it."""
        async with self._turn:
            try:
                async with asyncio.timeout(self.start_within):
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

    async def ask(
        self,
        asked: Mapping[str, Any],
        blobs: Sequence[bytes],
        read: Callable[[Mapping[str, Any], list[bytes]], Told],
        *,
        first: bool = False,
    ) -> Told:
        """Ask one thing; raise FaceEngineDown where no answer comes.

        Who comes `first` waits for one other at most, however many wait in the line.
        """
        if self._waiting >= QUEUE_MAX and not first:
            raise FaceEngineDown("too many people at once; try again in a minute")
        self._waiting += 1
        try:
            async with nullcontext() if first else self._line, self._turn:
                try:
                    async with asyncio.timeout(self.start_within):
                        await self._running()
                    async with asyncio.timeout(self.answer_within):
                        return read(*await self._exchange(asked, blobs))
                except BROKEN as error:
                    await self._stop()
                    raise FaceEngineDown("the face worker did not answer") from error
                except asyncio.CancelledError:
                    self.kill()  # its answer would be taken for the next one's
                    raise
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
                *self.command, stdin=PIPE, stdout=PIPE
            )
            self.ready, _ = await _answer(self._process)
            if not self.ready.get("ready"):
                log.error("no face is looked at: %s", self.ready.get("why"))
                raise ValueError("the worker is not shut in")
        return self._process

    async def _stop(self) -> None:
        if (process := self.kill()) is not None:
            await process.wait()

    def kill(self) -> Process | None:
        """End the program now; it is started again when it is needed."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
        return process


async def _answer(process: Process) -> Answer:
    assert process.stdout is not None  # noqa: S101 - piped in _running
    length = int.from_bytes(await process.stdout.readexactly(4))
    if length > HEAD_MAX:
        raise ValueError("the worker's answer is too long")
    head: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    if any(size > BLOB_MAX for size in head["sizes"]):
        raise ValueError("the worker's answer is too long")
    return head, [await process.stdout.readexactly(size) for size in head["sizes"]]
