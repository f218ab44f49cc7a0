"""The impact assessments under which people agreed, on the ledger."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from enrolment.adapters import rows
from enrolment.model.assessment import Assessment, Stood
from ledger.book import Page


class LedgerAssessments:
    """Fulfils Assessments; nothing here is about a person, and nothing goes."""

    def keep(self, page: Page, assessment: Assessment, at: datetime) -> None:
        values = {"hash": assessment.hash, "first": at, "last": at}
        statement = upsert(rows.assessment).values(**values, text=assessment.text)
        page.put(
            statement.on_conflict_do_update(index_elements=["hash"], set_={"last": at})
        )


def assessments(connection: Connection) -> Sequence[Stood]:
    """List every assessment that stood, the first one first, from a snapshot."""
    query = select(rows.assessment).order_by(rows.assessment.c.first)
    found = connection.execute(query)
    return [Stood(row.hash, row.first, row.last, row.text) for row in found]
