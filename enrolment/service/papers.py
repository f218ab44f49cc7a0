"""Official papers about a lease: only what an officer has seen, and never at once."""

from dataclasses import dataclass

from devices.model.approvals import Approval, ApprovalKind, Paper
from devices.service.asking import Asking
from enrolment.model.documents import OutsideAnswer
from enrolment.model.errors import OutOfTurn, PaperUnseen, StationSilent
from enrolment.model.leases import Lease, Stage
from enrolment.ports import PaperCheck
from ledger.attempts import Attempts, Limit

OF_PAPERS = Limit(free=5)


@dataclass(frozen=True, slots=True)
class Papers:
    """Takes papers that the station's counter has seen, for landlord and resident."""

    asking: Asking
    counter: PaperCheck | None
    attempts: Attempts

    async def show(
        self, lease: Lease, kind: ApprovalKind, paper: Paper, code: str, by: str
    ) -> Approval:
        """Keep a paper that orders something of a lease; it acts once he was heard.

        Raises PaperUnseen where no officer gave this code for it, StationSilent where
        nobody can be asked.
        """
        if lease.stage is not Stage.REGISTERED:
            raise OutOfTurn("nobody lives there whose word a paper stands in for")
        await self._seen(lease, paper, code)
        return await self.asking.show_paper(kind, (lease.id, lease.tenant), by, paper)

    async def object(self, lease: Lease, paper: Paper, code: str) -> None:
        """Take the resident's newer paper: what earlier ones order is held by it."""
        await self._seen(lease, paper, code)
        await self.asking.object(lease.id, paper)

    async def _seen(self, lease: Lease, paper: Paper, code: str) -> None:
        if self.counter is None:
            raise StationSilent("this box has no station")
        counted = (f"paper/{lease.id}", OF_PAPERS)
        self.attempts.count(counted)
        answer = await self.counter.check_paper(
            (paper.authority, paper.number), code.strip(), lease.registration
        )
        if answer is OutsideAnswer.NO_ANSWER:
            raise StationSilent("the station does not answer now")
        if answer is not OutsideAnswer.MATCH:
            raise PaperUnseen("no officer gave this code for this paper")
        self.attempts.good(counted)
