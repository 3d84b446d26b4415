"""The schema of a card, and the check of a card against it."""

import re

import numpy as np

NUMBER, OPTIONAL = (int, float), type(None)
# A dict is an object with these keys, a list of one item is a list of such items, a tuple is a choice of types.
SCHEMA = {
    "name": str,
    "class": str,
    "description": str,
    "paper": {"title": str, "authors": str, "year": int, "url": str},
    "data": {"name": str, "title": str, "url": str, "licence": str},
    "parameters": dict,
    "training": {
        "steps": int,
        "images_seen": int,
        "seed": int,
        "precision": str,
        "hours": NUMBER,
        "machine": str,
        "versions": dict,
        "commit": (str, OPTIONAL),
        "date": str,
    },
    "files": dict,
    "sample": {"method": str, "arguments": dict},
    "headline": str,
    "scores": [
        {
            "metric": str,
            "value": NUMBER,
            "sd": (int, float, OPTIONAL),
            "floor": (int, float, OPTIONAL),
            "paper": (int, float, OPTIONAL),
            "table": bool,
        }
    ],
}
TENTH_SCHEMA = {"steps": int, "machine": str, "scores": dict}  # a card may have it as "tenth"
FILE_SCHEMA = {"size": int, "sha256": str}
URL = re.compile(r"https?://[^\s<>()\[\]\"'`|]+")
HASH = re.compile("[0-9a-f]{64}")
FILENAME = re.compile(r"\w[\w.-]*", re.ASCII)


def validate(card, schema=SCHEMA, where="card"):
    """Checks a card against the schema. Further keys are allowed.

    Raises:
        ValueError: if a key is missing or invalid. The message names the key, the expected and the received value.
    """
    if isinstance(schema, dict):
        if not isinstance(card, dict):
            raise ValueError(f"`{where}` must be an object. Received: {card!r}")
        for key, part in schema.items():
            if key not in card:
                raise ValueError(f"`{where}` must have {key!r}. Received: {sorted(card)}")
            validate(card[key], part, f"{where}.{key}")
    elif isinstance(schema, list):
        if not isinstance(card, list):
            raise ValueError(f"`{where}` must be a list. Received: {card!r}")
        for index, item in enumerate(card):
            validate(item, schema[0], f"{where}[{index}]")
    elif not isinstance(card, schema) or (isinstance(card, bool) and schema is not bool):
        raise ValueError(f"`{where}` must be {schema}. Received: {card!r}")
    elif isinstance(card, float) and not np.isfinite(card):
        raise ValueError(f"`{where}` must be finite. Received: {card!r}")
    elif where.endswith(".url") and not URL.fullmatch(card):
        raise ValueError(f"`{where}` must be a plain http address. Received: {card!r}")
    if schema is SCHEMA:
        for filename, record in card["files"].items():
            if not FILENAME.fullmatch(filename):
                raise ValueError(
                    f"`card.files` must be named by letters, digits, '.', '_', '-'. Received: {filename!r}"
                )
            validate(record, FILE_SCHEMA, f"card.files.{filename}")
            if not HASH.fullmatch(record["sha256"]):
                raise ValueError(f"`card.files.{filename}.sha256` must be 64 digits. Received: {record['sha256']!r}")
        if "tenth" in card:
            validate(card["tenth"], TENTH_SCHEMA, "card.tenth")
            validate(card["tenth"]["scores"], dict.fromkeys(card["tenth"]["scores"], NUMBER), "card.tenth.scores")
        validate(card.get("picture", ""), str, "card.picture")
        if card["headline"] not in [score["metric"] for score in card["scores"]]:
            raise ValueError(f"`card.headline` must be the metric of a score. Received: {card['headline']!r}")
