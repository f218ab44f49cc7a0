"""The box's link to its broker: where it is, what is listened to, who takes it."""

from dataclasses import dataclass, replace
from pathlib import Path

from firmware_bridge.drivers.homeassistant import HomeAssistant
from firmware_bridge.drivers.routing import Feeds
from firmware_bridge.links.broker import BrokerAddress, BrokerLink
from firmware_bridge.mqtt.frigate import topics as frigate
from firmware_bridge.mqtt.shown import AVAILABLE
from gateway.mosquitto.devices import Place
from gateway.settings import LodgeSettings
from gateway.wiring.services import Services

COMMANDS = "lodge/+/+/set"
DISCOVERY = (
    "homeassistant/device/+/config",
    "homeassistant/device/+/+/config",
    "homeassistant/lock/+/config",
    "homeassistant/lock/+/+/config",
)


@dataclass(frozen=True, slots=True)
class Reconnected:
    """What is done once the broker is there anew."""

    services: Services
    shown: HomeAssistant

    async def __call__(self) -> None:
        """Ask the locks again, and say again what is shown."""
        self.shown.again()
        await self.shown.greet()
        await self.services.locks.read_again()


def broker_of(settings: LodgeSettings) -> BrokerAddress:
    """Say where the broker is, and who the box is to it."""
    told = settings.broker
    password = None
    if told.password_file is not None:
        path = settings.at(told.password_file)
        password = path.read_text(encoding="utf-8").strip()
    return BrokerAddress(
        told.host,
        told.port,
        f"lodge-{settings.box}",
        told.username,
        password,
        5 if told.version == "5" else 4,
        AVAILABLE,
    )


def account_of(settings: LodgeSettings, name: str) -> BrokerAddress | None:
    """Return another account at the broker, `doctor` or `probe`, where it is set."""
    told: Path | None = getattr(settings.broker, f"{name}_password_file")
    if told is None or not settings.at(told).exists():
        return None
    password = settings.at(told).read_text(encoding="utf-8").strip()
    box = broker_of(settings)
    return replace(box, username=name, password=password, identifier=name)


def place_of(settings: LodgeSettings) -> Place:
    """Say where the broker that `lodge init` laid has its files."""
    keys = settings.at(settings.master_key).parent
    return Place(settings.at(Path("mosquitto")), keys, settings.broker.base)


def link_of(
    settings: LodgeSettings,
    feeds: Feeds,
    topics: tuple[str, ...],
    connected: Reconnected,
) -> BrokerLink:
    """Return the link; what comes in goes to the feeds, in their order."""
    base, seen = settings.broker.base, frigate(settings.broker.frigate)
    listens = (f"{base}/#", *DISCOVERY, COMMANDS, *seen, *topics)
    return BrokerLink(broker_of(settings), listens, feeds.take, connected)
