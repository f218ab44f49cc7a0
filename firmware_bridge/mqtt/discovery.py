"""Home Assistant's MQTT discovery, read as Home Assistant reads it: locks found by it.

After its documentation and its behaviour (2026.2): abbreviations, `~`, the form of a
single component and that of a device, words compared as text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devices.model.announcements import Fault, Unusable
from firmware_bridge.mqtt.plain import Health, Mode, Plan, Words
from firmware_bridge.mqtt.templates import TemplateUnfit, compiled
from firmware_bridge.mqtt.topics import expanded, name_fault, topic_fault

PREFIX, STATUS = "homeassistant", "homeassistant/status"
LIMIT = 64 * 1024
HEALTH_MAX, WORD_MAX, MODEL_MAX = 10, 500, 100
# Locks that one device may have.
LOCKS_MAX = 20
CONFIG = re.compile(rf"{PREFIX}/(device|lock)/(?:([\w-]+)/)?([\w-]+)/config")
# What zwave-js-ui sends to take something back, beside nothing at all.
NOTHING = (b"", b'""', b"{}")
SHORT = {
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "dev": "device",
    "ids": "identifiers",
    "mdl": "model",
    "o": "origin",
    "p": "platform",
    "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available",
    "pl_open": "payload_open",
    "pl_rst": "payload_reset",
    "pl_unlk": "payload_unlock",
    "stat_jam": "state_jammed",
    "stat_locked": "state_locked",
    "stat_locking": "state_locking",
    "stat_open": "state_open",
    "stat_opening": "state_opening",
    "stat_t": "state_topic",
    "stat_unlocked": "state_unlocked",
    "stat_unlocking": "state_unlocking",
    "t": "topic",
    "uniq_id": "unique_id",
    "val_tpl": "value_template",
}
# What a device says for all its components.
SHARED = (
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "payload_available",
    "payload_not_available",
    "state_topic",
    "~",
)
ORIGIN = {"name": "Lodge"}


@dataclass(frozen=True, slots=True)
class Found:
    """A lock that a discovery message tells of; `source` is where it was announced."""

    source: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class Gone:
    """What was announced there before is taken back; of a device, all of it."""

    source: str


class _Unfit(Exception):
    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault.value)
        self.fault, self.detail = fault, detail


def read(topic: str, payload: bytes) -> Iterator[Found | Unusable | Gone]:
    """Yield the locks that a discovery message tells of; never raise.

    Lodge's own doors come back on the same topics and are passed over.
    """
    match = CONFIG.fullmatch(topic)
    if match is None:
        return
    kind, where = match[1], "_".join(filter(None, match.groups()[1:]))
    if payload.strip() in NOTHING:
        yield Gone(topic)
        return
    told = _read(payload)
    if told is None:
        yield Unusable(topic, where, Fault.UNREADABLE)
    elif told.get("origin") == ORIGIN or told.get("migrate_discovery") is True:
        return
    elif kind == "lock":
        yield _found(topic, where, told, told.get("device"))
    else:
        yield from _components(topic, where, told)


def _components(
    topic: str, where: str, told: dict[str, Any]
) -> Iterator[Found | Unusable | Gone]:
    components = told.get("components")
    common = {each: told[each] for each in SHARED if each in told}
    listed = components.items() if isinstance(components, dict) else ()
    locks = [e for e in listed if isinstance(e[1], dict) and _is_lock(e[1])]
    if len(locks) > LOCKS_MAX:
        yield Unusable(topic, where, Fault.UNREADABLE, "too many locks")
        return
    for name, own in locks:
        source = f"{topic}#{name}"
        if own.keys() == {"platform"}:
            yield Gone(source)
            continue
        yield _found(source, f"{where}_{name}", {**common, **own}, told.get("device"))


def _is_lock(component: Mapping[str, Any]) -> bool:
    return component.get("platform") == "lock"


def _read(payload: bytes) -> dict[str, Any] | None:
    if len(payload) > LIMIT:
        return None
    try:
        told = _long(json.loads(payload))
        json.dumps(told, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _long(value: Any) -> Any:
    """Return a value with its abbreviated keys spelt out."""
    if isinstance(value, dict):
        return {SHORT.get(key, key): _long(each) for key, each in value.items()}
    return [_long(each) for each in value] if isinstance(value, list) else value


def _found(
    source: str, where: str, told: Mapping[str, Any], device: Any
) -> Found | Unusable:
    known = device if isinstance(device, dict) else {}
    spoken = str(told.get("name") or known.get("name") or where)
    try:
        model = str(known.get("model", ""))[:MODEL_MAX]
        return Found(source, _plan(where, spoken, told, model))
    except _Unfit as unfit:
        shown = spoken if name_fault(spoken) is None else where
        return Unusable(source, shown, unfit.fault, unfit.detail)


def _plan(where: str, spoken: str, told: Mapping[str, Any], model: str) -> Plan:
    lock = f"ha:{told.get('unique_id') or where}"
    for each in (spoken, lock):
        if why := name_fault(each):
            raise _Unfit(Fault.NAME, why)
    command = _topic(told, "command_topic")
    if not command:
        raise _Unfit(Fault.NO_COMMAND_TOPIC)
    usual = Words()
    return Plan(
        id=lock,
        name=spoken,
        command_topic=command,
        unlock=_word(told, "payload_unlock", "UNLOCK"),
        open=_word(told, "payload_open", ""),
        command_template=_template(told, "command_template"),
        state_topic=_topic(told, "state_topic"),
        template=_template(told, "value_template"),
        words=Words(
            locked=_word(told, "state_locked", usual.locked),
            unlocked=_word(told, "state_unlocked", usual.unlocked),
            open=_word(told, "state_open", usual.open),
            jammed=_word(told, "state_jammed", usual.jammed),
            locking=_word(told, "state_locking", usual.locking),
            unlocking=_word(told, "state_unlocking", usual.unlocking),
            opening=_word(told, "state_opening", usual.opening),
            reset=_word(told, "payload_reset", usual.reset),
        ),
        health=tuple(_health(told)),
        mode=_mode(told),
        model=model,
    )


def _health(told: Mapping[str, Any]) -> Iterable[Health]:
    """Return what says that the lock is there; of one topic twice the last."""
    listed = told.get("availability")
    entries = listed if isinstance(listed, list) else [listed] if listed else []
    if single := told.get("availability_topic"):
        template = told.get("availability_template", "")
        entries = [{**told, "topic": single, "value_template": template}]
    if len(entries) > HEALTH_MAX or not all(isinstance(e, dict) for e in entries):
        raise _Unfit(Fault.UNREADABLE, "availability")
    base = {"~": told["~"]} if "~" in told else {}
    found = {}
    for each in entries:
        topic = _topic({**base, **each}, "topic")
        if not topic:
            raise _Unfit(Fault.TOPIC, "availability")
        found[topic] = Health(
            topic,
            _word(each, "payload_available", "online"),
            _word(each, "payload_not_available", "offline"),
            _template(each, "value_template"),
        )
    return found.values()


def _mode(told: Mapping[str, Any]) -> Mode:
    try:
        return Mode(told.get("availability_mode", Mode.LATEST.value))
    except ValueError as error:
        raise _Unfit(Fault.WORD, "availability_mode") from error


def _topic(told: Mapping[str, Any], key: str) -> str:
    topic, base = told.get(key, ""), told.get("~", "")
    if not isinstance(topic, str) or not isinstance(base, str):
        raise _Unfit(Fault.TOPIC, key)
    whole = expanded(topic, base) if base else topic
    if whole and (why := topic_fault(whole)):
        raise _Unfit(Fault.TOPIC, f"{key}: {why}")
    return whole


def _word(told: Mapping[str, Any], key: str, usual: str) -> str:
    """Return a word as text: 255 is `255`, true is `True`, as Home Assistant has it."""
    word = told.get(key, usual)
    if not isinstance(word, str | int | float) or len(str(word)) > WORD_MAX:
        raise _Unfit(Fault.WORD, key)
    return str(word)


def _template(told: Mapping[str, Any], key: str) -> str:
    source = told.get(key) or ""
    if not isinstance(source, str):
        raise _Unfit(Fault.TEMPLATE, key)
    try:
        compiled(source)
    except TemplateUnfit as unfit:
        raise _Unfit(Fault.TEMPLATE, f"{key}: {unfit}") from unfit
    return source
