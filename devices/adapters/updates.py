"""Updates of lock controllers on the ledger."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.sqlite import insert as upsert

from devices.adapters.rows import firmware_update
from devices.model.firmware import ControllerId, Image, Step, Update, Version
from ledger.book import Book, Page


@dataclass(frozen=True, slots=True)
class LedgerUpdates:
    """Fulfils Updates; a confirmed image stays known while the next is tried."""

    book: Book

    def keep(self, page: Page, update: Update) -> None:
        image = _plain(update.image)
        told = {
            "board": update.board,
            "step": update.step.value,
            "at": update.at,
            "before": update.before,
            "image": image,
        }
        if update.step is Step.CONFIRMED:
            told["confirmed"] = image
        statement = upsert(firmware_update).values(controller=update.controller, **told)
        page.put(
            statement.on_conflict_do_update(index_elements=["controller"], set_=told)
        )

    async def every(self) -> Sequence[Update]:
        return [_update(row) for row in await self._all(select(firmware_update))]

    async def of(self, controller: ControllerId) -> Update | None:
        row = await self._row(controller)
        return None if row is None else _update(row)

    async def confirmed(self, controller: ControllerId) -> Image | None:
        row = await self._row(controller)
        return None if row is None or row.confirmed is None else _image(row.confirmed)

    async def _row(self, controller: ControllerId) -> Row[Any] | None:
        query = select(firmware_update)
        found = await self._all(query.where(firmware_update.c.controller == controller))
        return found[0] if found else None

    async def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return await self.book.read(lambda connection: connection.execute(query).all())


def _plain(image: Image) -> dict[str, Any]:
    hexed = {"hash": image.hash.hex(), "board": image.board.hex()}
    return {**asdict(image), **hexed}


def _image(told: dict[str, Any]) -> Image:
    return Image(
        bytes.fromhex(told["hash"]),
        Version(**told["version"]),
        told["counter"],
        bytes.fromhex(told["board"]),
        told["size"],
    )


def _update(row: Row[Any]) -> Update:
    return Update(
        ControllerId(row.controller),
        _image(row.image),
        Step(row.step),
        row.at,
        row.before,
        row.board,
    )
