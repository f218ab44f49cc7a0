"""What each model of lock behind zigbee2mqtt takes: slots, reserved ones, PIN lengths.

zigbee2mqtt's list tells none of it. `slots` is `pinCodeCount` of its converters, and
the oracle holds every lock that they know against this table (test_lock_models).
Reserved slots and lengths are in no converter; where no source tells them either, they
are not sure, and whoever hung the lock is asked.

Sources: Yale's YRD220 manual and SmartThings' Yale driver (slot 0 is the master's, 4
to 8); Onesti's Nimly manual (slots 0 to 2 are masters'); the SmartCode 888 manual
(Kwikset, Weiser: 4 to 8); Schlage's user guide (4 to 8, all codes of one lock alike, 4
from the maker); Danalock's and ID Lock's own attributes (4 to 11, 4 to 10);
ShinaSystem's text in its converter (user 1 alone, 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from devices.model.locks import ASSUMED, Digits


@dataclass(frozen=True, slots=True)
class LockModel:
    """The slots that people may hold, `first` to `slots` - 1, and how long PINs are."""

    slots: int
    first: int = 1
    digits: Digits = ASSUMED


# A model that is not known gets the fewest slots that most take.
UNTOLD = LockModel(20)


def _each(models: Iterable[str], what: LockModel) -> dict[str, LockModel]:
    return dict.fromkeys(models, what)


YALE = (
    "LIA", "SOLIS01", "YAYRD256HA2619", "YDD-D4F0-TSDB", "YDF40", "YDM60", "YMC420-W",
    "YMF30", "YMF40/YDM4109+/YDF40", "YMF40A RL", "YRD210-HA-605", "YRD216-HA2-619",
    "YRD220/YRD221", "YRD226/246 TSDB", "YRD226HA2619", "YRD246HA20BP", "YRD256HA20BP",
    "YRD410-BLE", "YRD420-BLE", "YRD426NRSC", "YRD430-BLE", "YRD450-BLE",
    "YRD652HA20BP", "YRL-220L", "YRL226 TS", "YRL226L TS", "YRL256 TS", "YRM476",
)  # fmt: skip
KWIKSET = ("99140-002", "99140-031", "99100-045", "99120-021")
WEISER = ("9GED18000-009", "9GED21500-005")
MODELS: dict[str, LockModel] = {
    **_each(YALE, LockModel(250, digits=Digits(4, 8))),
    "YMI70A": LockModel(100, digits=Digits(4, 8)),
    "V3-BTZB/V3-BTZBE": LockModel(20, digits=Digits(4, 11)),
    "0402946": LockModel(109, digits=Digits(4, 10)),
    **_each(("HC-SLM-1", "HT-SLM-2", "HT-SLM-3"), LockModel(39)),
    **_each((*KWIKSET, *WEISER), LockModel(30, digits=Digits(4, 8))),
    **_each(("easyCodeTouch_v1", "Nimly"), LockModel(1000, first=3)),
    "BE468": LockModel(30, digits=Digits(4, 4, sure=False)),
    "DLM-300Z": LockModel(2, digits=Digits(4, 4)),
}
