"""`python -m tests.documents.tables`: write the generated parts of the pages.

Ends with status 1 where a test of a recording failed. With `--check`, nothing is written, and it ends with
status 1 where a page is not what would be written.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.documents import carried
from tests.documents.compatibility import CORPUS, recorded_exchanges, run_tests, short_table, whole_table
from tests.documents.pages import COMPATIBILITY, README, ROOT, fill
from tests.documents.providers import providers_table
from tests.documents.settings import settings_table

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Write or check the pages; the exit status."""
    parser = argparse.ArgumentParser(prog="tests.documents.tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, complain of what is stale")
    check = parser.parse_args().check
    failures, pages = written_pages()
    stale = [page for page, text in pages.items() if page.read_text(encoding="utf-8") != text]
    for page in stale:
        print(f"{page.relative_to(ROOT)} {'is stale: run `make docs`' if check else 'is written anew'}")
        if not check:
            page.write_text(pages[page], encoding="utf-8")
    return int(bool(stale if check else failures))


def written_pages() -> tuple[int, dict[Path, str]]:
    """How many tests of recordings failed, and the pages as they should be."""
    readme, compatibility = README.read_text(encoding="utf-8"), COMPATIBILITY.read_text(encoding="utf-8")
    readme = fill(readme, "providers", providers_table())
    readme = fill(readme, "settings", settings_table())
    failures = 0
    if CORPUS.is_dir():
        exchanges = recorded_exchanges()
        outcomes, failures = run_tests(exchanges)
        readme = fill(readme, "compatibility", short_table(exchanges, outcomes))
        compatibility = fill(compatibility, "compatibility", whole_table(exchanges, outcomes))
        seen, lost = carried.run_tests()
        failures += lost
        compatibility = fill(compatibility, "formats", carried.carried_table(seen))
    else:
        print("../shared/corpus/dev is absent: the tables of compatibility stay as they are")
    return failures, {README: readme, COMPATIBILITY: compatibility}


if __name__ == "__main__":
    sys.exit(main())
