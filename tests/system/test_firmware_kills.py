"""A box killed at any word of an update ends on a working image that it knows."""

import asyncio

import pytest

from devices.model.firmware import UNDER_WAY, Step, Update
from devices.rules.firmware import standing
from devices.service import firmware as service
from gateway.demo.controller import Flash
from tests.system.test_firmware import ONE, SOAK, Answering, Bench, bench, desk

__all__ = ["bench", "desk"]


class Killed(Exception):
    """The box was killed here."""


class Mortal:
    """A link whose box is killed before or after its n-th word to the controller."""

    def __init__(self, link, life: list[int], *, after: bool) -> None:
        self.link, self.life, self.after = link, life, after

    def __getattr__(self, name: str):
        act = getattr(self.link, name)

        async def said(*words):
            self.life[0] -= 1
            if self.life[0] == 0 and not self.after:
                raise Killed
            answer = await act(*words)
            if self.life[0] == 0:
                raise Killed
            return answer

        return said


async def settled(bench: Bench) -> Update | None:
    """Have the box look until nothing is open: it may ask just while one restarts."""
    for _ in range(5):
        await bench.firmware.resume()
        update = await bench.firmware.updates.of(ONE)
        if update is None or update.step not in UNDER_WAY:
            break
    return update


async def killed_at(bench: Bench, number: int, *, after: bool, power: bool) -> bool:
    """Kill the box at its n-th word, begin it anew; return whether it came so far."""
    real, life = bench.real[ONE], [number]
    real.flash = Flash(bench.old)
    new = bench.desk.image(f"1.{number}.0", 2)
    bench.begin(lambda link: Mortal(link, life, after=after))
    try:
        await bench.pushed(new)
    except Killed:
        pass
    else:
        return False
    if power:
        real.cut_power()
        await asyncio.sleep(0.1)
    bench.begin()
    update = await settled(bench)
    known = update is not None and update.image.hash == bench.hash(new)
    kept = known and update.step is Step.CONFIRMED
    assert real.flash.confirmed
    assert (real.running == bench.hash(new)) is kept
    # An image that had not arrived has failed and may be pushed again; nothing is open.
    assert not known or update.step not in UNDER_WAY
    return True


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("power", ["stays", "fails"])
async def test_a_kill_at_any_step_ends_on_a_working_image_that_the_box_knows(
    bench: Bench, when: str, power: str
) -> None:
    number, how = 1, {"after": when == "after", "power": power == "fails"}
    while await killed_at(bench, number, **how):
        number += 1
    assert number > 8


async def test_a_box_that_trusts_its_notes_and_not_the_controller_is_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(update, slots):
        return Step.CONFIRMED if update.step is Step.RESET else standing(update, slots)

    monkeypatch.setattr(service, "standing", trusting)

    async def killed_anywhere() -> None:
        for number in range(1, 12):
            await killed_at(bench, number, after=True, power=False)

    with pytest.raises(AssertionError):
        await killed_anywhere()


async def test_the_day_of_watching_begins_when_it_is_seen_to_work(
    bench: Bench,
) -> None:
    update = await bench.firmware.push(ONE, bench.new)
    with pytest.raises(Killed):
        await killed_once_confirmed(bench)
    bench.world.clock.move(SOAK)
    bench.begin()
    await bench.firmware.resume()
    kept = await bench.firmware.updates.of(ONE)
    assert (kept.step, kept.at - update.at) == (Step.CONFIRMED, SOAK)


async def killed_once_confirmed(bench: Bench) -> None:
    link = bench.firmware.links[ONE]

    class Dying(Answering):
        async def confirm(self, image: bytes) -> None:
            await link.confirm(image)
            raise Killed

    bench.firmware.links[ONE] = Dying(link, link.answers)
    await bench.firmware.carry_next(1)
