"""A tenant's data for a program: his export, and what he takes along when he leaves."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cloud_sync.wire import canonical, text_of
from enrolment.model.documents import Person
from gateway.web.known import known

Sign = Callable[[bytes], bytes]


def bundle(
    told: Mapping[str, Any], box: Mapping[str, str], now: datetime, sign: Sign
) -> dict[str, Any]:
    """Return his data with every receipt of the station, signed by the box.

    The signature (Ed25519, base64) covers the canonical JSON of all other members, as
    reports are signed (docs/registry-contract.md); `box` says its name and public key.
    """
    content = {"v": 1, **box, "made_at": now.isoformat(), **exported(told)}
    return {**content, "signature": text_of(sign(canonical(content)))}


def exported(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tenant's data for a program; times are RFC 3339 with offset."""
    data, lease, person = told["data"], told["lease"], told["data"].person
    return {
        "fields": [
            {
                "field": each.name,
                "value": each.value,
                "source": each.source.partition("/")[2],
                "since": each.since and each.since.isoformat(),
                "basis": each.basis.partition("/")[2],
                "told": list(each.to),
            }
            for each in known(told)
        ],
        "person": person and {**_named(person), "source": lease.evidence.value},
        "lease": {
            "house": told["house"].address,
            "room": told["room"].name,
            "starts": lease.starts.isoformat(),
            "ends": lease.ends.isoformat(),
            "landlord": told["house"].landlord.name,
        },
        "notices": [
            {"text_sha256": text, "shown_at": at.isoformat()}
            for text, at in data.notices
        ],
        "consents": [
            {
                "kind": each.kind.value,
                "given_at": each.given_at.isoformat(),
                "withdrawn_at": each.withdrawn_at and each.withdrawn_at.isoformat(),
            }
            for each in data.consents
        ],
        "face_template": data.template,
        "told": [
            {
                "to": "police station",
                "report": each.version,
                "at": each.noted_at.isoformat(),
                "state": each.state.value,
                "basis": "landlord_duty",
            }
            for each in told["deliveries"]
        ]
        + [
            {
                "to": each.to,
                "fields": each.fields,
                "at": each.at.isoformat(),
                "basis": each.basis.value,
                "purpose": each.purpose,
            }
            for each in data.disclosures
        ],
        "keys": [
            {
                "kind": each.kind.value,
                "for": label or None,
                "starts": each.starts.isoformat(),
                "ends": each.ends.isoformat(),
                "state": each.state.value,
            }
            for each, label in told["keys"]
        ],
        "openings": [
            {
                "at": each.at.isoformat(),
                "what": each.kind,
                "how": each.detail,
                "door": each.door or None,
            }
            for each in told["events"]
        ],
        "requests": [
            {
                "number": each.id,
                "kind": each.kind.value,
                "text": each.text,
                "at": each.at.isoformat(),
                "due": each.due.isoformat(),
                "granted": each.granted,
                "answer": each.answer,
                "proposed": each.proposed and _named(each.proposed),
            }
            for each in data.requests
        ],
        "receipts": [
            json.loads(each.receipt) for each in told["deliveries"] if each.receipt
        ],
    }


def _named(person: Person) -> dict[str, str | None]:
    return {
        "name": person.name,
        "latin": person.latin or None,
        "document": person.kind.value,
        "number": person.number,
        "birth": person.birth.isoformat() if person.birth else None,
        "sex": person.sex.value,
        "guardian": person.guardian or None,
    }
