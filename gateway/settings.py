"""What a box is told."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from enrolment.model.faces import EngineName
from firmware_bridge.mqtt.topics import topic_fault
from porch.settings import ProgramSettings


class Broker(BaseModel):
    """The MQTT broker; version 3.1.1 is for brokers that know no better."""

    host: str = "127.0.0.1"
    port: int = 1883
    version: Literal["3.1.1", "5"] = "5"
    username: str | None = None
    password_file: Path | None = None
    doctor_password_file: Path | None = None
    probe_password_file: Path | None = None
    devices_port: int | None = None
    base: str = "zigbee2mqtt"
    frigate: str = Field(default="frigate", pattern=r"^[^+#$]+$", max_length=100)


def _as_json(word: object) -> object:
    """Write a word of the config as JSON does: true is `true`, 255 is `255`."""
    return json.dumps(word) if isinstance(word, bool | int | float) else word


Word = Annotated[str, BeforeValidator(_as_json), Field(max_length=500)]


class MappedLock(BaseModel):
    """A lock with one command topic, as ESPHome, Tasmota and Shelly have them.

    `open` is what draws its latch, where it has one beside its bolt; `path` leads into
    a state that is JSON, as `output` or `status.output`.
    """

    name: str = Field(min_length=1, max_length=50, pattern=r"^[\w -]+$")
    command_topic: str = Field(min_length=1, pattern=r"^[^+#]+$")
    unlock: Word = "UNLOCK"
    open: Word = ""
    state_topic: str = Field(default="", pattern=r"^[^+#]*$")
    path: str = Field(default="", pattern=r"^([\w:-]+(\.[\w:-]+)*)?$", max_length=200)
    locked: Word = "LOCKED"
    unlocked: Word = "UNLOCKED"
    unlatched: Word = "OPEN"
    jammed: Word = "JAMMED"
    availability_topic: str = Field(default="", pattern=r"^[^+#]*$")
    available: Word = "online"
    away: Word = "offline"

    @field_validator("command_topic", "state_topic", "availability_topic")
    @classmethod
    def _a_devices(cls, topic: str) -> str:
        if topic and (why := topic_fault(topic)):
            raise ValueError(f"no topic of a device: {why}")
        return topic


class Bluetooth(BaseModel):
    """The adapter at a door that takes tokens, by bumble's name for it."""

    transport: str = ""
    door: str = ""


class Camera(BaseModel):
    """A camera at a door that takes QR passes; its address may hold a password.

    `checked` is the day on which somebody stood before it (docs/operations.md): it sees
    the entrance and no private space, and its sign hangs. Until then it stays off.
    """

    source_file: Path
    door: str
    checked: date | None = None


class ReaderWiring(BaseModel):
    """An OSDP reader on a line, and what is wired to it."""

    address: int = Field(default=0, ge=0, le=126)
    strike_output: int = Field(default=0, ge=0, le=15)
    strike_time: timedelta = Field(
        default=timedelta(seconds=5), ge=timedelta(seconds=1), le=timedelta(seconds=60)
    )
    contact_input: int | None = Field(default=None, ge=0, le=15)
    contact_open: Literal["active", "inactive"] = "active"
    alone: Literal["stays_shut", "opens"] = "stays_shut"


class SerialLine(BaseModel):
    """An RS-485 line with OSDP readers."""

    name: str = Field(min_length=1, max_length=30, pattern=r"^[\w-]+$")
    port: str = Field(min_length=1)
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    readers: list[ReaderWiring] = Field(min_length=1, max_length=32)

    @field_validator("readers")
    @classmethod
    def _one_each(cls, readers: list[ReaderWiring]) -> list[ReaderWiring]:
        if len({each.address for each in readers}) < len(readers):
            raise ValueError("two readers of a line have the same address")
        return readers


class IdCard(BaseModel):
    """The reader of ID cards at which tenants enrol; none where there is no port."""

    port: str = ""
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 115200


class FirmwareController(BaseModel):
    """A lock controller that takes firmware on a serial port."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[\w-]+$")
    board: str = Field(min_length=1, max_length=60)
    port: str = Field(min_length=1)
    baud: int = Field(default=115200, ge=9600)
    door: str = ""


class FirmwareRules(BaseModel):
    """By whose key firmware is signed, and how long the first of a kind is watched."""

    key: Path = Path("keys/firmware.pub")
    soak: timedelta = timedelta(hours=24)
    controllers: list[FirmwareController] = Field(default_factory=list)


class Faces(BaseModel):
    """What judges faces, and the assessment without which none is looked at."""

    models: Path = Path("models")
    engine: EngineName = EngineName.SFACE
    assessment: Path = Path("impact-assessment.toml")


class StateChannel(BaseModel):
    """The state's identity channel, offered before a face check; none without a URL."""

    name: str = Field(default="国家网络身份认证", min_length=1, max_length=40)
    url: str = Field(default="", pattern=r"^(https://\S+|http://127\.0\.0\.1:\d+)?$")
    key: Path = Path("keys/state-identity.key")


class Retention(BaseModel):
    """How long after a departure a person's data stay; open duties keep them longer."""

    after_departure: timedelta = timedelta(days=30)


class LodgeSettings(ProgramSettings):
    """Everything that can be set on a box."""

    box: str = Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z-]+$")
    box_key: Path = Path("keys/box.key")
    pairing: Path = Path("station.json")
    station: str = Field(default="", max_length=80)
    broker: Broker = Broker()
    retention: Retention = Retention()
    bluetooth: Bluetooth = Bluetooth()
    cameras: list[Camera] = Field(default_factory=list)
    mapped: list[MappedLock] = Field(default_factory=list)
    faces: Faces = Faces()
    state_identity: StateChannel = StateChannel()
    id_card: IdCard = IdCard()
    firmware: FirmwareRules = FirmwareRules()
    lines: list[SerialLine] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_each(self) -> "LodgeSettings":
        _differ("lines", [each.name for each in self.lines])
        _differ("controllers", [each.name for each in self.firmware.controllers])
        ports = [each.port for each in self.lines]
        ports += [each.port for each in self.firmware.controllers]
        _differ("ports", [*ports, *filter(None, [self.id_card.port])])
        return self


def _differ(what: str, told: list[str]) -> None:
    if len(set(told)) < len(told):
        raise ValueError(f"two of the {what} are the same: each needs its own")
