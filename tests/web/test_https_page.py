"""A phone in the house's network reaches the box by its name, over HTTPS alone."""

import asyncio
import base64
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.demo.scene import FIRST, link_of
from gateway.demo.story import Story
from tests.system.test_certificates import NOW, public_one
from tests.web.test_scan_pages import (
    ASKED,
    TICK,
    WITHIN,
    Reel,
    acted,
    film_of_him,
    phone,
    reel,
    scan_from,
)

__all__ = ["acted", "film_of_him", "reel"]
NAME = "house1.lodge.test"
TOLD = """[web]
url = "{url}"
certificate = "keys/public.pem"
private_key = "keys/public.key"
"""


def named(box: Path, port: str) -> tuple[str, str]:
    """Give a box a name and a certificate; return its address and the key's pin."""
    public_one(box / "keys", NAME, NOW + timedelta(days=90))
    for each in ("pem", "key"):
        (box / "keys" / f"server.{each}").rename(box / "keys" / f"public.{each}")
    (box / "keys" / "public.key").chmod(0o600)
    url = f"https://{NAME}:{port}"
    config = box / "lodge.toml"
    text = config.read_text("utf-8").replace("[web]\n", TOLD.format(url=url))
    config.write_text(text, encoding="utf-8")
    pem = (box / "keys" / "public.pem").read_bytes()
    key = x509.load_pem_x509_certificate(pem).public_key()
    raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return url, base64.b64encode(sha256(raw).digest()).decode()


async def answers(port: str) -> None:
    """Wait until the box serves over TLS."""
    async with asyncio.timeout(60), httpx.AsyncClient(verify=False) as client:  # noqa: S501
        while True:
            try:
                await client.get(f"https://127.0.0.1:{port}/healthz")
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_phone_scans_over_https_by_a_name_and_never_without(
    story: Story, reel: Reel
) -> None:
    link = link_of(await story.let("101", FIRST["name"]))
    await story.box.stop()
    port = story.addresses["box"].rsplit(":", 1)[1]
    url, pin = named(story.folder / "box", port)
    await story.box.start()
    await answers(port)
    flags = (
        f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
        f"--ignore-certificate-errors-spki-list={pin}",
    )
    async with phone(reel.acted, "zh-CN", "light", flags) as who:
        await scan_from(url, link, who, reel.document)
        assert await who.page.evaluate("isSecureContext && !!navigator.mediaDevices")
        cookies = await who.context.cookies()
        assert cookies
        assert all(each["secure"] for each in cookies)
        await who.page.click("#begin")
        async with asyncio.timeout(WITHIN / 1000):
            while await who.page.evaluate(ASKED) in {None, "over"}:
                await who.page.wait_for_timeout(TICK)
        assert who.complaints == []
    async with httpx.AsyncClient(trust_env=False) as plain:
        with pytest.raises(httpx.HTTPError):
            await plain.get(f"http://127.0.0.1:{port}/t")
