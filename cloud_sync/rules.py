"""What a registry is told, and when it is told again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cloud_sync.model import SETTLED, Answer, Delivery, DeliveryState, Outcome
from devices.model.places import House, Room
from enrolment.model.leases import RegistrationId
from enrolment.model.register import Registration
from ledger.ids import TenantId

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
OPEN = {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN}
STATES = {
    Outcome.ACCEPTED: DeliveryState.ACCEPTED,
    Outcome.REJECTED: DeliveryState.REJECTED,
    Outcome.LATER: DeliveryState.QUEUED,
    Outcome.UNKNOWN: DeliveryState.UNKNOWN,
}


def police_report(
    registration: Registration, house: House, room: Room, nonce: str
) -> dict[str, Any]:
    """Map a registration to the police profile, and nothing more (domain.md §2).

    No portrait, no template, no door event; schema `urn:lodge:report:1`. The nonce
    keeps the report's digest, which receipts carry, from telling what is in it.
    """
    person = registration.person
    told: dict[str, Any] = {
        "name": person.name,
        "doc_type": person.kind.value,
        "doc_no": person.number,
        "sex": person.sex.value,
    }
    if person.latin:
        told["name_latin"] = person.latin
    if person.birth is not None:
        told["birth"] = person.birth.isoformat()
    stay = {
        "move_in": registration.move_in.isoformat(),
        "planned_out": registration.planned_out.isoformat(),
    }
    if registration.moved_out is not None:
        stay["moved_out"] = registration.moved_out.isoformat()
        stay["leave_reason"] = "lease_ended"
    return {
        "v": 1,
        "nonce": nonce,
        "kind": registration.kind.value,
        "registration": registration.id,
        "version": registration.version,
        "recorded_at": registration.recorded_at.isoformat(),
        "person": told,
        "stay": stay,
        "house": {
            "id": house.id,
            "area": house.area,
            "addr": house.address,
            "room": room.name,
        },
        "landlord": {"name": house.landlord.name, "phone": house.landlord.phone},
        "provenance": {
            "channel": "lodge",
            "evidence": registration.evidence.value,
            "collected_at": registration.recorded_at.isoformat(),
        },
    }


def next_in_line(
    deliveries: Iterable[Delivery], now: datetime, busy: set[TenantId]
) -> Iterator[Delivery]:
    """Yield what may be sent now: each person's oldest open delivery, once it is due.

    A rejected version holds back the later ones of the same person.
    """
    seen = set(busy)
    for delivery in sorted(deliveries, key=lambda each: each.sequence):
        if delivery.state in SETTLED or delivery.tenant in seen:
            continue
        seen.add(delivery.tenant)
        due = delivery.due is None or now >= delivery.due
        if delivery.state in OPEN and due:
            yield delivery


def superseded(
    rejected: Iterable[Delivery], corrected: Mapping[RegistrationId, int]
) -> Iterator[Delivery]:
    """Yield what goes no more of what was rejected: a correction goes in its place.

    `corrected` gives the version of each registration's latest correction.
    """
    for delivery in rejected:
        if corrected.get(delivery.registration, 0) > delivery.version:
            yield replace(delivery, state=DeliveryState.SUPERSEDED)


def settled(
    delivery: Delivery, answer: Answer, now: datetime, chance: float
) -> Delivery:
    """Return the delivery after an answer; `chance` (0..1) jitters the retry."""
    tries = delivery.tries + 1
    ceiling = min(FIRST_PAUSE * (1 << min(tries, 16)), LONGEST_PAUSE)
    pause = ceiling * chance
    if answer.pause is not None:
        pause = min(timedelta(seconds=answer.pause), LONGEST_PAUSE)
    state = STATES[answer.outcome]
    return replace(
        delivery,
        state=state,
        tries=tries,
        due=now + pause if state in OPEN else None,
        reason=answer.reason,
        receipt=answer.receipt,
    )
