"""Publishes state messages at QoS 1 from a process of its own.

Arguments: port, password, count; then, where others than `front` speak, the payload
and their names. Without a payload each message tells a battery of its own.
"""

import asyncio
import json
import sys

from bench.broker import connected

WAVE = 500


async def main(port: str, password: str, count: str, *others: str) -> None:
    """Publish in waves, each acknowledged before the next."""
    said, *names = others or ("", "front")
    async with connected(int(port), password) as client:
        for start in range(0, int(count), WAVE):
            await asyncio.gather(
                *(
                    client.publish(
                        f"zigbee2mqtt/{names[n % len(names)]}",
                        said or json.dumps({"state": "LOCK", "battery": n % 100}),
                        qos=1,
                    )
                    for n in range(start, start + WAVE)
                )
            )


asyncio.run(main(*sys.argv[1:]))
