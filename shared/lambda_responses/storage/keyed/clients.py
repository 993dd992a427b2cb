"""Clients of AWS's services, made in half the time that `boto3.client` takes to make the same.

boto3 is botocore, with resources and file transfers around it that nobody here asks for. botocore spends most
of a client's making on what it brings to know AWS by: it looks into some 900 folders to list the services
that there are, and parses two megabytes of JSON. Its data loader is the part that it lets others replace.
"""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.loaders import JSONFileLoader, Loader
from botocore.session import get_session

from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from botocore.config import Config


def client_of(
    service: str, *, config: Config, endpoint_url: str | None = None, region: str | None = None
) -> Any:
    """A client, with the credentials and the region of this machine where no other is named."""
    session = get_session()
    session.register_component("data_loader", _Descriptions(file_loader=_Files()))
    made: Any = session.create_client
    return made(service, region_name=region, endpoint_url=endpoint_url, config=config)


class _Descriptions(Loader):
    """What botocore knows of AWS: services, their operations and where they are found."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Whatever has a folder; botocore would look into each of them for a file of that type."""
        return sorted({name for path in self.search_paths for name in _names_in(path)})


class _Files(JSONFileLoader):
    """JSON files, plain or packed."""

    def load_file(self, file_path: str) -> Any:
        """The content; None where there is no such file. The path lacks its suffix."""
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), opened(file_path + suffix, "rb") as file:
                return from_text(file.read())
        return None


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
