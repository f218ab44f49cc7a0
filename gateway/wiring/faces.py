"""The face engine for verbs that use it without a box."""

from enrolment.adapters import face_worker
from enrolment.adapters.faces import FaceWorker


def engine() -> FaceWorker:
    """Return a face worker of one's own; close it afterwards."""
    return FaceWorker()


def serve() -> None:
    """Be the face worker, on the standard streams."""
    face_worker.main()
