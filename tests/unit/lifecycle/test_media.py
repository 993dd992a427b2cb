"""Addresses in a request: judged, fetched where the upstream cannot, and never changed in place."""

from __future__ import annotations

import asyncio
import copy
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.media import Carried, carried
from lambda_responses.outbound import gathering
from lambda_responses.outbound.client import Fetched
from lambda_responses.outbound.faults import Refused, TooLarge, TooSlow, Unreachable, Unsuccessful
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.transformers.base import Traits
from lambda_responses.wire.errors import InvalidRequestError
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.outbound.faults import OutboundFault
    from lambda_responses.transformers.base import Fetched as Kind

pytestmark = pytest.mark.anyio

CAT = "https://files.example.com/cat.png"
PAPER = "https://files.example.com/paper"
BOTH: frozenset[Kind] = frozenset({"input_image", "input_file"})
NONE: frozenset[Kind] = frozenset()
WEB = {
    CAT: Fetched("image/png", b"cat", "cat.png"),
    PAPER: Fetched("application/pdf", b"paper", "paper.pdf"),
}
CAT_DATA = "data:image/png;base64,Y2F0"
PAPER_DATA = "data:application/pdf;base64,cGFwZXI="


class Web:
    """What there is to fetch, and what was fetched."""

    def __init__(self, files: Mapping[str, Fetched | OutboundFault] = WEB) -> None:
        self.files = files
        self.fetched: list[str] = []

    async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
        self.fetched.append(url)
        await asyncio.sleep(0)
        found = self.files[url]
        if isinstance(found, Fetched):
            return found
        raise found


async def bring(
    items: Sequence[Any],
    *,
    web: Web | None = None,
    fetches: frozenset[Kind] = BOTH,
    inputs: frozenset[str] | None = None,
    opens: tuple[str, ...] = (),
    native: bool = False,
    allow: Sequence[str] = (),
    history: int = 0,
) -> Carried:
    traits = Traits(native=native, inputs=inputs, fetches=fetches, opens=opens)
    policy = OutboundPolicy(allow)
    return await carried(items, traits=traits, fetch=(web or Web()).fetch, policy=policy, history=history)


async def carry(items: Sequence[Any], **how: Any) -> list[Any]:
    """What is shown, where nothing of earlier turns is lost."""
    shown = await bring(items, **how)
    assert shown.dropped == ()
    return shown.items


async def refused(items: Sequence[Any], **how: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        await carry(items, **how)
    assert caught.value.status == 400
    return caught.value


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_image", "image_url": url, **more}


def file(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_file", "file_url": url, **more}


def data(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_file", "file_data": content, **more}


def sound() -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def text(said: str = "What is this?") -> dict[str, Any]:
    return {"type": "input_text", "text": said}


def message(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


async def test_what_an_upstream_cannot_fetch_comes_as_data() -> None:
    items = [message(text(), image(CAT, detail="low"), file(PAPER))]
    (item,) = await carry(items)
    assert item == message(
        text(),
        image(CAT_DATA, detail="low"),
        {"type": "input_file", "filename": "paper.pdf", "file_data": PAPER_DATA},
    )


async def test_a_file_keeps_the_name_that_the_client_gave() -> None:
    (item,) = await carry([message(file(PAPER, filename="report.pdf"))])
    assert item["content"][0]["filename"] == "report.pdf"


@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
async def test_what_tools_answer_is_fetched_too(kind: str) -> None:
    (item,) = await carry([{"type": kind, "call_id": "c", "output": [text(), image(CAT)]}])
    assert item == {"type": kind, "call_id": "c", "output": [text(), image(CAT_DATA)]}


@pytest.mark.parametrize(("fetches", "url"), [({"input_image"}, CAT_DATA), ({"input_file"}, CAT)])
async def test_a_screenshot_is_fetched_where_images_are(fetches: set[str], url: str) -> None:
    screen = {"type": "computer_screenshot", "image_url": CAT}
    (item,) = await carry(
        [{"type": "computer_call_output", "call_id": "c", "output": screen}], fetches=frozenset(fetches)
    )
    assert item["output"] == {**screen, "image_url": url}


@pytest.mark.parametrize("fetches", [set(), {"input_image"}, {"input_file"}, {"input_image", "input_file"}])
async def test_an_upstream_that_fetches_by_itself_gets_the_address(fetches: set[str]) -> None:
    web = Web()
    (item,) = await carry([message(image(CAT), file(PAPER))], web=web, fetches=frozenset(fetches))
    assert item["content"][0]["image_url"] == (CAT_DATA if "input_image" in fetches else CAT)
    assert ("file_data" in item["content"][1]) == ("input_file" in fetches)
    assert len(web.fetched) == len(fetches)


async def test_what_a_provider_opens_by_itself_stays_an_address() -> None:
    web, own = Web(), file("https://files.vendor.example/v1/files/7")
    opens = ("https://files.vendor.example/",)
    (item,) = await carry([message(own, file(PAPER))], web=web, opens=opens)
    assert item["content"][0] == own
    assert web.fetched == [PAPER]


async def test_the_request_itself_is_never_changed() -> None:
    items = [message(text(), image(CAT)), message(file(PAPER))]
    before = copy.deepcopy(items)
    await carry(items)
    assert items == before


async def test_what_names_no_address_is_the_same_object() -> None:
    items = [
        {"type": "message", "role": "user", "content": "hello"},
        message(text(), image("data:image/png;base64,AAAA"), {"type": "input_image", "file_id": "file_1"}),
        message({"type": "input_file", "file_data": PAPER_DATA, "filename": "x"}),
        message({"type": "input_file", "file_id": "file_1"}, sound()),
        {"type": "function_call_output", "call_id": "c", "output": "done"},
        {"type": "function_call_output", "call_id": "d", "output": ["odd", None, 1]},
        {"type": "reasoning", "summary": [], "content": None},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "file_1"}},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": CAT}]},
        message(image(CAT)),
    ]
    shown = await carry(items)
    assert all(one is other for one, other in zip(shown[:-1], items[:-1], strict=True))
    assert shown[-1] is not items[-1]


async def test_a_file_whose_address_is_its_content_is_left_alone() -> None:
    items = [message(file("DATA:text/plain,x"))]
    assert (await carry(items))[0] is items[0]


@pytest.mark.parametrize("make", [image, file], ids=["image", "file"])
@pytest.mark.parametrize("url", ["s3://bucket/cat.png", "gs://bucket/cat.png", "GS://bucket/cat.png"])
async def test_the_operators_own_buckets_are_closed(url: str, make: Any) -> None:
    fault = await refused([message(make(url))])
    member = "image_url" if make is image else "file_url"
    assert (fault.code, fault.param) == ("invalid_value", f"input[0].content[0].{member}")
    assert fault.message == f"Error while downloading {url}."


@pytest.mark.parametrize("url", ["s3://bucket/open/cat.png", "gs://bucket/cat.png"])
async def test_a_bucket_that_the_operator_opens_is_left_to_the_vendor(url: str) -> None:
    web, items = Web(), [message(image(url), file(url))]
    shown = await carry(items, web=web, allow=["s3://bucket/open/", "gs://bucket"])
    assert shown[0] is items[0]
    assert web.fetched == []


async def test_a_file_that_brings_its_data_is_not_fetched() -> None:
    web = Web()
    items = [message(file(PAPER, file_data=PAPER_DATA))]
    assert await carry(items, web=web) == items
    assert web.fetched == []


NATIVE = ["", CAT, "file:///etc/passwd", "s3://bucket/cat.png", "data:text/plain,x", "http"]


@pytest.mark.parametrize("url", NATIVE)
async def test_a_native_upstream_gets_what_the_client_sent(url: str) -> None:
    web = Web()
    items = [message(image(url), file(url), data(url), {"type": "input_file"}, sound())]
    shown = await carry(items, web=web, native=True, inputs=NONE)
    assert shown[0] is items[0]
    assert web.fetched == []


@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS])
async def test_a_native_upstream_is_not_sent_into_a_network(url: str) -> None:
    """It may stand in the operator's own, as self-hosted ones do."""
    url = url.format(port=9001)
    for key, part in (("image_url", image(url)), ("file_url", file(url)), ("file_data", data(url))):
        fault = await refused([message(text(), part)], native=True)
        assert (fault.code, fault.param) == ("invalid_value", f"input[0].content[1].{key}")
        assert fault.message.startswith("Error while downloading ")
    screen = {"type": "computer_screenshot", "image_url": url}
    fault = await refused([{"type": "computer_call_output", "output": screen}], native=True)
    assert fault.param == "input[0].output.image_url"


async def test_an_operator_opens_addresses_to_native_upstreams() -> None:
    items = [message(image("http://10.0.0.1/cat.png"))]
    assert (await carry(items, native=True, allow=["10.0.0.0/8"]))[0] is items[0]


async def test_an_address_is_fetched_once_wherever_it_stands() -> None:
    web = Web()
    shown = await carry([message(image(CAT), image(CAT)), message(image(CAT))], web=web)
    assert web.fetched == [CAT]
    assert {part["image_url"] for item in shown for part in item["content"]} == {CAT_DATA}


async def test_files_are_fetched_side_by_side_and_not_all_at_once() -> None:
    now = most = 0

    class Busy(Web):
        async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            return Fetched("image/png", url.encode(), "x.png")

    urls = [f"{CAT}?{number}" for number in range(3 * gathering.AT_ONCE)]
    (item,) = await carry([message(*map(image, urls))], web=Busy())
    assert most == gathering.AT_ONCE
    assert len({part["image_url"] for part in item["content"]}) == len(urls)


@pytest.mark.parametrize("fetches", [frozenset[str](), BOTH], ids=["passed on", "fetched"])
@pytest.mark.parametrize("make", [image, file], ids=["image", "file"])
@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS, *SCHEMES])
async def test_a_closed_address_is_neither_fetched_nor_passed_on(
    url: str, make: Any, fetches: frozenset[str]
) -> None:
    web = Web()
    with pytest.raises(InvalidRequestError) as caught:
        await carry([message(text(), make(url.format(port=9001)))], web=web, fetches=fetches)
    fault = caught.value
    member = "image_url" if make is image else "file_url"
    assert (fault.status, fault.code, fault.param) == (400, "invalid_value", f"input[0].content[1].{member}")
    assert web.fetched == []


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://localhost:9000/cat.png", "localhost:9000"),
        ("http://10.0.0.1/cat.png", "10.0.0.0/8"),
        ("http://files.corp/cat.png", "10.0.0.0/8"),
        ("https://files.example.com/cat.png", "files.example.com"),
    ],
)
async def test_what_only_this_server_reaches_is_fetched_here(url: str, allow: str) -> None:
    web = Web({url: WEB[CAT]})
    (item,) = await carry([message(image(url))], web=web, allow=[allow], fetches=NONE)
    assert item["content"][0]["image_url"] == CAT_DATA
    (item,) = await carry([message(file(url))], web=web, allow=[allow], fetches=NONE)
    assert item["content"][0] == data(CAT_DATA, filename="cat.png")


async def test_the_web_stays_the_vendors_to_fetch_whatever_an_operator_opens() -> None:
    web, items = Web(), [message(image(CAT), file("http://8.8.8.8/"))]
    allow = ["files.corp", "10.0.0.0/8", "localhost:9000"]
    assert (await carry(items, web=web, allow=allow, fetches=NONE))[0] is items[0]
    assert web.fetched == []


@pytest.mark.parametrize(
    ("fault", "message_text"),
    [
        (Refused(), f"Error while downloading {CAT}."),
        (Unreachable(), f"Error while downloading {CAT}."),
        (TooSlow(), f"Timeout while downloading {CAT}."),
        (TooLarge(), f"Error while downloading {CAT}. The file is too large."),
        (Unsuccessful(404), "Error while downloading file. Upstream status code: 404."),
        (Unsuccessful(302), "Error while downloading file. Upstream status code: 302."),
    ],
)
async def test_faults_are_worded_as_the_live_api_words_them(fault: OutboundFault, message_text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await carry([message(text(), image(CAT))], web=Web({CAT: fault}))
    assert caught.value.body()["error"] == {
        "message": message_text,
        "type": "invalid_request_error",
        "param": "input[0].content[1].image_url",
        "code": "invalid_value",
    }


async def test_whether_somebody_is_at_a_closed_address_cannot_be_told() -> None:
    """By name, as by address: refused at the socket, refused at sight, and unreachable all read the same."""
    told: set[str] = set()
    for url, found in (
        ("https://inside.example.com/", Refused()),
        ("https://inside.example.com/", Unreachable()),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await carry([message(image(url))], web=Web({url: found}))
        told.add(str(caught.value.body()))
    with pytest.raises(InvalidRequestError) as caught:
        await carry([message(image("https://10.0.0.1/"))])
    told.add(str(caught.value.body()).replace("10.0.0.1", "inside.example.com"))
    assert len(told) == 1


async def test_a_long_address_is_not_told_back_whole() -> None:
    url = "https://files.example.com/" + "a" * 5_000
    with pytest.raises(InvalidRequestError) as caught:
        await carry([message(image(url))], web=Web({url: Unreachable()}))
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("history", "param"),
    [(0, "input[2].content[0].image_url"), (2, "input[0].content[0].image_url")],
)
async def test_the_place_is_counted_in_the_request_itself(history: int, param: str) -> None:
    items = [message(text()), message(text()), message(image(CAT))]
    with pytest.raises(InvalidRequestError) as caught:
        await carry(items, web=Web({CAT: Unreachable()}), history=history)
    assert caught.value.param == param


async def test_a_screenshots_place_has_no_part() -> None:
    screen = {"type": "computer_screenshot", "image_url": "https://10.0.0.1/"}
    with pytest.raises(InvalidRequestError) as caught:
        await carry([{"type": "computer_call_output", "call_id": "c", "output": screen}])
    assert caught.value.param == "input[0].output.image_url"


async def test_an_image_that_is_none_is_refused() -> None:
    page = Fetched("text/html", b"<html>", "cat.png")
    with pytest.raises(InvalidRequestError, match="does not represent a valid image") as caught:
        await carry([message(image(CAT))], web=Web({CAT: page}))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "input[0].content[0].image_url")
    (item,) = await carry([message(file(CAT))], web=Web({CAT: page}))
    assert item["content"][0]["file_data"] == "data:text/html;base64,PGh0bWw+"


async def test_one_fault_ends_the_rest() -> None:
    ended = asyncio.Event()

    class Slow(Web):
        async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
            if url == PAPER:
                raise Unsuccessful(404)
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

    with pytest.raises(InvalidRequestError, match="404"):
        await carry([message(image(CAT), file(PAPER))], web=Slow())
    assert ended.is_set()


async def test_a_fault_of_our_own_is_not_the_clients() -> None:
    with pytest.raises(KeyError):
        await carry([message(image(CAT))], web=Web({}))


async def test_all_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_BYTES", 7)
    with pytest.raises(InvalidRequestError, match="too large"):
        await carry([message(image(CAT), file(PAPER))])
    monkeypatch.setattr(gathering, "MOST_BYTES", 8)
    await carry([message(image(CAT), file(PAPER))])


async def test_one_request_names_so_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_FILES", 1)
    web = Web()
    await carry([message(image(CAT), image(CAT))], web=web)
    with pytest.raises(InvalidRequestError, match="2 files") as caught:
        await carry([message(image(CAT), file(PAPER))], web=web)
    assert caught.value.param == "input"
    assert web.fetched == [CAT]


async def test_all_files_together_have_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Web):
        async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
            if url == CAT:
                return WEB[CAT]
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(gathering, "MOST_SECONDS", 0.02)
    with pytest.raises(InvalidRequestError, match=f"Timeout while downloading {PAPER}"):
        await carry([message(image(CAT), file(PAPER))], web=Stuck())


def test_a_request_without_addresses_loads_nothing() -> None:
    program = """
import asyncio, sys
from lambda_responses.lifecycle.media import carried
from lambda_responses.outbound.client import Outbound
from lambda_responses.transformers.base import Traits
outbound, traits = Outbound(), Traits(fetches=frozenset(["input_image"]))
items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
before = set(sys.modules)
asyncio.run(carried(items, traits=traits, fetch=outbound.fetch, policy=outbound.policy))
print(sorted(set(sys.modules) - before), {"httpx", "httpcore", "cryptography", "idna"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] set()"


@pytest.mark.parametrize(
    "url",
    ["", "data:", "data:,x", "data:image/png", "data:image/png,x", "data:image/png;base64,",
     "data:application/pdf;base64,AAAA", "data:;base64,AAAA", "data:text/html;x=image/png;base64,AAAA"],
)  # fmt: skip
@pytest.mark.parametrize("fetches", [NONE, BOTH], ids=["passed on", "fetched"])
async def test_content_that_is_no_image_is_refused(url: str, fetches: frozenset[Kind]) -> None:
    fault = await refused([message(text(), image(url))], fetches=fetches)
    assert "does not represent a valid image" in fault.message
    assert (fault.code, fault.param) == ("invalid_value", "input[0].content[1].image_url")


@pytest.mark.parametrize(
    "url", ["DATA:IMAGE/PNG;base64,AAAA", "data:image/svg+xml;charset=utf-8;base64,AAAA"]
)
async def test_content_that_is_an_image_is_left_alone(url: str) -> None:
    items = [message(image(url))]
    assert (await carry(items))[0] is items[0]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_file"}, "input[0].content[1]"),
        (
            {"type": "input_file", "filename": "a.pdf", "file_url": None, "file_data": ""},
            "input[0].content[1]",
        ),
        ({"type": "input_image", "image_url": None}, "input[0].content[1].image_url"),
    ],
)
async def test_a_part_that_holds_nothing_is_refused(part: Any, param: str) -> None:
    assert (await refused([message(text(), part)])).body()["error"] == {
        "message": f"Missing required parameter: '{param}'.",
        "type": "invalid_request_error",
        "param": param,
        "code": "missing_required_parameter",
    }


async def test_bare_base64_becomes_a_data_url() -> None:
    items = [message(data("cGFwZXI=", filename="paper.pdf"))]
    before = copy.deepcopy(items)
    (item,) = await carry(items, fetches=NONE)
    assert item == message(data(PAPER_DATA, filename="paper.pdf"))
    assert items == before


@pytest.mark.parametrize(
    "content", [CAT, "http://169.254.169.254/", "s3://bucket/a", "not base64!", "data:x"]
)
async def test_file_data_that_is_no_data_is_refused(content: str) -> None:
    fault = await refused([message(text(), data(content))])
    assert (fault.code, fault.param) == ("invalid_value", "input[0].content[1].file_data")
    assert content not in fault.message


async def test_a_file_that_brings_its_data_names_no_closed_address_either() -> None:
    fault = await refused([message(file("http://10.0.0.1/", file_data=PAPER_DATA))])
    assert fault.param == "input[0].content[0].file_url"


UNTAKEN = [
    (image(CAT), "input_image", "[An image that this model cannot see.]"),
    (image(CAT_DATA), "input_image", "[An image that this model cannot see.]"),
    (data(PAPER_DATA), "input_file", "[A file that this model cannot read.]"),
    (sound(), "input_audio", "[Audio that this model cannot hear.]"),
]


@pytest.mark.parametrize(("part", "kind", "said"), UNTAKEN)
async def test_what_a_model_does_not_take_of_earlier_turns_is_told_in_words(
    part: Any, kind: str, said: str
) -> None:
    web = Web()
    answer = {"type": "function_call_output", "call_id": "c", "output": [part, text()]}
    past = [message(text(), part, part), answer]
    shown = await bring([*past, message(text())], web=web, inputs=NONE, history=2)
    assert shown.items == [
        message(text(), text(said), text(said)),
        {**answer, "output": [text(said), text()]},
        message(text()),
    ]
    assert shown.dropped == (f"previous_response_id.{kind}",)
    assert web.fetched == []


@pytest.mark.parametrize(("part", "kind", "said"), UNTAKEN)
async def test_what_a_model_does_not_take_of_the_request_is_left_for_the_format_to_refuse(
    part: Any, kind: str, said: str
) -> None:
    web, items = Web(), [message(part)]
    assert (await carry(items, web=web, inputs=NONE))[0] is items[0]
    assert web.fetched == []


@pytest.mark.parametrize("fault", [Refused(), Unreachable(), TooSlow(), TooLarge(), Unsuccessful(404)])
async def test_a_file_that_is_gone_does_not_end_a_conversation(fault: OutboundFault) -> None:
    web = Web({CAT: fault, PAPER: WEB[PAPER]})
    shown = await bring([message(image(CAT), file(CAT), file(PAPER)), message(text())], web=web, history=1)
    assert shown.items == [
        message(
            text("[An image that could no longer be fetched.]"),
            text("[A file that could no longer be fetched.]"),
            data(PAPER_DATA, filename="paper.pdf"),
        ),
        message(text()),
    ]
    assert shown.dropped == ("previous_response_id.input_image", "previous_response_id.input_file")


@pytest.mark.parametrize(
    "part",
    [
        image("http://10.0.0.1/cat.png"),
        image("s3://bucket/cat.png"),
        image("nowhere"),
        image("data:text/plain,x"),
        {"type": "input_image", "file_id": "file_1"},
        image(PAPER),
    ],
)
async def test_what_would_be_a_fault_is_told_in_words_of_earlier_turns(part: Any) -> None:
    """Rules change, and other upstreams had others: none of that is for the client to mend."""
    shown = await bring([message(part), message(text())], history=1)
    assert shown.items[0] == message(text("[An image that could no longer be fetched.]"))
    assert shown.dropped == ("previous_response_id.input_image",)


async def test_a_screenshot_that_is_gone_leaves_an_answer_to_its_call() -> None:
    screen = {"type": "computer_screenshot", "image_url": CAT}
    past = {"type": "computer_call_output", "id": "cuo_1", "call_id": "c", "output": screen}
    shown = await bring([past, message(text())], inputs=NONE, history=1)
    said = text("[An image that this model cannot see.]")
    answer = {"type": "function_call_output", "id": "cuo_1", "call_id": "c", "output": [said]}
    assert shown.items == [answer, message(text())]
    assert shown.dropped == ("previous_response_id.input_image",)


async def test_the_requests_own_files_have_room_before_those_of_earlier_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "MOST_BYTES", 7)
    web = Web()
    shown = await bring([message(image(CAT)), message(file(PAPER))], web=web, history=1)
    assert shown.items[0] == message(text("[An image that could no longer be fetched.]"))
    assert shown.items[1] == message(data(PAPER_DATA, filename="paper.pdf"))
    assert web.fetched == [PAPER, CAT]


async def test_of_many_files_of_earlier_turns_the_latest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_FILES", 2)
    urls = [f"{CAT}?{number}" for number in range(3)]
    web = Web(dict.fromkeys(urls, WEB[CAT]))
    past = [message(image(url)) for url in urls]
    shown = await bring([*past, message(image(urls[2]))], web=web, history=3)
    lost = text("[An image that could no longer be fetched.]")
    assert [item["content"][0] for item in shown.items] == [lost, *[image(CAT_DATA)] * 3]
    assert web.fetched == [urls[2], urls[1]]


async def test_earlier_turns_wait_no_longer_than_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Web):
        async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
            if url == PAPER:
                return WEB[PAPER]
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(gathering, "MOST_SECONDS", 0.02)
    shown = await bring([message(image(CAT)), message(file(PAPER))], web=Stuck(), history=1)
    assert shown.items[0] == message(text("[An image that could no longer be fetched.]"))
    assert shown.items[1] == message(data(PAPER_DATA, filename="paper.pdf"))
