"""A server in whose surroundings every secret is one that can be found again."""

from __future__ import annotations

import base64
import json
import socket
import string
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.canaries import Canaries
from tests.fakes.demo_model import demo_model
from tests.fakes.formats.every import FORMATS
from tests.fakes.issuer import private_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.amenities import Amenities
    from tests.fakes.fronts import Headers
    from tests.fakes.upstream import Behaviour, Exchange, Upstream

Json = dict[str, Any]

VAULT = "arn:aws:secretsmanager:us-east-1:000000000000:secret:providers"
SETTINGS = {
    "RESPONSES_AUTH": "keys",
    "RESPONSES_LOG_LEVEL": "DEBUG",
    "RESPONSES_MAX_RETRIES": "0",
    "RESPONSES_CHECK_STREAMS": "true",
    "RESPONSES_READ_TIMEOUT_MS": "3000",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "VERTEX_PROJECT": "acme",
}
HEADERS = {
    "X-Api-Key": "{}",
    "Api-Key": "{}",
    "X-Goog-Api-Key": "{}",
    "Cookie": "session={}; token={}",
    "Proxy-Authorization": "Basic {}==",
    "X-Forwarded-Authorization": "Bearer {}",
    "X-Amz-Security-Token": "{}/{}",
    "OpenAI-Organization": "org-{}",
    "OpenAI-Project": "proj_{}",
    "ChatGPT-Account-Id": "{}",
    "X-Client-Request-Id": "{}",
    "X-Request-Id": "{}",
    "Idempotency-Key": "{}",
    "User-Agent": "agent/1 (key {})",
    "Referer": "https://page.example/?token={}",
    "Traceparent": "00-{}-{}-01",
    "Baggage": "key={}",
}
QUERY = ("api_key", "key", "token", "access_token", "sig")

MODELS = {
    **{format.provider: format.model for format in FORMATS.values()},
    **{"vertex": "gemini-3", "openrouter": "m", "mistral": "m", "azure": "m", "acme": "m"},
}
"""By provider, how the names of its models begin."""


class Seeds:
    """Secrets, and what was said, in an environment and in what clients send."""

    def __init__(self, folder: Path, upstream: Upstream, amenities: Amenities) -> None:
        self.secrets, self.content = Canaries(), Canaries()
        self.received = b""
        """All that upstreams were sent."""
        self._folder, self._upstream, self._amenities = folder, upstream, amenities
        self.environment = SETTINGS | self._keys() | self._addresses() | self._files()
        seed = self.secrets.seed
        self.headers: Headers = [(name, seed(f"header {name}", form=form)) for name, form in HEADERS.items()]
        self.query = "&".join(f"{name}={seed(f'query {name}')}" for name in QUERY)
        self.tools = self._tools()
        self.words = {name: self.content.seed(name, form="Say {} and {}") for name in ("prompt", "rules")}
        upstream.serve(demo_model, "demo")

    def serve(self, provider: str, behaviour: Behaviour) -> str:
        """What a client calls a model of that provider that behaves so."""

        async def noted(exchange: Exchange) -> None:
            self.received += f"{exchange.path} {exchange.headers} {json.dumps(exchange.body)}\n".encode()
            await behaviour(exchange)

        return f"{provider}/{self._upstream.serve(noted, like=MODELS[provider])}"

    def _keys(self) -> dict[str, str]:
        seed, lower = self.secrets.seed, string.ascii_lowercase + string.digits
        vaulted = {"OPENROUTER_API_KEY": seed("vault's", form="sk-or-v1-{}")}
        self._amenities.put("/", {"Name": "providers", "SecretString": json.dumps(vaulted)})
        ring = base64.b64encode(seed("sealing keys", form="{}{}")[:32].encode()).decode()
        self.secrets.watch("sealing keys", ring)
        return {
            "GROQ_API_KEY": seed("groq", form="gsk_{}"),
            "XAI_API_KEY": seed("xai", form="xai-{}"),
            "ANTHROPIC_API_KEY": seed("anthropic", form="sk-ant-{}/{}+{}=="),
            "GEMINI_API_KEY": seed("gemini", form="AIza{}"),
            "COHERE_API_KEY": seed("cohere", letters=lower),
            "AZURE_OPENAI_API_KEY": seed("azure", form="{}'{}&<{}"),
            "ACME_API_KEY": seed("acme", form='{}"{}'),
            "ACME_PASS": seed("acme's header", form="{}\\{}"),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": seed("aws", form="{}/{}"),
            "AWS_SESSION_TOKEN": seed("aws session", form="{}//{}+/{}=="),
            "RESPONSES_SEALING_KEYS": f"first:{ring}",
            "RESPONSES_SECRETS": VAULT,
        }

    def _addresses(self) -> dict[str, str]:
        seed, root, base_url = self.secrets.seed, self._upstream.root, self._upstream.base_url
        password = quote(seed("password in an address", form="{}:{}@{}"), safe="")
        key = quote(seed("query of an address", form="{}/{}"), safe="")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = f"127.0.0.1:{closed.getsockname()[1]}/v1"
        known = base_url.removeprefix("http://")
        return {
            **{f"{name}_BASE_URL": base_url for name in ("GROQ", "XAI", "OPENROUTER", "AZURE_OPENAI")},
            **{f"{name}_BASE_URL": root for name in ("ANTHROPIC", "GEMINI", "COHERE", "VERTEX")},
            "MISTRAL_BASE_URL": f"http://operator:{password}@{known}?key={key}",
            "DEEPSEEK_BASE_URL": f"http://operator:{password}@{nobody}?key={key}",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": root,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self._amenities.root,
        }

    def _files(self) -> dict[str, str]:
        models, login = self._folder / "models.json", self._folder / "google.json"
        acme = {
            "base_url": self._upstream.base_url,
            "format": "chat_completions",
            "auth": "x-api-key",
            "headers": {"x-pass": "word ${ACME_PASS}"},
        }
        aliases = {"best": ["deepseek/x", "groq/demo"]}
        models.write_text(json.dumps({"aliases": aliases, "providers": {"acme": acme}}))
        signing = private_key("RSA").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for line in signing.splitlines()[1:-2]:
            self.secrets.watch("google's private key", line)
        granted = self.secrets.seed("google's token", form="ya29.{}")
        account = {
            "type": "service_account",
            "project_id": "acme",
            "client_email": "robot@acme.example",
            "private_key": signing,
            "token_uri": self._amenities.put("/token", {"access_token": granted, "expires_in": 3600}),
        }
        login.write_text(json.dumps(account))
        return {"RESPONSES_MODELS": str(models), "GOOGLE_APPLICATION_CREDENTIALS": str(login)}

    def _tools(self) -> list[Json]:
        """An MCP server that asks for a token, and two tools with secrets for other domains."""
        seed = self.secrets.seed
        secret = {"domain": "api.example", "name": "KEY", "value": seed("domain secret")}
        policy = {"type": "allowlist", "allowed_domains": ["api.example"], "domain_secrets": [secret]}
        return [
            {
                "type": "mcp",
                "server_label": "deep",
                "server_url": "https://mcp.example/sse",
                "require_approval": "never",
                "authorization": seed("MCP authorization", form="{}/{}"),
                "headers": {"X-Key": seed("MCP header", form="Bearer {}+{}")},
            },
            {"type": "code_interpreter", "container": {"type": "auto", "network_policy": policy}},
            {"type": "shell", "environment": {"type": "container_auto", "network_policy": policy}},
        ]
