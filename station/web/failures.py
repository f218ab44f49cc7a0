"""What the station refuses on purpose, in the words of its pages, and signed."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from cloud_sync.signed import Refusal
from cloud_sync.wire import WireError
from ledger.clock import Clock
from porch.app import Failures
from porch.certificates import CertificateUnusable
from porch.problems import Problem
from station.model import (
    AddressHeld,
    BoxUnknown,
    CodeUnknown,
    KeyReused,
    NotSeen,
    ReportUnfit,
    StationError,
    TooFast,
)
from station.service import StationKeys

FAILURES: Failures = {
    WireError: (400, "unreadable", "This is not a report that can be read."),
    BoxUnknown: (403, "box_unknown", "This box was never admitted here."),
    CodeUnknown: (403, "code_unknown", "No open admission has this code."),
    NotSeen: (
        404,
        "not_seen",
        "This code is not known for this person, or is over.",
    ),
    AddressHeld: (
        503,
        "address_held",
        "Another box reports this house. An officer has to confirm it.",
    ),
    TooFast: (429, "too_fast", "This box sends more than it may. Try again later."),
    KeyReused: (409, "key_reused", "Another report came under this key."),
    CertificateUnusable: (503, "certificate", "The certificate cannot be read now."),
    ReportUnfit: (422, "unfit", "The report does not fit its schema."),
}


@contextmanager
def refusing(raw: bytes, keys: StationKeys, clock: Clock) -> Iterator[None]:
    """Sign what is refused of a box's bytes: it believes nobody else's no."""
    try:
        yield
    except (StationError, WireError) as error:
        status, kind, title = FAILURES[type(error)]
        at = clock.now().isoformat()
        bare = Refusal(sha256(raw).hexdigest(), kind, at, keys.fingerprint)
        signed = bare.by(keys.signing).document()
        errors = getattr(error, "errors", ())
        raise Problem(status, kind, title, errors, {"refusal": signed}) from error
