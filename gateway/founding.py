"""How a box begins: config, keys, local CA, ledger, the landlord's account."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.wire import fingerprint
from enrolment.rules.days import day_here
from gateway import mosquitto
from gateway.assessment import form
from gateway.mosquitto.devices import Place, open_beyond
from gateway.settings import Broker, LodgeSettings
from gateway.wiring.signing import make_key
from gateway.wiring.stores import open_stores
from ledger.clock import SystemClock
from ledger.hosts import on_machine
from ledger.ids import new_id
from ledger.keys import KeyClass, MasterKey, make_secret, read_secret
from porch.accounts import Accounts, Role
from porch.authority import authority, make_authority
from porch.laying import all_or_nothing, reachable

CONFIG = """# Lodge box; every other setting has its default (docs/operations.md).
box = "{box}"

[web]
host = "{host}"
port = {port}
{certificate}
[broker]
host = "127.0.0.1"
port = 1883
version = "5"
username = "lodge"
password_file = "keys/lodge.password"
doctor_password_file = "keys/doctor.password"
probe_password_file = "keys/probe.password"
"""
# MQTT over TLS, as it is registered.
DEVICES_PORT = 8883
CERTIFICATE = """certificate = "keys/server.pem"
private_key = "keys/server.key"
"""


async def found(
    folder: Path, place: tuple[str, int], landlord: str, *, plain: bool
) -> dict[str, str]:
    """Make a box with its ledger and its landlord's account; say what was made.

    Where something goes wrong, nothing is made.
    """
    host, port = reachable(place[0]), place[1]
    with all_or_nothing(folder):
        settings = lay(folder, host, port, plain=plain)
        stores = open_stores(settings)
        salt = stores.master.derive(KeyClass.AUDIT)
        accounts = Accounts(stores.book, stores.clock, stores.attempts, salt)
        code = await accounts.add(landlord, Role.LANDLORD)
        stores.book.close()
    key = Ed25519PrivateKey.from_private_bytes(
        read_secret(settings.at(settings.box_key))
    )
    return {
        "config": str(folder / "lodge.toml"),
        "box": settings.box,
        "fingerprint": fingerprint(key.public_key()),
        "landlord": landlord,
        "code": code,
        "address": settings.web.address,
    }


def lay(folder: Path, host: str, port: int, *, plain: bool) -> LodgeSettings:
    """Make a box's folder; raise FileExistsError where there is one already."""
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    master = MasterKey(make_secret(keys / "master.key"))
    make_secret(keys / "box.key")
    make_key(keys / "firmware.key", keys / "firmware.pub")
    make_authority(keys, host, SystemClock().now(), authority(master).seal)
    broker = folder / "mosquitto"
    mosquitto.lay(broker, keys, Broker().base)
    beyond = "" if on_machine(host) else f"devices_port = {DEVICES_PORT}\n"
    if beyond:
        seal = authority(master, "devices").seal
        place = Place(broker, keys, Broker().base)
        open_beyond(place, host, DEVICES_PORT, seal)
    today = day_here(SystemClock().now())
    (folder / "impact-assessment.toml").write_text(form(today), encoding="utf-8")
    told = CONFIG.format(
        box=new_id(), host=host, port=port, certificate="" if plain else CERTIFICATE
    )
    told += beyond
    (folder / "lodge.toml").write_text(told, encoding="utf-8")
    return LodgeSettings.load(folder / "lodge.toml")
