"""The face engine: of a box, and for verbs that use it without one."""

from importlib.util import find_spec
from pathlib import Path

from enrolment.adapters.faces import weights
from enrolment.adapters.faces.engine import WORKER, DocumentReader, FaceWorker
from enrolment.adapters.faces.weights import WeightsUnusable, recipe_of
from enrolment.adapters.faces.weights import add as add_model
from enrolment.adapters.faces.weights import faults as faults_of_models
from enrolment.adapters.faces.weights import fetch as fetch_model
from enrolment.adapters.faces.weights import held as held_models
from enrolment.model.faces import EngineName
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
    "missing",
    "recipe_of",
    "serve",
]


def face_worker(settings: LodgeSettings) -> FaceWorker:
    """Return a box's face worker, with the liveness networks that it has."""
    return engine(settings.at(settings.faces.models), settings.faces.engine)


def engine(
    models: Path | None = None, name: EngineName = EngineName.SFACE
) -> FaceWorker:
    """Return a face worker of one's own; close it afterwards."""
    held = weights.held(models) if models else []
    return FaceWorker((*WORKER, weights.told(held), name.value), engine=name)


def missing(name: EngineName) -> bool:
    """Say whether an engine is not installed."""
    return name is EngineName.DLIB and find_spec("face_recognition") is None


def serve() -> None:
    """Be the face worker, on the standard streams."""
    # Only the worker itself pays for the networks' library.
    from enrolment.adapters.faces import worker  # noqa: PLC0415

    worker.main()
