"""Queues, as the settings name them: of SQS beside a table, all in one more file beside a database file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lambda_responses.runtime.settings import PREFIX, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from lambda_responses.queue.port import PolledQueue, Queue
    from lambda_responses.queue.results import Results
    from lambda_responses.runtime.settings import Settings

    Clock: TypeAlias = Callable[[], float]

QueueName = Literal["background", "requests", "results", "dead letters"]
_URLS: dict[QueueName, str] = {
    "background": "queue_url",
    "requests": "request_queue_url",
    "results": "result_queue_url",
    "dead letters": "dead_letter_queue_url",
}
"""The settings that say where queues are, by their names."""
_BESIDE_TABLES = (*_URLS.values(), "result_bucket")


def check_places(settings: Settings) -> None:
    """Raises `SettingsError` for a place on AWS that nobody would use, since a file has its part."""
    if settings.database is not None:
        for name in _BESIDE_TABLES:
            if getattr(settings, name) is not None:
                raise SettingsError(
                    f"{PREFIX}{name.upper()} goes with DynamoDB; beside SQLite a file has its part."
                )


def queue(settings: Settings, name: QueueName, *, now: Clock) -> Queue | None:
    """The queue of that name; None where there is none. Raises `SettingsError`."""
    if settings.database is not None:
        return local_queue(settings, name, now=now)
    url: str | None = getattr(settings, _URLS[name])
    if url is None:
        return None
    from lambda_responses.queue.sqs import SQSQueue

    return SQSQueue(url)


def local_queue(settings: Settings, name: QueueName, *, now: Clock) -> PolledQueue:
    """The queue of that name beside the database file. Raises `SettingsError`."""
    if settings.database is None:
        raise SettingsError("RESPONSES_STORE is no database on this machine, beside which there were queues.")
    from lambda_responses.queue.local import SQLiteQueue
    from lambda_responses.queue.port import QueueUnavailable

    try:
        return SQLiteQueue(queue_file(settings.database), name=name, now=now)
    except QueueUnavailable as error:
        raise SettingsError(f"RESPONSES_STORE cannot be used: its queue says {error}.") from None


def queue_file(database: Path) -> Path:
    """Where the queues beside a database file are."""
    return database.with_name(f"{database.name}.queue")


def results(settings: Settings, *, now: Clock) -> Results | None:
    """The way of answers: a queue and, beside a table, a bucket, or either; None where there is neither."""
    from lambda_responses.queue.results import Results

    lines = queue(settings, "results", now=now)
    bucket = settings.result_bucket if settings.database is None else None
    if bucket is None:
        return None if lines is None else Results(lines)
    from lambda_responses.storage.blobs.s3 import S3Blobs

    return Results(lines, S3Blobs(bucket), bucket=bucket)
