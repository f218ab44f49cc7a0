"""Reports and receipts: whole, sealed, signed, or not at all."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.rules import police_report
from cloud_sync.signed import Receipt
from cloud_sync.wire import (
    Addressee,
    Envelope,
    Key,
    WireError,
    digest,
    fingerprint,
    proof,
    proves,
    report_schema,
    seal,
    unseal,
)
from devices.model.places import House, HouseId, Landlord, Room, RoomId
from enrolment.model.documents import DocumentKind, Evidence, Person
from enrolment.model.leases import LeaseId, RegistrationId
from enrolment.model.register import Registration, RegistrationKind
from ledger.ids import TenantId
from station.adapters.schema import SchemaFits
from station.model import ReportUnfit

BOX, STATION = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SEALING = X25519PrivateKey.generate()
KEY = Key("box", "epoch", "registration", 1, "police")
TO = Addressee(SEALING.public_key())
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def report(kind: RegistrationKind = RegistrationKind.ARRIVAL) -> dict:
    house = House(
        HouseId("h"), "n", "示范路1号", "330522", Landlord("a", "房东甲", "13800000000")
    )
    registration = Registration(
        RegistrationId("registration"),
        1,
        kind,
        LeaseId("l"),
        TenantId("t"),
        house.id,
        RoomId("r"),
        Person("租客甲", DocumentKind.RESIDENT_CARD, "330522199003150016"),
        NOW,
        NOW,
        NOW,
        Evidence.SEEN_BY_PERSON,
        moved_out=NOW if kind is RegistrationKind.DEPARTURE else None,
    )
    room = Room(RoomId("r"), house.id, "101")
    return police_report(registration, house, room, "0" * 64)


def sealed() -> Envelope:
    return seal(report(), (KEY, 7), TO, BOX)


def test_a_report_comes_out_as_it_went_in() -> None:
    raw = sealed().encode()
    assert unseal(Envelope.decode(raw), BOX.public_key(), SEALING) == report()


def test_nothing_of_the_person_shows_in_the_envelope() -> None:
    raw = sealed().encode()
    assert "租客甲".encode() not in raw
    assert b"330522199003150016" not in raw


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    raw = bytearray(sealed().encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        unseal(Envelope.decode(bytes(raw)), BOX.public_key(), SEALING)


def test_another_box_cannot_sign_for_this_one() -> None:
    stranger = Ed25519PrivateKey.generate()
    envelope = seal(report(), (KEY, 7), TO, stranger)
    with pytest.raises(WireError, match="signature"):
        unseal(envelope, BOX.public_key(), SEALING)


def test_a_report_for_another_station_is_refused_by_name() -> None:
    with pytest.raises(WireError, match="another key"):
        unseal(sealed(), BOX.public_key(), X25519PrivateKey.generate())


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with pytest.raises(WireError):
        Envelope.decode(raw)
    with pytest.raises(WireError):
        Receipt.decode(raw, STATION.public_key())


def test_a_receipt_holds_only_with_the_stations_signature() -> None:
    bare = Receipt(KEY, digest(report()), NOW.isoformat(), "name")
    good = bare.by(STATION)
    assert Receipt.decode(good.encode(), STATION.public_key()) == good
    forged = replace(good, report="0" * 64)
    with pytest.raises(WireError, match="not signed"):
        Receipt.decode(forged.encode(), STATION.public_key())


@pytest.mark.parametrize("kind", RegistrationKind)
def test_every_kind_of_report_fits_the_published_schema(kind: RegistrationKind) -> None:
    SchemaFits()(report(kind))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"portrait": "…"}, "report"),
        ({"kind": "sighting"}, "kind"),
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"recorded_at": "2026-11-22T00:00:00"}, "recorded_at"),
        ({"version": 0}, "version"),
    ],
)
def test_what_the_schema_does_not_name_is_refused(change: dict, field: str) -> None:
    with pytest.raises(ReportUnfit) as refused:
        SchemaFits()({**report(), **change})
    assert [error["field"] for error in refused.value.errors] == [field]


def objects(schema: dict) -> Iterator[dict]:
    if schema.get("type") == "object":
        yield schema
    for part in schema.get("properties", {}).values():
        yield from objects(part)


def test_d1_every_object_of_the_profile_names_its_fields_and_no_other() -> None:
    found = list(objects(report_schema()))
    assert len(found) == 6
    assert not [each for each in found if each.get("additionalProperties") is not False]


@pytest.mark.parametrize("part", ["person", "stay", "house", "landlord", "provenance"])
def test_d1_a_field_more_is_refused_wherever_it_is_put(part: str) -> None:
    told = report()
    told[part]["ethnic"] = "01"
    with pytest.raises(ReportUnfit) as refused:
        SchemaFits()(told)
    assert [error["field"] for error in refused.value.errors] == [part]


def test_d1_the_police_profile_sends_nothing_beyond_its_minimum() -> None:
    told = report()
    assert set(told["person"]) <= {"name", "doc_type", "doc_no", "sex", "birth"}
    assert not {"portrait", "template", "events"} & set(told)


def test_a_pairing_code_proves_itself_however_it_is_typed() -> None:
    claimed = proof("ABCD-EFGH-JKLM-NPQR", b"key")
    assert proves("abcdefgh jklmnpqr", claimed, b"key")
    assert not proves("ABCD-EFGH-JKLM-NPQS", claimed, b"key")
    assert not proves("ABCD-EFGH-JKLM-NPQR", claimed, b"another key")


def test_a_fingerprint_reads_aloud_in_groups_of_four() -> None:
    assert len(fingerprint(STATION.public_key()).split(" ")) == 10
