"""Validate resources with the models of `fhir.resources`, where a model of the version exists."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import orjson

from careledger.formats.fhir.model import Reading

_PACKAGES: dict[str, tuple[tuple[str, Reading], ...]] = {
    "4.0.1": (("fhir.resources.R4B", "R4B model"),),
    "4.3.0": (("fhir.resources.R4B", "R4B model"),),
    "5.0.0": (("fhir.resources", "R5 model"),),
    "4.0.1 or 5.0.0": (("fhir.resources.R4B", "R4B model"), ("fhir.resources", "R5 model")),
}
"""Which models read which version. There is no model of 4.0.1; that of 4.3 (R4B) is the same for nearly every type."""


def validate(raw: bytes, resource_type: str, version: str | None) -> Reading:
    """Say by which model a resource validates.

    Args:
        raw: The resource's bytes.
        resource_type: Its type.
        version: Its version, as far as it is known.

    Returns:
        The first model that accepts it; ``structural`` if none does, or none exists.
    """
    for package, reading in _PACKAGES.get(version or "", ()):
        model = _model(package, resource_type)
        if model is not None and _accepts(model, raw):
            return reading
    return "structural"


def _accepts(model: Any, raw: bytes) -> bool:
    try:
        model.model_validate(orjson.loads(raw))
    except Exception:
        # validators of a foreign library meet hostile input here: whatever they raise, the answer is no
        return False
    return True


@cache
def _model(package: str, resource_type: str) -> Any:
    try:
        return import_module(package).get_fhir_model_class(resource_type)
    except (ValueError, ImportError, AttributeError):
        return None
