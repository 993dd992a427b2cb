"""All that a store holds of one tenant: rows and blobs, whoever refers to them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Holdings = Callable[[str], list[str]]
    """Given a tenant: the keys of its rows and the names of its blobs, in order."""


def in_files(database: Path, folder: Path) -> Holdings:
    def held(tenant: str) -> list[str]:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute("SELECT pk, sk FROM rows").fetchall()
        rows = [f"{pk} {sk}" for pk, sk in found if pk.startswith(f"{tenant}#")]
        paths = [Path(at, file).relative_to(folder) for at, _, files in os.walk(folder) for file in files]
        return sorted([*rows, *(path.as_posix() for path in paths if path.parts[1] == tenant)])

    return held


def in_aws(dynamodb: Any, table: str, s3: Any, bucket: str) -> Holdings:
    def held(tenant: str) -> list[str]:
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="pk, sk")
        keys = [(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]
        rows = [f"{pk} {sk}" for pk, sk in keys if pk.startswith(f"{tenant}#")]
        objects: list[str] = []
        for kind in ("threads", "conversations"):
            lists = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{kind}/{tenant}/")
            objects += [each["Key"] for page in lists for each in page.get("Contents", ())]
        return sorted([*rows, *objects])

    return held


def blobs_among(held: list[str]) -> list[str]:
    """The blobs' names alone."""
    return [each for each in held if each.startswith(("threads/", "conversations/"))]
