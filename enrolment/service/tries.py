"""Tries that failed, and how long somebody waits before the next one."""

from datetime import datetime

from enrolment.model.errors import TriesSpent, WaitLonger
from enrolment.ports import Consents
from enrolment.rules.liveness import wait_after
from ledger.ids import TenantId


async def need_wait(consents: Consents, tenant: TenantId, now: datetime) -> None:
    """Raise WaitLonger while he has to wait, TriesSpent where a person looks now."""
    failed, last = await consents.tries(tenant)
    wait = wait_after(failed)
    if wait is None:
        raise TriesSpent("let a person look at your document")
    if last is not None and now < last + wait:
        raise WaitLonger(int((last + wait - now).total_seconds()) + 1)
