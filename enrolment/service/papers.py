"""Official papers about a lease: only what an officer has seen, and never at once."""

from dataclasses import dataclass

from devices.model.approvals import Answer, Approval, ApprovalKind, Paper
from devices.model.errors import NotSo
from devices.service.asking import Asking
from enrolment.model.documents import OutsideAnswer
from enrolment.model.errors import OutOfTurn, PaperUnseen, StationSilent
from enrolment.model.leases import Lease, Stage
from enrolment.ports import Leases, PaperCheck
from enrolment.rules.documents import normal_number
from ledger.attempts import Attempts, Limit

OF_PAPERS = Limit(free=5)
# What an officer says that a paper orders, as the counter calls it.
ORDERS = {
    ApprovalKind.END_LEASE: "COURT_END",
    ApprovalKind.FREEZE_KEY: "COURT_FREEZE",
}
HOLDS = "COURT_HOLD"


@dataclass(frozen=True, slots=True)
class Papers:
    """Takes papers that the station's counter has seen, for landlord and resident.

    An officer's code is for one paper, what it orders, and whom it is against.
    """

    asking: Asking
    leases: Leases
    counter: PaperCheck | None
    attempts: Attempts

    async def show(
        self, lease: Lease, kind: ApprovalKind, paper: Paper, code: str, by: str
    ) -> Approval:
        """Keep a paper that orders something of a lease; it acts once he was heard.

        Raises PaperUnseen where no officer gave this code for it, StationSilent where
        nobody can be asked, NotSo where it was held by a newer one.
        """
        if lease.stage is not Stage.REGISTERED:
            raise OutOfTurn("nobody lives there whose word a paper stands in for")
        if paper.number in await self._numbers(lease):
            raise NotSo("this paper was shown before")
        await self._seen(lease, (ORDERS[kind], paper, code), by)
        return await self.asking.show_paper(kind, (lease.id, lease.tenant), by, paper)

    async def object(self, lease: Lease, paper: Paper, code: str) -> None:
        """Take the resident's newer paper: what earlier ones order is held by it.

        Raises NotSo where nothing is ordered, or by this very paper.
        """
        numbers = await self._numbers(lease)
        if not numbers or paper.number in numbers:
            raise NotSo("there is no earlier paper that this one could hold")
        await self._seen(lease, (HOLDS, paper, code), lease.tenant)
        await self.asking.object(lease.id, paper)

    async def _numbers(self, lease: Lease) -> set[str]:
        """Return the numbers of the papers shown about a lease, held ones too."""
        asked = await self.asking.approvals.about(lease.id)
        papers = [each.paper for each in asked if each.answer is Answer.PAPER]
        return {normal_number(each.number) for each in papers if each is not None}

    async def _seen(self, lease: Lease, told: tuple[str, Paper, str], by: str) -> None:
        if self.counter is None:
            raise StationSilent("this box has no station")
        kind, paper, code = told
        counted = (f"paper/{by}", OF_PAPERS)
        self.attempts.count(counted)
        against = (await self.leases.claimed(lease)).name
        answer = await self.counter.check_paper(
            (kind, against, paper.number), code.strip(), lease.registration
        )
        if answer is OutsideAnswer.NO_ANSWER:
            self.attempts.good(counted)
            raise StationSilent("the station does not answer now")
        if answer is not OutsideAnswer.MATCH:
            raise PaperUnseen("no officer gave this code for this paper")
        self.attempts.good(counted)
