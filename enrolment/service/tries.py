"""Tries that failed, and how long somebody waits before the next one."""

from datetime import datetime

from enrolment.model.errors import TriesSpent, WaitLonger
from enrolment.ports import Consents
from enrolment.rules.liveness import TRIES, wait_after
from ledger.ids import TenantId


async def need_wait(
    consents: Consents, tenant: TenantId, now: datetime, *, spent: bool = True
) -> None:
    """Raise WaitLonger while he has to wait, TriesSpent where a person looks now.

    Where nobody looks, tries are not `spent`: the longest wait comes again and again.
    """
    failed, last = await consents.tries(tenant)
    wait = wait_after(failed if spent else min(failed, TRIES - 1))
    if wait is None:
        raise TriesSpent("let a person look at your document")
    if last is not None and now < last + wait:
        raise WaitLonger(int((last + wait - now).total_seconds()) + 1)
