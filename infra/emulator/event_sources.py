"""What event source mappings were told, as numbers: the emulator takes a parameter's text for what it is."""

from __future__ import annotations

from typing import Any


def put_concurrency(functions: Any) -> None:
    """Tell mappings their maximum once more; where it is text, nothing reads any queue.

    `functions` is a client of Lambda.
    """
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" in mapping:  # which boto3 has made numbers by now
            scaling = mapping["ScalingConfig"]
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)
