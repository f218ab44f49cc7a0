"""The face worker as the box sees it: it may die, and an answer still comes."""

import asyncio
import base64
import binascii
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from typing import Any

from enrolment.model.errors import FaceEngineDown
from enrolment.model.faces import Comparison, Face, FaceFault

WORKER = (sys.executable, "-m", "enrolment.adapters.face_worker")
ANSWER_WITHIN = 10.0
HEAD_MAX = 64 * 1024
BYTES_MAX = 12 * 1024 * 1024


@dataclass(slots=True)
class FaceWorker:
    """Fulfils FaceEngine; starts the worker, and starts it again when it dies."""

    command: tuple[str, ...] = WORKER
    answer_within: float = ANSWER_WITHIN
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def compare(self, live: bytes, document: bytes) -> Comparison:
        for name, picture in (("live", live), ("document", document)):
            if len(picture) > BYTES_MAX:
                fault = FaceFault.TOO_MANY_BYTES
                return Comparison(fault=fault, at_fault=name)
        async with self._turn:
            try:
                async with asyncio.timeout(self.answer_within):
                    return _comparison(await self._ask(live, document))
            except (TimeoutError, OSError, EOFError, ValueError, KeyError) as error:
                await self._stop()
                raise FaceEngineDown("the face worker did not answer") from error

    async def start(self) -> None:
        """Have the worker ready before the first person waits for it."""
        async with self._turn:
            try:
                async with asyncio.timeout(self.answer_within):
                    await self._running()
            except (TimeoutError, OSError, EOFError, ValueError) as error:
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

    async def _ask(self, live: bytes, document: bytes) -> dict[str, Any]:
        process = await self._running()
        sizes = [len(live), len(document)]
        head = json.dumps({"pictures": len(sizes), "sizes": sizes}).encode()
        assert process.stdin is not None  # noqa: S101 - piped in _running
        process.stdin.write(len(head).to_bytes(4) + head)
        process.stdin.write(live)
        process.stdin.write(document)
        await process.stdin.drain()
        return await _answer(process)

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self.command, stdin=PIPE, stdout=PIPE
            )
            await _answer(self._process)
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answer(process: Process) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 - piped in _running
    length = int.from_bytes(await process.stdout.readexactly(4))
    if length > HEAD_MAX:
        raise ValueError("the worker's answer is too long")
    answer: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    return answer


def _comparison(answer: dict[str, Any]) -> Comparison:
    faces = tuple(Face(tuple(face["box"]), face["score"]) for face in answer["faces"])
    ms = tuple(answer["ms"].items())
    if "fault" in answer:
        fault = FaceFault(answer["fault"])
        return Comparison(fault=fault, at_fault=answer["at_fault"], faces=faces, ms=ms)
    try:
        template = base64.b64decode(answer["template"], validate=True)
    except binascii.Error as error:
        raise ValueError("the worker's template is not base64") from error
    return Comparison(answer["similarity"], faces=faces, template=template, ms=ms)
