"""Killed at random, a box loses nothing it acknowledged and doubles nothing."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from cloud_sync.adapters.pairing import pair
from gateway.demo.programs import Program, ask, free_port, lodge
from gateway.settings import LodgeSettings
from gateway.wiring.readers import audit_walk
from ledger.file import reading
from ledger.keys import MasterKey, read_secret
from station.adapters import rows
from station.wiring import StationSettings, file_of

ENROLLER = Path(__file__).with_name("enroller.py")
KILLS = 50
SLOWEST = 0.5


async def enrol(config: Path, times: int, dies_after: float | None) -> list[str]:
    """Run the enroller; return what it acknowledged before it died or was done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, ENROLLER, config, str(times), stdout=PIPE
    )
    assert await process.stdout.readline() == b"READY\n"
    if dies_after is not None:
        await asyncio.sleep(dies_after)
        process.kill()
    *told, _cut = (await process.stdout.read()).decode().split("\n")
    await process.wait()
    if dies_after is None:
        assert "DONE" in told
    return [line.split()[1] for line in told if line.startswith("ACK ")]


@pytest.mark.timeout(900)
async def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    box = await ask("init", str(tmp_path / "box"), "--plain")
    port = str(free_port())
    made = await ask("station", "init", str(tmp_path / "st"), "--plain", "--port", port)
    station = Program(
        lodge("station", "run", "--config", made["config"]), tmp_path / "station.log"
    )
    await station.start()
    try:
        await station.answers(f"{made['address']}/healthz")
        await join(Path(box["config"]), made)
        seed = random.randrange(2**32)  # noqa: S311 - instants, not secrets
        (tmp_path / "seed").write_text(str(seed))
        chance = random.Random(seed)  # noqa: S311
        acknowledged: list[str] = []
        for number in range(KILLS):
            if number % 10 == 9:
                await station.stop(signal.SIGKILL)
                await station.start()
            after = chance.uniform(0, SLOWEST)
            acknowledged += await enrol(Path(box["config"]), 10_000, after)
        await station.answers(f"{made['address']}/healthz")
        acknowledged += await enrol(Path(box["config"]), 3, None)
    finally:
        await station.stop()
    settings = StationSettings.load(Path(made["config"]))
    master = MasterKey(read_secret(settings.at(settings.master_key)))
    found = reading(
        file_of(settings, master),
        lambda c: list(c.execute(select(rows.occupant.c.registration)).scalars()),
    )
    received = reading(
        file_of(settings, master),
        lambda c: [key.split("/")[2] for key in c.scalars(select(rows.report.c.key))],
    )
    assert len(acknowledged) > KILLS
    assert set(acknowledged) <= set(found)
    assert len(received) == len(set(received)) == len(found)
    assert audit_walk(LodgeSettings.load(Path(box["config"]))).ok


async def join(config: Path, made: dict[str, str]) -> None:
    """Pair the box with the station without the box running."""
    code = await ask("station", "admit", "--config", made["config"])
    settings = LodgeSettings.load(config)
    key = Ed25519PrivateKey.from_private_bytes(
        read_secret(settings.at(settings.box_key))
    )
    paired = await pair(made["address"], code["code"], settings.box, key)
    paired.write(settings.at(settings.pairing))
