"""The face engine: of a box, and for verbs that use it without one."""

from pathlib import Path

from enrolment.adapters.faces import weights
from enrolment.adapters.faces.engine import WORKER, DocumentReader, FaceWorker
from enrolment.adapters.faces.weights import WeightsUnusable, recipe_of
from enrolment.adapters.faces.weights import add as add_model
from enrolment.adapters.faces.weights import faults as faults_of_models
from enrolment.adapters.faces.weights import fetch as fetch_model
from enrolment.adapters.faces.weights import held as held_models
from gateway.settings import LodgeSettings

__all__ = [
    "DocumentReader",
    "WeightsUnusable",
    "add_model",
    "engine",
    "face_worker",
    "faults_of_models",
    "fetch_model",
    "held_models",
    "recipe_of",
    "serve",
]


def face_worker(settings: LodgeSettings) -> FaceWorker:
    """Return a box's face worker, with the liveness networks that it has."""
    return engine(settings.at(settings.faces.models))


def engine(models: Path | None = None) -> FaceWorker:
    """Return a face worker of one's own; close it afterwards."""
    held = weights.held(models) if models else []
    return FaceWorker((*WORKER, weights.told(held)))


def serve() -> None:
    """Be the face worker, on the standard streams."""
    # Only the worker itself pays for the networks' library.
    from enrolment.adapters.faces import worker  # noqa: PLC0415

    worker.main()
