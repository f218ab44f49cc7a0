"""Looks through what a broker keeps, and has it forget pictures and PINs."""

import asyncio
from collections.abc import Sequence

import aiomqtt

from firmware_bridge.links.broker import BrokerAddress
from firmware_bridge.links.probing import client_of
from firmware_bridge.mqtt.retained import secret_in

QUIET = 0.5


async def sweep(address: BrokerAddress) -> list[tuple[str, str]]:
    """Clear kept messages that give somebody away; return topic and kind of each.

    Raises MqttError or TimeoutError where the broker does not let us look.
    """
    async with client_of(address) as client:
        await client.subscribe("#")
        found = [
            (topic, kind)
            for topic, payload in await _kept(client)
            if (kind := secret_in(payload))
        ]
        for topic, _ in found:
            await client.publish(topic, b"", qos=1, retain=True)
    return found


async def forget(address: BrokerAddress, filters: Sequence[str]) -> None:
    """Clear all that is kept on some topics, as of a device that is gone.

    Raises as `sweep` does.
    """
    async with client_of(address) as client:
        for each in filters:
            await client.subscribe(each)
        for topic, _ in await _kept(client):
            await client.publish(topic, b"", qos=1, retain=True)


async def _kept(client: aiomqtt.Client) -> list[tuple[str, bytes]]:
    kept = []
    try:
        while True:
            async with asyncio.timeout(QUIET):
                message = await anext(client.messages)
            if message.retain:
                kept.append((str(message.topic), bytes(message.payload)))
    except TimeoutError:
        return kept
