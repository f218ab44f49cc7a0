"""A control panel of other hands, against Lodge's simulated reader."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from tests.conftest import CACHE
from tests.system.lined import ReaderProgram
from tests.system.test_broker_link import until

PANEL = Path(__file__).parents[1] / "peers" / "panel.py"
PACKAGES = CACHE / "peers" / "panel"
MASTER = bytes(range(16))
# What Lodge's simulated reader calls itself (cUID), to which a panel fits its key.
CUID = bytes.fromhex("4744010001000000")

pytestmark = [
    pytest.mark.skipif(not PACKAGES.exists(), reason="`make test` fetches the panel"),
]


def key_of(master: bytes, cuid: bytes) -> bytes:
    cipher = Cipher(AES(master), ECB()).encryptor()  # noqa: S305 - annex D.2
    return cipher.update(cuid + bytes(each ^ 0xFF for each in cuid))


async def test_a_panel_of_other_hands_knows_the_simulated_reader(
    tmp_path: Path,
) -> None:
    keep = tmp_path / "reader.key"
    keep.write_text(key_of(MASTER, CUID).hex())
    reader = ReaderProgram(0, keep)
    await reader.start()
    panel = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PANEL), reader.port, "0", MASTER.hex()),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
    )
    said = []

    async def hear(what: str) -> None:
        while what not in said:
            line = await panel.stdout.readline()
            assert line, said
            said.append(line.decode().strip())

    async with asyncio.timeout(30):
        await hear("secure")
        await hear("strike True")
        await until(lambda: "strike opens for 2 s" in reader.said)
        reader.type("12#")
        await hear(f"keys {b'12'.hex()}0d")
        reader.type("card")
        await hear("card 808100c0")
    panel.kill()
    await panel.wait()
    await reader.stop()
