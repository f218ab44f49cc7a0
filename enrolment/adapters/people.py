"""The keys under which people's data lie, and how their fields are sealed."""

import json
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, update

from enrolment.adapters import rows
from enrolment.model.documents import DocumentKind, Person, Sex
from ledger.book import Book, Page
from ledger.ids import TenantId, new_id
from ledger.keys import KeyClass, MasterKey, TenantKey, Vault


@dataclass(frozen=True, slots=True)
class LedgerPeople:
    """Fulfils People."""

    book: Book
    master: MasterKey

    async def begin(self) -> TenantId:
        tenant = TenantId(new_id())
        async with self.book.page() as page:
            Vault(self.master).make(page, tenant)
        return tenant

    def erase(self, page: Page, tenant: TenantId) -> None:
        gone = rows.registration.c.tenant == tenant
        page.put(update(rows.registration).where(gone).values(person=b""))
        held = rows.lease.c.tenant == tenant
        page.put(update(rows.lease).where(held).values(label=b"", person=None))
        page.put(delete(rows.template).where(rows.template.c.tenant == tenant))
        page.put(delete(rows.face_try).where(rows.face_try.c.tenant == tenant))
        asked = rows.rights_request.c.tenant == tenant
        nothing = {"text": b"", "answer": b"", "proposed": None}
        page.put(update(rows.rights_request).where(asked).values(nothing))
        Vault(self.master).destroy(page, tenant)

    async def salt(self, tenant: TenantId) -> bytes:
        return (await self.key(tenant)).salt

    async def key(self, tenant: TenantId) -> TenantKey:
        """Return the tenant's key; raise Erased once it was destroyed."""
        return await self.book.read(lambda c: self.look(c, tenant))

    def look(self, connection: Connection, tenant: TenantId) -> TenantKey:
        """Return the tenant's key from an open snapshot."""
        return Vault(self.master).find(connection, tenant)


def seal_person(key: TenantKey, person: Person) -> bytes:
    """Seal a person's fields under his own key."""
    fields = {
        "name": person.name,
        "kind": person.kind.value,
        "number": person.number,
        "birth": person.birth.isoformat() if person.birth else None,
        "sex": person.sex.value,
        "guardian": person.guardian,
        "latin": person.latin,
    }
    return key.seal(KeyClass.PERSON, "person", json.dumps(fields).encode())


def unseal_person(key: TenantKey, sealed: bytes) -> Person:
    """Read a person's fields back; raise Erased without his key."""
    fields = json.loads(key.unseal(KeyClass.PERSON, "person", sealed))
    return Person(
        fields["name"],
        DocumentKind(fields["kind"]),
        fields["number"],
        date.fromisoformat(fields["birth"]) if fields["birth"] else None,
        Sex(fields["sex"]),
        fields.get("guardian", ""),
        fields.get("latin", ""),
    )
