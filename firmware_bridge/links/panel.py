"""libosdp's control panel, by address: readers called, commanded and heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import osdp_sys

from firmware_bridge.osdp.handshake import Station


class Channel(Protocol):
    """What libosdp speaks through; `id` tells it that all readers share one line."""

    id: int

    def read(self, size: int) -> bytes: ...
    def write(self, raw: bytes) -> int: ...
    def flush(self) -> None: ...


@dataclass(slots=True)
class Panel:
    """The readers of one line. What was said and done lies here until it is taken."""

    addresses: Sequence[int]
    panel: Any = None
    said: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    done: list[tuple[int, bool]] = field(default_factory=list)

    def refresh(self) -> None:
        """Let libosdp speak and listen."""
        self.panel.refresh()

    def submit(self, address: int, command: Mapping[str, Any]) -> bool:
        """Queue a command; false where the reader does not take part."""
        return bool(self.panel.submit_command(self._index(address), dict(command)))

    def forget(self, address: int) -> None:
        """Drop what is queued for a reader that is lost: it must not happen later."""
        self.panel.flush_commands(self._index(address))
        self.done = [each for each in self.done if each[0] != address]

    def able(self, address: int, capability: int, number: int) -> bool:
        """Say whether a reader can do a thing, and has so many of it (annex B)."""
        level, items = self.panel.check_capability(self._index(address), capability)
        return bool(level) and number < max(1, items)

    def called(self, address: int) -> bool:
        """Say whether a reader is called at all now."""
        return bool(self.panel.is_pd_enabled(self._index(address)))

    def call(self, address: int) -> bool:
        """Call a reader that was left, from the beginning; false where asked before."""
        return bool(self.panel.enable_pd(self._index(address)))

    def leave(self, address: int) -> None:
        """Leave off calling a reader; takes effect once its call under way is over."""
        self.panel.disable_pd(self._index(address))

    def hold_to_its_key(self, address: int) -> None:
        """Speak to a reader by its own key alone from now on."""
        index = self._index(address)
        self.panel.clear_flag(index, osdp_sys.FLAG_INSTALL_MODE)
        self.panel.set_flag(index, osdp_sys.FLAG_ENFORCE_SECURE)

    # Both are called by libosdp in the middle of `refresh`, and only take note.
    def hear(self, index: int, said: dict[str, Any]) -> int:
        """Take what a reader says."""
        self.said.append((self.addresses[index], dict(said)))
        said.clear()  # libosdp's wrapper never lets go of it, and it may hold a PIN
        return 0

    def complete(self, index: int, _command: Mapping[str, Any], status: int) -> None:
        """Take note how a command ended; they end in the order they were given."""
        told = self.addresses[index], status == osdp_sys.COMPLETION_OK
        self.done.append(told)

    def _index(self, address: int) -> int:
        return self.addresses.index(address)


def open_panel(stations: Sequence[Station], channel: Channel) -> Panel:
    """Begin to call readers."""
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)  # it would write to standard output
    found = Panel([each.address for each in stations])
    found.panel = osdp_sys.ControlPanel(
        [
            {
                "name": f"reader-{each.address}",
                "address": each.address,
                "flags": _flags(each),
                "scbk": each.key,
                "channel": channel,
            }
            for each in stations
        ]
    )
    found.panel.set_event_callback(found.hear)
    found.panel.set_command_completion_callback(found.complete)
    return found


def _flags(station: Station) -> int:
    kind = (
        osdp_sys.FLAG_INSTALL_MODE
        if station.installing
        else osdp_sys.FLAG_ENFORCE_SECURE
    )
    return int(kind | osdp_sys.FLAG_ENABLE_NOTIFICATION)
