"""A person's name and number, checked by the state's channel or at the counter."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enrolment.model.consents import ConsentKind
from enrolment.model.documents import Evidence, OutsideAnswer
from enrolment.model.errors import (
    ConsentMissing,
    OutOfTurn,
    OutsideSilent,
    StationSilent,
    WaitLonger,
)
from enrolment.model.leases import FacePath, Lease, LeaseId, RegistrationId, Stage
from enrolment.model.rights import IDENTITY, Basis, Disclosure
from enrolment.ports import Consents, Leases, OutsideCheck, People, RightsBook
from enrolment.service.duties import Duties
from enrolment.service.tries import need_wait
from ledger.book import Book
from ledger.clock import Clock

# Questions about a resident by whoever holds a link to his page.
ASKED_A_DAY = 5
# Questions of one tenant in a while: a station slows a whole house down after eight.
ASKED_AT_ONCE, A_WHILE = 4, timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Way:
    """By which choices somebody outside is asked, on what ground, and what it proves.

    Wrong codes are counted here where nobody else counts them.
    """

    paths: frozenset[FacePath]
    consent: ConsentKind | None
    basis: Basis
    evidence: Evidence
    counts: bool


STATE = Way(
    frozenset({FacePath.STATE}),
    ConsentKind.STATE_IDENTITY,
    Basis.STATE_IDENTITY,
    Evidence.STATE_VERIFIED,
    counts=True,
)
# Whoever goes to the counter has shown himself and his document to the officer there;
# the station slows down guesses, and scans that failed are no reason to wait. Who is in
# doubt after a scan goes there as he is.
COUNTER = Way(
    frozenset({FacePath.PERSON, FacePath.SCAN}),
    None,
    Basis.COUNTER,
    Evidence.SEEN_BY_PERSON,
    counts=False,
)


@dataclass(frozen=True, slots=True)
class Checking:
    """Asks somebody outside with the person's own code; no picture is looked at."""

    way: Way
    book: Book
    leases: Leases
    consents: Consents
    people: People
    rights: RightsBook
    duties: Duties
    channel: OutsideCheck | None
    clock: Clock
    _under_way: set[LeaseId] = field(default_factory=set, repr=False)

    @property
    def there(self) -> bool:
        """Whether there is somebody to ask."""
        return self.channel is not None and self.channel.there

    async def check(self, lease: Lease, code: str) -> tuple[Lease, OutsideAnswer]:
        """Ask whether a claim is whose code it is; that it was asked is kept first.

        A match lets him send his registration himself. Anything else takes nothing
        from him: he asks again, or his landlord looks. Raises OutsideSilent where no
        answer comes, WaitLonger or TriesSpent after failed ones.
        """
        if lease.id in self._under_way:
            raise OutOfTurn("one question at a time, please")
        self._under_way.add(lease.id)
        try:
            return await self._ask(lease, code)
        finally:
            self._under_way.discard(lease.id)

    async def recognise(self, lease: Lease, code: str, link: str) -> bool:
        """Say whether somebody registered is whose code it is; nothing of him changes.

        A code is good for one `link`, and a few are asked about in a day: whoever asks
        holds the link alone, and the resident reads of each. Raises StationSilent where
        no answer comes.
        """
        if self.channel is None or not self.channel.there:
            return False
        asked = await self._asked(lease, Basis.BY_LINK, timedelta(days=1))
        if len(asked) >= ASKED_A_DAY:
            return False
        about = RegistrationId(f"{lease.registration}/{link}")
        try:
            answer = await self._answer(
                lease, code, self.channel, (Basis.BY_LINK, about)
            )
        except OutsideSilent as error:
            raise StationSilent("nobody answers there now") from error
        return answer is OutsideAnswer.MATCH

    async def _asked(
        self, lease: Lease, basis: Basis, within: timedelta
    ) -> Sequence[datetime]:
        """Return when it was asked about a tenant lately, the first first."""
        since = self.clock.now() - within
        told = await self.rights.disclosures(lease.tenant)
        return sorted(e.at for e in told if e.basis is basis and e.at > since)

    async def _answer(
        self,
        lease: Lease,
        code: str,
        channel: OutsideCheck,
        told: tuple[Basis, RegistrationId],
    ) -> OutsideAnswer:
        person = await self.leases.claimed(lease)
        now, (basis, about) = self.clock.now(), told
        salt = await self.people.salt(lease.tenant)
        disclosed = Disclosure(lease.tenant, now, channel.name, IDENTITY, basis)
        async with self.book.page() as page:
            self.rights.disclose(page, disclosed)
            page.note("disclosure", f"{lease.id} {basis.value}".encode(), salt)
        answer = await channel.check(person, code.strip(), about)
        if answer is OutsideAnswer.NO_ANSWER:
            raise OutsideSilent("ask again, or let your landlord look")
        return answer

    async def _ask(self, lease: Lease, code: str) -> tuple[Lease, OutsideAnswer]:
        told = (self.way.basis, lease.registration)
        answer = await self._answer(lease, code, await self._may(lease), told)
        salt = await self.people.salt(lease.tenant)
        checked = lease
        if answer is OutsideAnswer.MATCH:
            checked = replace(lease, evidence=self.way.evidence)
        async with self.book.page() as page:
            if answer is not OutsideAnswer.MATCH and self.way.counts:
                self.consents.fail(page, lease.tenant, self.clock.now())
            if answer is OutsideAnswer.MATCH:
                await self.duties.go_on(page, lease)
            self.leases.change(page, checked, after=lease)
            kind = f"{self.way.basis.value}/{answer.value}"
            page.note(kind, lease.id.encode(), salt)
        return checked, answer

    async def _may(self, lease: Lease) -> OutsideCheck:
        if lease.stage is not Stage.IDENTIFIED or self.channel is None:
            raise OutOfTurn("this step is done already, or needs another one first")
        consent = self.way.consent
        agreed = consent is None or await self.consents.given(lease.tenant, consent)
        if lease.path not in self.way.paths or not agreed:
            raise ConsentMissing("nobody is asked unless you chose it")
        if self.way.counts:
            await need_wait(self.consents, lease.tenant, self.clock.now())
        else:
            asked = await self._asked(lease, self.way.basis, A_WHILE)
            if len(asked) >= ASKED_AT_ONCE:
                over = asked[0] + A_WHILE - self.clock.now()
                raise WaitLonger(int(over.total_seconds()) + 1)
        return self.channel
