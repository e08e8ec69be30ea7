"""Write the table by which the FHIR reader tells versions apart, from the models of `fhir.resources`.

For every resource type the elements of STU3, R4B and R5 are walked side by side, and only what differs is kept: an
element that is absent, a list or not, a primitive or an object, or bound to other words. Run it again when
`fhir.resources` is upgraded: `.venv/bin/python scripts/fhir_versions.py`.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

TARGET = Path(__file__).resolve().parents[1] / "careledger" / "formats" / "fhir" / "data" / "versions.json"
PACKAGES = {"3": "fhir.resources.STU3", "4": "fhir.resources.R4B", "5": "fhir.resources"}
BASES = frozenset({"Resource", "DomainResource", "BackboneElement", "Element", "MetadataResource", "CanonicalResource"})
# In 4.0.1, gone in 4.3 (R4B) and later: the models do not know them, the R4 specification does.
ONLY_R4 = (
    "EffectEvidenceSynthesis MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication "
    "MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured "
    "MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect RiskEvidenceSynthesis "
    "SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial "
    "SubstanceSpecification"
).split()
# Came with 4.3: a resource of these types is not 4.0.1.
FROM_R4B = (
    "AdministrableProductDefinition Citation ClinicalUseDefinition EvidenceReport Ingredient "
    "ManufacturedItemDefinition MedicinalProductDefinition NutritionProduct PackagedProductDefinition "
    "RegulatedAuthorization SubscriptionStatus "
    "SubscriptionTopic SubstanceDefinition"
).split()
# Rewritten between 4.0.1 and 4.3: the R4B model says nothing about 4.0.1, so their elements are not compared.
CHANGED_IN_R4B = frozenset({"Evidence", "EvidenceVariable", "DeviceDefinition"})
MOST_WORDS = 20
# Bundle.entry.search.mode: R5 drops "outcome" from its short description, yet its own examples use it.
OPEN = frozenset({"match"})

Shape = dict[str, Any]


class Tables:
    """The models of the three versions, as shapes: element name to kind, plurality, words and child type."""

    def __init__(self) -> None:
        self.packages = {v: importlib.import_module(p) for v, p in PACKAGES.items()}
        self.names = {v: type_names(importlib.import_module(f"{p}.fhirtypes")) for v, p in PACKAGES.items()}
        self.cache: dict[tuple[str, str], dict[str, Shape]] = {}

    def has(self, version: str, name: str) -> bool:
        """Whether this version has a type of this name."""
        return name in self.names[version]

    def shapes(self, version: str, name: str) -> dict[str, Shape]:
        """Return the elements of a type in one version."""
        if (version, name) not in self.cache:
            model: type[BaseModel] = self.packages[version].get_fhir_model_class(name)
            found = {}
            for key, field in model.model_fields.items():
                extra = field.json_schema_extra
                if isinstance(extra, dict) and extra.get("element_property"):
                    found[field.alias or key] = self.shape(version, field.annotation, extra)
            self.cache[version, name] = found
        return self.cache[version, name]

    def shape(self, version: str, annotation: Any, extra: dict[str, Any]) -> Shape:
        """Return kind, plurality, words and child type of one element."""
        text = str(annotation)
        child = None
        for word in text.replace("[", " ").replace("]", " ").replace("|", " ").replace(",", " ").split():
            name = word.rsplit(".", 1)[-1].removesuffix("'>").removesuffix("Type")
            if word.startswith(("abc.", "'abc.")) and self.has(version, name):
                child = name
        words = extra.get("enum_values")
        # the models take words from the short description of an element, which leaves some out of a long list
        words = words or []
        is_open = {"+", "etc.", *OPEN} & set(words) or len(words) > MOST_WORDS
        closed = sorted(words) if words and not is_open else None
        return {
            "many": "List[" in text or "list[" in text,
            "child": child,
            "object": child is not None or "abc." in text,
            "words": closed,
        }


def describe(shape: Shape | None, with_words: bool) -> str:
    """Spell a shape: empty where absent, else ``o`` or ``p``, ``*`` for a list, and the words it is bound to."""
    if shape is None:
        return ""
    spelt = ("o" if shape["object"] else "p") + ("*" if shape["many"] else "")
    return spelt + (":" + "|".join(shape["words"]) if with_words and shape["words"] else "")


def main() -> None:
    """Walk all types and write the table."""
    tables = Tables()
    nodes: dict[str, dict[str, Any]] = {}

    def visit(key: tuple[tuple[str, str], ...]) -> str:
        name = ",".join(f"{v}{t}" for v, t in key)
        if name in nodes:
            return name
        node: dict[str, Any] = {}
        nodes[name] = node
        sides = {v: tables.shapes(v, t) for v, t in key}
        for element in sorted({e for s in sides.values() for e in s}):
            at = {v: s.get(element) for v, s in sides.items()}
            words = {tuple(s["words"] or ()) for s in at.values() if s}
            spelt = {v: describe(s, len(words) > 1 and () not in words) for v, s in at.items()}
            below = tuple((v, s["child"]) for v, s in at.items() if s and s["child"] and s["child"] not in BASES)
            child = visit(below) if below else None
            if len(set(spelt.values())) > 1 or child:
                node[element] = [spelt if len(set(spelt.values())) > 1 else None, child]
        return name

    kinds: dict[str, list[Any]] = {}
    for name in sorted({n for names in tables.names.values() for n in names}):
        versions = [v for v in PACKAGES if tables.has(v, name)]
        is_resource = [v for v in versions if name not in BASES and is_resource_class(tables, v, name)]
        if is_resource:
            mask = "".join(v for v in is_resource if not (v == "4" and name in FROM_R4B))
            compared = () if name in CHANGED_IN_R4B else tuple((v, name) for v in mask)
            kinds[name] = [mask, visit(compared) if len(compared) > 1 else None]
    for name in ONLY_R4:
        mask = "".join(sorted({*kinds.get(name, [""])[0], "4"} - ({"5"} if name not in kinds else set())))
        kinds[name] = [mask, None]

    TARGET.parent.mkdir(parents=True, exist_ok=True)
    source = (
        "HL7 FHIR STU3, R4 and R5 (CC0-1.0), by the models of fhir.resources 8; written by scripts/fhir_versions.py"
    )
    document = {"source": source, **compact(kinds, nodes)}
    TARGET.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=True) + "\n", encoding="ascii")


def type_names(module: Any) -> set[str]:
    """Return the complex types that one version's package names."""
    found = {n.removesuffix("Type") for n in dir(module) if n.endswith("Type")}
    return {n for n in found if hasattr(getattr(module, n + "Type"), "get_model_klass")}


def is_resource_class(tables: Tables, version: str, name: str) -> bool:
    """Whether a type is a resource in this version (and no datatype or part of one)."""
    model = tables.packages[version].get_fhir_model_class(name)
    return any(base.__name__ == "Resource" for base in model.__mro__)


def compact(kinds: dict[str, list[Any]], nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Drop nodes below which nothing differs and number the rest."""
    telling = {n for n, node in nodes.items() if any(spelt for spelt, _ in node.values())}
    while True:
        more = {n for n, node in nodes.items() if n not in telling and any(c in telling for _, c in node.values())}
        if not more:
            break
        telling |= more
    reached: list[str] = []
    todo = [n for _, n in kinds.values() if n in telling]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.append(name)
            todo += [c for _, c in nodes[name].values() if c in telling]
    number = {name: i for i, name in enumerate(reached)}
    return {
        "types": {name: [mask, number.get(node) if node else None] for name, (mask, node) in sorted(kinds.items())},
        "nodes": [
            {e: [spelt, number.get(c)] for e, (spelt, c) in nodes[name].items() if spelt or c in number}
            for name in reached
        ],
    }


if __name__ == "__main__":
    main()
