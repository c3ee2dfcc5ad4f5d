"""Every setting of an installation: one class, one place, read once at start.

The variable is the field's alias; the text is its documentation (docs/deploy.md is tested against it).
A wrong or missing value ends the process with a sentence that says what, where and what to do.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from config.profiles import ProfileName
from config.state import ROOT, demo_values, own_state

ROLES = ("owner", "web", "router", "agent", "executor", "sequencer", "auditor")
RoleName = Literal["owner", "web", "router", "agent", "executor", "sequencer", "auditor", "superuser"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
Names = Annotated[tuple[str, ...], NoDecode]


class BadSettings(SystemExit):
    """Ends the process with exit code 2 after its text has been printed: no traceback."""

    def __init__(self, text: str) -> None:
        sys.stderr.write(text.rstrip() + "\n")
        super().__init__(2)


class Env(BaseSettings):
    """The settings. Names without a prefix are the ones every host already knows."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=False)

    database_url: str = Field(
        alias="DATABASE_URL",
        description="postgresql://host:port/name of the PostgreSQL (15 or newer) that holds the truth. "
        "Login and password follow from the role; if the URL carries them, they are used as they are.",
        repr=False,
    )
    redis_url: str | None = Field(
        None,
        alias="REDIS_URL",
        description="redis://host:port/0 or rediss:// of the Redis 7 or Valkey 8 (or newer) doorbell. "
        "Needed by keeper, executors and agent workers only. User and password follow from the role; "
        "if the URL carries them, they are used as they are.",
        repr=False,
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        alias="PUBLIC_URL",
        description="The address people open. https switches on secure cookies and HSTS; "
        "plain http is accepted for a loopback host only.",
    )
    role: RoleName = Field(
        "auditor",
        alias="ASSENTRY_ROLE",
        description="The database login of this process: owner, web, router, agent, executor, sequencer or auditor. "
        "manage.py, gunicorn and the Celery apps set it themselves.",
    )
    role_prefix: str = Field(
        "assentry_",
        alias="ASSENTRY_ROLE_PREFIX",
        description="Put before each role to make its login name, so that two installations can share a server.",
    )
    state: Path = Field(
        Path(".assentry"),
        alias="ASSENTRY_STATE",
        description="Folder for what a running installation keeps outside the database. "
        "Where .assentry belongs to another user, the default is one of your own.",
    )
    secrets: Path | None = Field(
        None,
        alias="ASSENTRY_SECRETS",
        description="Folder with one password file per role, mode 0600. Default: secrets under ASSENTRY_STATE.",
    )
    db_password: str | None = Field(
        None,
        alias="ASSENTRY_DB_PASSWORD",
        description="The password of this process's own login, instead of a file.",
        repr=False,
    )
    sample_data: Path = Field(
        Path("../shared/data"),
        alias="ASSENTRY_SAMPLE_DATA",
        description="Folder with sample data, for tests, bench and the journey.",
    )
    profile: ProfileName = Field(
        "normal",
        alias="ASSENTRY_PROFILE",
        description="Timing profile: normal, journey or test. The last two shorten undo windows and dwell times; "
        "the log records that they are in force.",
    )
    one_role: bool = Field(
        False,
        alias="ASSENTRY_ONE_ROLE",
        description="One login for everything, for a laptop with a server where roles cannot be made. "
        "Decisions can then be forged in anybody's name.",
    )
    step_up_seconds: int = Field(
        300,
        ge=30,
        le=300,
        alias="ASSENTRY_STEP_UP_SECONDS",
        description="How long a sign-in or a confirmation counts as fresh: before approving high or critical risk, "
        "erasing, holding. From 30 to 300; no profile lengthens it.",
    )
    oidc_issuer: str | None = Field(
        None,
        alias="ASSENTRY_OIDC_ISSUER",
        description="https:// address of an OpenID Connect provider whose identities people may tie to their accounts. "
        "Default: none.",
    )
    oidc_client_id: str | None = Field(
        None, alias="ASSENTRY_OIDC_CLIENT_ID", description="What the provider calls this desk."
    )
    oidc_client_secret: str | None = Field(
        None,
        alias="ASSENTRY_OIDC_CLIENT_SECRET",
        description="The secret that the provider gave this desk; web alone needs it.",
        repr=False,
    )
    oidc_name: str = Field(
        "your organisation", alias="ASSENTRY_OIDC_NAME", description="What the sign-in page calls the provider."
    )
    secret_key: str | None = Field(
        None,
        alias="ASSENTRY_SECRET_KEY",
        description="Signs sessions and tokens, 50 characters or more. Default: the file django in the secrets folder.",
        repr=False,
    )
    debug: bool = Field(False, alias="ASSENTRY_DEBUG", description="Django's debug pages. Never in production.")
    allowed_hosts: Names = Field(
        (),
        alias="ASSENTRY_ALLOWED_HOSTS",
        description="Comma-separated host names to answer to, besides the one in PUBLIC_URL.",
    )
    proxy_count: int = Field(
        0,
        ge=0,
        le=5,
        alias="ASSENTRY_PROXY_COUNT",
        description="How many reverse proxies stand in front and append to X-Forwarded-For.",
    )
    mail_url: str = Field(
        "outbox:",
        alias="ASSENTRY_MAIL_URL",
        description="smtp://user:password@host:port or smtps://; the default, outbox:, writes mail to files "
        "under ASSENTRY_STATE.",
        repr=False,
    )
    mail_from: str = Field(
        "assentry@localhost", alias="ASSENTRY_MAIL_FROM", description="Sender of the mail that the desk sends."
    )
    notices: Literal["on", "off"] = Field(
        "on",
        alias="ASSENTRY_NOTICES",
        description="off: nobody is told of work by mail, whatever they chose in their settings.",
    )
    log_origin: str = Field(
        "assentry.local/log",
        alias="ASSENTRY_LOG_ORIGIN",
        description="Name of the audit log in its checkpoints: host/path without a scheme, unique, never reused.",
    )
    log_key: Path | None = Field(
        None,
        alias="ASSENTRY_LOG_KEY",
        description="File with the Ed25519 private key of the log; the sequencer alone may read it.",
    )
    log_key_ml_dsa: Path | None = Field(
        None,
        alias="ASSENTRY_LOG_KEY_ML_DSA",
        description="File with a second key of the log, ML-DSA-44, made with log_key --ml-dsa: it adds a line of "
        "3.3 KiB to each checkpoint. Default: none.",
    )
    seal: Literal["off", "on"] = Field(
        "off",
        alias="ASSENTRY_SEAL",
        description="on: texts are stored encrypted to a key of whom they are about, so that erasing that key erases "
        "every copy. Off: plain.",
    )
    anchor_dir: Path | None = Field(
        None,
        alias="ASSENTRY_ANCHOR_DIR",
        description="Publication folder of checkpoints and tiles. Default: anchor under ASSENTRY_STATE; "
        "in production a volume that outlives the database.",
    )
    anchors: Names = Field(
        (),
        alias="ASSENTRY_ANCHORS",
        description="Comma-separated places outside that get copies of checkpoints: dir:/path, git:/path or "
        "git:https://…, https://host/path (POST; PUT below it if it ends with /), mail:address, tsa:https://… "
        "(RFC 3161). Requests go to these and the witnesses' addresses only, and follow no redirect.",
        repr=False,
    )
    log_policy: Path | None = Field(
        None,
        alias="ASSENTRY_LOG_POLICY",
        description="File with the log's witnesses and quorum (C2SP tlog-policy). Default: none, no witness is asked.",
    )
    tsa_roots: Path | None = Field(
        None,
        alias="ASSENTRY_TSA_ROOTS",
        description="PEM file with the certificates that time stamps must lead to. "
        "Needed for tsa: in ASSENTRY_ANCHORS.",
    )
    agent_modules: Names = Field(
        (),
        alias="ASSENTRY_AGENT_MODULES",
        description="Comma-separated Python modules with your agents and action types, besides the shipped ones.",
    )
    ledger: Path | None = Field(
        None,
        alias="ASSENTRY_LEDGER",
        description="SQLite file in which the replay agent's effects take place. "
        "Default: ledger.sqlite under ASSENTRY_STATE.",
    )
    inbox: Path | None = Field(
        None, alias="ASSENTRY_INBOX", description="Maildir that the inbox agent reads. Default: none."
    )
    shared_secrets: bool = Field(
        False,
        alias="ASSENTRY_SHARED_SECRETS",
        description="Say at start that other roles' secrets are readable instead of refusing to start. "
        "Set by make demo only.",
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the other sources are not used
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` hands over is all there is: the environment is read there, once."""
        return (init_settings,)

    @field_validator("allowed_hosts", "agent_modules", "anchors", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"postgresql", "postgres"} or not (parts.hostname and parts.path.strip("/")):
            raise ValueError("expected postgresql://host:port/name")
        return _with_port(value, "postgresql://host:port/name")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if urlsplit(value).scheme not in {"redis", "rediss"}:
            raise ValueError("expected redis://host:port/0 or rediss://host:port/0")
        return _with_port(value, "redis://host:port/0")

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        parts = urlsplit(_with_port(value, "https://host"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected https://host, or http:// on a loopback address")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("plain http is for 127.0.0.1 and localhost only; put TLS in front and use https://")
        return value.rstrip("/")

    @field_validator("role_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", value):
            raise ValueError("expected lower-case letters, digits and _, starting with a letter, 31 at most")
        return value

    @field_validator("log_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._~-]+)*", value):
            raise ValueError("expected host/path without a scheme, such as desk.example.org/log")
        return value

    @field_validator("anchors")
    @classmethod
    def _places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for place in value:
            if not re.match(r"(dir|git|mail|tsa|https?):.", place):
                raise ValueError(
                    f"{place.partition('@')[0][:40]!r} names no place; expected dir:/path, git:/path, "
                    "https://host/path, mail:address or tsa:https://host/path, separated by commas"
                )
        return value

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"outbox", "smtp", "smtps"}:
            raise ValueError("expected outbox:, smtp://host:port or smtps://host:port")
        return _with_port(value, "smtp://host:port")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+|[^@<>,\r\n]+ <[^\s@<>,]+@[^\s@<>,]+>", value):
            raise ValueError("expected one address, such as desk@example.org or Desk <desk@example.org>")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]", host):
                raise ValueError(f"{host!r} is no host name; expected names without scheme, port or path")
        return value

    @field_validator("agent_modules")
    @classmethod
    def _modules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not all(part.isidentifier() for part in name.split(".")):
                raise ValueError(f"{name!r} is no name of a Python module; expected such as shop.agents")
        return value

    @field_validator("state", "secrets", "anchor_dir")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and (ROOT / value).exists() and not (ROOT / value).is_dir():
            raise ValueError(f"{value} is no folder")
        return value

    @field_validator("log_policy", "tsa_roots", "log_key", "ledger")
    @classmethod
    def _file(cls, value: Path | None) -> Path | None:
        if value is not None and (ROOT / value).is_dir():
            raise ValueError(f"{value} is a folder; expected a file")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none")
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("expected https://, as the provider's configuration calls its issuer")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Env:
        if self.oidc_issuer and self.role == "web" and not (self.oidc_client_id and self.oidc_client_secret):
            raise ValueError("ASSENTRY_OIDC_ISSUER needs ASSENTRY_OIDC_CLIENT_ID and ASSENTRY_OIDC_CLIENT_SECRET")
        return self

    @model_validator(mode="after")
    def _debug_is_local(self) -> Env:
        if self.debug and urlsplit(self.public_url).hostname not in LOOPBACK:
            raise ValueError(
                "ASSENTRY_DEBUG=true shows settings to whoever causes an error; only with a loopback PUBLIC_URL"
            )
        return self

    # Derived paths and names; relative paths count from the project's folder, not from where one stands.

    @property
    def state_dir(self) -> Path:
        return ROOT / self.state

    @property
    def secrets_dir(self) -> Path:
        return ROOT / self.secrets if self.secrets else self.state_dir / "secrets"

    @property
    def outbox_dir(self) -> Path:
        return self.state_dir / "outbox"

    def below_state(self, value: Path | None, default: str) -> Path:
        return ROOT / value if value else self.state_dir / default

    def login(self, role: str | None = None) -> str:
        """The login name in PostgreSQL of a role, by default of this process."""
        name = role or self.role
        return self.role_prefix + ("agent_main" if name == "agent" else name)

    def secret(self, name: str) -> str | None:
        """A secret from its file, or None where there is no such file or this user may not read it."""
        try:
            return (self.secrets_dir / name).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None


def _with_port(value: str, form: str) -> str:
    try:
        port = urlsplit(value).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"the port is not a number between 1 and 65535; expected {form}")
    return value


def load(environ: dict[str, str] | None = None) -> Env:
    """The settings of this process: its environment first, then what a demo left in ASSENTRY_STATE."""
    given = dict(os.environ if environ is None else environ)
    given["ASSENTRY_STATE"] = given.get("ASSENTRY_STATE") or str(own_state())
    values = demo_values(ROOT / given["ASSENTRY_STATE"]) | given
    try:
        return Env.model_validate(_by_alias(values))
    except ValidationError as error:
        raise BadSettings(explain(error)) from None


def _by_alias(values: dict[str, str]) -> dict[str, str]:
    wanted = {str(field.alias) for field in Env.model_fields.values()}
    return {name: value for name, value in values.items() if name in wanted and value != ""}


def explain(error: ValidationError) -> str:
    """The errors as sentences: which variable, what is wrong with it, what to do."""
    lines = ["Assentry cannot start: its settings are not right."]
    for item in error.errors(include_url=False, include_context=False):
        lines.append(f"  {_sentence(item)}")
    lines.append("Every setting is described in docs/deploy.md; `make demo` needs none of them.")
    return "\n".join(lines)


def _sentence(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else "settings"
    if item["type"] == "missing":
        return f"{name} is not set. Start `make demo`, or set it: {_description(name)}"
    return f"{name}: {item['msg'].removeprefix('Value error, ')}. It means: {_description(name)}"


def _description(name: str) -> str:
    for field in Env.model_fields.values():
        if field.alias == name:
            return field.description or ""
    return "the settings as a whole."


def explain_missing(name: str) -> str:
    return f"Assentry cannot start: {name} is not set. It means: {_description(name)}"
