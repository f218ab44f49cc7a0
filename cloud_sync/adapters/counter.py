"""The station's counter, asked by a box about a person and his code."""

from dataclasses import dataclass
from hashlib import sha256

from cloud_sync.adapters.station import NO_ANSWER, StationRegistry
from cloud_sync.signed import Receipt
from cloud_sync.wire import Addressee, Key, digest, seal
from enrolment.model.documents import OutsideAnswer, Person
from enrolment.model.leases import RegistrationId

PROFILE = "counter"
NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True)
class StationCounter:
    """Fulfils OutsideCheck: sealed as reports are, answered by a receipt."""

    registry: StationRegistry
    box: str
    epoch: str
    name: str = "派出所"

    @property
    def there(self) -> bool:
        """Whether the box is paired with a station."""
        return self.registry.pairing is not None

    async def check(
        self, person: Person, code: str, registration: RegistrationId
    ) -> OutsideAnswer:
        told = (person.kind.value, person.name, person.number)
        return await self._ask(told, code, registration)

    async def check_paper(
        self, paper: tuple[str, str, str], code: str, registration: RegistrationId
    ) -> OutsideAnswer:
        """Ask whether an officer saw a paper: (order, whom against, number)."""
        return await self._ask(paper, code, registration)

    async def _ask(
        self, told: tuple[str, str, str], code: str, registration: RegistrationId
    ) -> OutsideAnswer:
        pairing = self.registry.pairing
        if pairing is None:
            return OutsideAnswer.NO_ANSWER
        kind, name, number = told
        digits = "".join(filter(str.isdigit, code))
        asked = {"v": 1, "kind": kind, "name": name, "number": number, "code": digits}
        # One question has one key: it may be asked again when its answer is lost.
        about = sha256(f"{registration} {digest(asked)}".encode()).hexdigest()[:32]
        key = Key(self.box, self.epoch, about, 1, PROFILE)
        to, by = Addressee(pairing.sealing), self.registry.key
        sealed = seal(asked, (key, 0), to, by).encode()
        try:
            response = await self.registry.ask(
                "POST", "/api/v1/counter", content=sealed
            )
            if response.is_client_error:
                refused = self.registry.refusal(sealed, response)
                wrong = refused.kind == NOT_SEEN
                return OutsideAnswer.CODE_WRONG if wrong else OutsideAnswer.NO_ANSWER
            receipt = Receipt.decode(response.content, pairing.signing)
        except NO_ANSWER:
            return OutsideAnswer.NO_ANSWER
        good = receipt.key == key and receipt.report == digest(asked)
        return OutsideAnswer.MATCH if good else OutsideAnswer.NO_ANSWER
