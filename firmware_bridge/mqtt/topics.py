"""Which topics and names of others Lodge takes: what a broker could not carry, none.

MQTT 5, 1.5.4 (UTF-8 strings: no NUL, no surrogates) and 4.7 (wildcards).
"""

import unicodedata

TOPIC_BYTES, NAME_CHARACTERS = 200, 100
# What is Lodge's own, the bridge's own, or the broker's is nobody's to be sent on.
RESERVED = ("$", "lodge/", "frigate/")
DISCOVERY = ("homeassistant/", "/config")
ASKED = ("/set", "/get", "/availability")


def topic_fault(topic: str) -> str | None:
    """Say why a topic that somebody announced is not used; None where it is good."""
    if not topic or any(wild in topic for wild in "+#"):
        return "it is empty or holds a wildcard"
    begins, ends = DISCOVERY
    if topic.startswith(RESERVED) or (
        topic.startswith(begins) and topic.endswith(ends)
    ):
        return "it is not a device's"
    return _fault(topic, TOPIC_BYTES)


def name_fault(name: str) -> str | None:
    """Say why a device's name is not used as part of a topic; None where it is good."""
    if not name.strip() or any(wild in name for wild in "+#"):
        return "it is empty or holds a wildcard"
    if name.startswith("bridge/") or name.endswith(ASKED):
        return "it is the bridge's own"
    return _fault(name, NAME_CHARACTERS)


def expanded(topic: str, base: str) -> str:
    """Put a base where `~` stands for it: at the beginning or the end, once."""
    if topic.startswith("~"):
        return base + topic[1:]
    return topic[:-1] + base if topic.endswith("~") else topic


def topic_filter_fault(topic: str) -> str | None:
    """Say why a filter is not a device's (MQTT 5, 4.7.1); None where it is good."""
    levels = topic.split("/")
    whole = all(len(each) == 1 for each in levels if set(each) & {"+", "#"})
    if not whole or "#" in levels[:-1]:
        return "+ and # stand for whole levels, # for the last ones"
    if topic.startswith("$"):
        return "it is not a device's"
    if any(unicodedata.category(char) in {"Zl", "Zp"} for char in topic):
        return "it holds the end of a line"
    return _fault(topic, TOPIC_BYTES)


def overlap(one: str, two: str) -> bool:
    """Say whether two filters have a topic in common."""
    for mine, theirs in zip(one.split("/"), two.split("/"), strict=False):
        if "#" in {mine, theirs}:
            return True
        if mine != theirs and "+" not in {mine, theirs}:
            return False
    long, short = sorted((one.split("/"), two.split("/")), key=len, reverse=True)
    # `a/#` is `a` as well (4.7.1.2).
    return long[len(short) :] in ([], ["#"])


def _fault(text: str, most: int) -> str | None:
    if len(text) > most:
        return "it is too long"
    return None if carried(text) else "it holds what no broker carries"


def carried(text: str) -> bool:
    """Say whether a broker carries a text, as a topic or as a filter."""
    return not any(unicodedata.category(char) in {"Cc", "Cs", "Cn"} for char in text)
