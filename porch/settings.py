"""Settings: one TOML file, the environment over it, a default for everything else."""

import sys
import tomllib
from getpass import getpass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ledger.hosts import on_machine
from ledger.keys import MasterKey, read_secret, secret_of
from porch.errors import ConfigUnusable


class Web(BaseModel):
    """Where the pages are served; plain HTTP never leaves the machine.

    Of `proxies` alone it is believed for whom they ask (X-Forwarded-For).
    """

    host: str = "127.0.0.1"
    port: int = 8443
    url: str = ""
    certificate: Path | None = None
    private_key: Path | None = None
    proxies: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        bare = self.certificate is None or self.private_key is None
        if bare and not on_machine(self.host):
            raise ValueError("web.certificate and web.private_key are needed off-box")
        return self

    @property
    def address(self) -> str:
        """The address that people are given."""
        scheme = "https" if self.certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.url or f"{scheme}://{host}:{self.port}"


class ProgramSettings(BaseSettings):
    """What every Lodge program is told; paths are relative to the config file."""

    model_config = SettingsConfigDict(
        env_prefix="LODGE_", env_nested_delimiter="__", extra="forbid"
    )

    home: Path = Path()
    database: Path = Path("lodge.db")
    key_source: Literal["file", "operator"] = "file"
    master_key: Path = Path("keys/master.key")
    socket: Path = Path("run/lodge.sock")
    control_group: str = ""
    web: Web = Web()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        toml = TomlConfigSettingsSource(settings_cls)
        return env_settings, init_settings, toml

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the config file; raise ConfigUnusable with field and reason."""
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            settings = cls(**{**told, "home": path.resolve().parent})
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigUnusable(f"{path}: cannot be read; run `lodge init`") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigUnusable(f"{path}: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ConfigUnusable(f"{path}: {field}: {first['msg']}") from error
        settings.web = settings.web.model_copy(
            update={
                name: settings.at(found)
                for name in ("certificate", "private_key")
                if (found := getattr(settings.web, name))
            }
        )
        return settings

    def master(self) -> MasterKey:
        """Return the master key: from its file, or from the operator at start.

        Raises KeyUnusable with the reason and the mend.
        """
        if self.key_source == "file":
            return MasterKey(read_secret(self.at(self.master_key)))
        told = getpass("Master key: ") if sys.stdin.isatty() else sys.stdin.readline()
        return MasterKey(secret_of(told, "what the operator gave"))

    def at(self, path: Path) -> Path:
        """Return a path of the config as seen from anywhere."""
        return path if path.is_absolute() else self.home / path
