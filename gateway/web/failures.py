"""What goes wrong on purpose, in the words of the pages: status, code, title."""

from devices.model.errors import (
    LockSilent,
    LockTaken,
    NeverOpens,
    NoCommonLength,
    NoFreeSlot,
    NotSo,
    NotYours,
    TokenUnfit,
    TooManyGuests,
    UnknownDoor,
    WindowWider,
)
from enrolment.model.errors import (
    CodeWrong,
    ConsentMissing,
    DocumentExpired,
    FaceEngineDown,
    FaceOff,
    LinkDead,
    NothingToAsk,
    NotTheOriginal,
    OutOfTurn,
    OutsideSilent,
    PaperUnseen,
    ReaderBusy,
    RoomTaken,
    StationSilent,
    TriesSpent,
    WaitLonger,
    WindowWrong,
)
from ledger.errors import Erased
from porch.accounts import NoSuchAccount
from porch.app import Failures

FAILURES: Failures = {
    CodeWrong: (403, "code_wrong", "That is not the code the landlord said."),
    ConsentMissing: (403, "consent_missing", "A face scan needs your consent first."),
    Erased: (410, "erased", "This person's data have been erased."),
    FaceOff: (
        409,
        "faces_off",
        "No face is looked at on this box. Let the landlord look at your document.",
    ),
    TriesSpent: (
        409,
        "tries_spent",
        "The scan did not work. Let your landlord look at your document instead.",
    ),
    StationSilent: (
        503,
        "station_silent",
        "The police station does not answer now. Try later; each try counts.",
    ),
    DocumentExpired: (
        422,
        "document_expired",
        "This document has expired. The police station tells you how to register.",
    ),
    NothingToAsk: (
        409,
        "nothing_to_ask",
        "There is no other movement to ask for. Your PIN opens as before.",
    ),
    WaitLonger: (429, "wait", "Wait a little before the next try."),
    FaceEngineDown: (
        503,
        "faces_down",
        "The face check does not answer. Let the landlord look at your document.",
    ),
    OutsideSilent: (
        503,
        "outside_silent",
        "Nobody answers there now. Try again, or let your landlord look.",
    ),
    LinkDead: (410, "link_dead", "This link no longer works. Ask for a new one."),
    LockSilent: (
        503,
        "lock_silent",
        "The lock does not answer. Check its power.",
    ),
    LockTaken: (409, "lock_taken", "This lock hangs on another door."),
    NoCommonLength: (
        409,
        "no_common_length",
        "No PIN fits all of these locks: each takes another length.",
    ),
    NoFreeSlot: (409, "no_free_slot", "The lock has no room for another PIN."),
    NotTheOriginal: (
        422,
        "not_the_original",
        "The document's number ends differently from what the tenant entered.",
    ),
    TokenUnfit: (422, "token_unfit", "This token or key cannot be used."),
    NotSo: (409, "not_so", "This cannot be done with this key or question now."),
    NotYours: (
        403,
        "not_yours",
        "Who lives there decides this. Ask, or show an official paper.",
    ),
    NoSuchAccount: (
        404,
        "no_account",
        "There is no such account here; the operator makes one.",
    ),
    TooManyGuests: (409, "guests", "Your guests hold five keys. End one first."),
    NeverOpens: (
        422,
        "never_opens",
        "None of these days and hours lies between the key's beginning and its end.",
    ),
    WindowWider: (
        422,
        "window_wider",
        "The key must end after it starts, and lie inside your own time.",
    ),
    PaperUnseen: (
        422,
        "paper_unseen",
        "No officer gave this code for this paper. Take its original to the counter.",
    ),
    OutOfTurn: (409, "out_of_turn", "This step is done, or needs another one first."),
    ReaderBusy: (
        409,
        "reader_busy",
        "Somebody else's card is being read. Try again in a minute, or type it in.",
    ),
    RoomTaken: (409, "room_taken", "This room is let for part of that time."),
    UnknownDoor: (404, "unknown", "There is no such house or door."),
    WindowWrong: (
        422,
        "window_wrong",
        "Choose a last day that is after the first, not past, and within twenty years.",
    ),
}
