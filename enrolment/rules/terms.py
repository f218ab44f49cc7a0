"""Until when whoever has moved in has to be registered."""

from datetime import datetime, timedelta

from enrolment.model.documents import DocumentKind
from enrolment.model.leases import Lease

# The landlord reports within three working days (Zhejiang's regulation, 9), which
# three days never exceed.
LANDLORD_REPORTS = timedelta(days=3)
# A foreigner who stays outside a hotel registers within 24 hours of moving in (Exit and
# Entry Administration Law, 39); holders of travel permits from Hong Kong, Macau and
# Taiwan are taken the same way, which is never later than what they are asked for.
FOREIGNER_REGISTERS = timedelta(hours=24)
BY_LAW = {DocumentKind.PASSPORT, DocumentKind.PERMANENT_RESIDENT}
FOREIGN = BY_LAW | {DocumentKind.HM_PERMIT, DocumentKind.TW_PERMIT}


def registers_within(kind: DocumentKind, lease: Lease, now: datetime) -> timedelta:
    """Return how long from now on a tenant may wait until somebody has looked."""
    if kind not in FOREIGN:
        return LANDLORD_REPORTS
    due = max(lease.starts, now) + FOREIGNER_REGISTERS
    return min(LANDLORD_REPORTS, due - now)
