"""The real reader of text, on documents that were drawn."""

import io
import re
import sys
from datetime import date
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from enrolment.adapters.faces.engine import DocumentReader
from enrolment.model.documents import DocumentKind, Part
from enrolment.rules.mrz import read as read_lines
from enrolment.rules.reading import read_document
from tests.system.drawn import grey, told
from tests.unit.test_mrz import DUPONT

MONOSPACED = "DejaVuSansMono.ttf"


async def test_a_document_is_read_and_nothing_is_guessed(shared: Path) -> None:
    reader = DocumentReader()
    raw = (shared / "faces" / "dev" / "id_card_sample.jpg").read_bytes()
    lines = await reader.read(raw)
    found = read_document(lines, date(2026, 11, 22))
    assert found.person.kind is DocumentKind.RESIDENT_CARD
    assert re.fullmatch(r"\d{17}[\dX]", found.person.number)
    # Its name's label is a drawing, and the check digit of its number is wrong.
    assert found.unsure == {Part.NAME, Part.NUMBER}
    assert await reader.read(b"no picture") == []
    status = told(reader.pid, "status")
    assert "Seccomp:\t2" in status
    reader.idle()
    assert reader.pid is None
    assert await reader.read(grey(640, 480)) == []
    await reader.close()


async def test_a_passports_two_lines_are_read_by_the_camera() -> None:
    """The lines as a printer sets them, nobody's: long rows of fillers come short."""
    font = ImageFont.truetype(MONOSPACED, 34)
    page = Image.new("RGB", (1100, 760), (236, 236, 232))
    drawn = ImageDraw.Draw(page)
    drawn.text((420, 80), "PASSPORT", (20, 20, 20), font=font)
    for y, line in zip((640, 690), DUPONT.split(), strict=True):
        drawn.text((60, y), line, (20, 20, 20), font=font)
    file = io.BytesIO()
    page.save(file, "JPEG", quality=85)
    reader = DocumentReader()
    found = read_document(await reader.read(file.getvalue()), date(2026, 11, 22))
    expected = read_lines(DUPONT, date(2026, 11, 22)).person
    assert found.person == expected
    assert found.lines
    await reader.close()


async def test_a_reader_that_dies_has_read_nothing() -> None:
    reader = DocumentReader((sys.executable, "-c", "raise SystemExit(3)"))
    assert await reader.read(b"x") == ()
    await reader.close()
