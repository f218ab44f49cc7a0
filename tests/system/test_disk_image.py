"""Whoever takes the card: what its files tell without the key, and after erasure."""

import hashlib
import json
import re
import struct
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.demo.pictures import Pictures, PicturesMissing
from gateway.demo.programs import mosquitto
from gateway.demo.scene import FIRST, HOUSE, LANDLORD, SECOND, today
from gateway.demo.story import Story
from gateway.settings import LodgeSettings
from gateway.wiring.readers import remains
from gateway.wiring.stores import file_of

PAGE, IV, RESERVED = 4096, 16, 80
WAL_HEAD, FRAME_HEAD = 32, 24


def image(folder: Path) -> dict[str, bytes]:
    """Return every file of the box and its broker, the keys left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("box", "broker", "box.log")
        for path in [folder / part, *(folder / part).rglob("*")]
        if path.is_file() and "keys" not in path.parts and path.suffix != ".new"
    }


def decrypted(path: Path, key: bytes) -> bytes:
    """Return every page of a SQLCipher file and its log, free ones included."""
    whole = path.read_bytes()
    pages = [whole[start : start + PAGE] for start in range(0, len(whole), PAGE)]
    plain = [decrypt(page, key, 16 if n == 0 else 0) for n, page in enumerate(pages)]
    log = Path(f"{path}-wal")
    frames = log.read_bytes()[WAL_HEAD:] if log.exists() else b""
    for start in range(0, len(frames), PAGE + FRAME_HEAD):
        frame = frames[start : start + PAGE + FRAME_HEAD]
        if len(frame) == PAGE + FRAME_HEAD:
            first = struct.unpack(">I", frame[:4])[0] == 1
            plain.append(decrypt(frame[FRAME_HEAD:], key, 16 if first else 0))
    return b"".join(plain)


def decrypt(page: bytes, key: bytes, salt: int) -> bytes:
    iv = page[PAGE - RESERVED : PAGE - RESERVED + IV]
    body = page[salt : PAGE - RESERVED]
    reader = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return reader.update(body) + reader.finalize()


def traces(content: bytes, canaries: set[str]) -> set[str]:
    """Return the personal data that stand in some bytes, in any usual encoding."""
    found = set()
    for canary in canaries:
        forms = {
            canary.encode(),
            canary.encode("utf-16-le"),
            canary.encode("gb18030"),
            json.dumps(canary).strip('"').encode(),
            hashlib.sha256(canary.encode()).digest(),
            hashlib.sha256(canary.encode()).hexdigest().encode(),
        }
        if any(form in content for form in forms):
            found.add(canary)
    return found


def anywhere(files: dict[str, bytes], canaries: set[str]) -> dict[str, set[str]]:
    return {
        name: found
        for name, content in files.items()
        if (found := traces(content, canaries))
    }


@pytest.mark.skipif(mosquitto() is None, reason="Mosquitto is missing")
async def test_a_stolen_card_tells_nothing_and_the_erased_are_gone(
    tmp_path: Path,
) -> None:
    try:
        pictures = Pictures.find()
    except PicturesMissing as error:
        pytest.skip(str(error))
    async with AsyncExitStack() as stack:
        story = Story(tmp_path, pictures, stack)
        for name in ("init", "house", "lease", "notice", "identify", "register"):
            await story.steps[name]()
        await story.forward()
        await story.door()
        story.second = await story.come_in("102", SECOND, today())
        await story.confirm(story.second, SECOND)
        gone = {FIRST["name"], FIRST["number"], story.first.pin}
        stays = {SECOND["name"], SECOND["number"]}
        others = {LANDLORD["landlord"], LANDLORD["phone"], HOUSE["address"]}

        before = image(tmp_path)
        assert not anywhere(before, gone | stays | others)
        settings = LodgeSettings.load(tmp_path / "box" / "lodge.toml")
        file = file_of(settings)
        assert re.search(b"registration", decrypted(file.path, file.key))

        assert not traces(decrypted(file.path, file.key), {story.first.pin})
        await story.first.browser.send("/tenant/leave", {"sure": "true"})
        left = {"templates": 0, "tenant_keys": 1, "credentials": 1}
        await story.wait(lambda: remains(settings) == left, "not erased")
        await story.box.stop()

        after = image(tmp_path)
        assert not anywhere(after, gone | stays | others)
        opened = decrypted(file.path, file.key)
        assert not traces(opened, gone)
        assert traces(opened, others) == others
