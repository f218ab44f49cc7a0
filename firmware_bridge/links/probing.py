"""Tries as a stranger what a broker lets others hear and say."""

import asyncio
import secrets
import ssl
from dataclasses import replace

import aiomqtt

from firmware_bridge.links.broker import BrokerAddress

WITHIN = 3.0
# How long what is said takes to come round on one machine.
QUIET = 0.7


async def faults(doctor: BrokerAddress, probe: BrokerAddress, base: str) -> list[str]:
    """Return what is wrong with who may hear and say what; empty where nothing is.

    `doctor` may everything, `probe` nothing. Nothing is kept at the broker. Raises
    MqttError, OSError or TimeoutError where the broker does not let the doctor in.
    """
    found = []
    if await _let_in(replace(probe, username=None, password=None)):
        found.append("whoever has no account is let in")
    mark = secrets.token_hex(8)
    ours, theirs = f"{base}/lodge-doctor-{mark}", f"{base}/lodge-probe-{mark}"
    if not await _let_in(probe):
        return [*found, "the account `probe` is not let in: the rest was not tried"]
    async with client_of(doctor) as inside, client_of(probe) as stranger:
        await inside.subscribe("#")
        await stranger.subscribe("#")
        await inside.publish(ours, b"{}", qos=1)
        await inside.publish(f"{ours}/set", b"{}", qos=1)
        await stranger.publish(theirs, b"{}", qos=0)
        heard, said = await asyncio.gather(_topics(stranger), _topics(inside))
    if heard & {ours, f"{ours}/set"}:
        found.append("any account can hear what is told to locks, PINs among it")
    if theirs in said:
        found.append("any account can speak as a lock or a keypad")
    return found


async def open_to_strangers(inside: BrokerAddress, port: int) -> str | None:
    """Try the listener for devices with a password and no certificate.

    Returns what is wrong with it, None where it is shut as it has to be.
    """
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    there = replace(inside, port=port)
    if await _let_in(there) or await _let_in(there, bare):
        return f"port {port} lets in whoever has no certificate"
    try:
        async with asyncio.timeout(WITHIN):
            _, line = await asyncio.open_connection(inside.host, port, ssl=bare)
    except (OSError, TimeoutError):
        return f"port {port} does not answer by TLS"
    line.close()
    return None


async def _let_in(address: BrokerAddress, tls: ssl.SSLContext | None = None) -> bool:
    try:
        async with client_of(address, tls):
            return True
    except (aiomqtt.MqttError, TimeoutError, OSError):
        return False


async def _topics(client: aiomqtt.Client) -> set[str]:
    found = set()
    try:
        async with asyncio.timeout(QUIET):
            async for message in client.messages:
                found.add(str(message.topic))
    except TimeoutError:
        return found
    return found


def client_of(
    address: BrokerAddress, tls: ssl.SSLContext | None = None
) -> aiomqtt.Client:
    """Return a client for a short visit, beside whoever has the same account."""
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=f"{address.identifier}-{secrets.token_hex(3)}",
        timeout=WITHIN,
        tls_context=tls,
    )
