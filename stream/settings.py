"""Base of every folder's settings: immutable, and a key nobody knows is refused with the nearest known one."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Settings(BaseModel):
    """Base class for one table of `ronzio.toml`.

    Raises `pydantic.ValidationError` on construction; an unknown key's message names the nearest known key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()} | set(cls.model_fields)
            for key in data:
                if key not in known:
                    near = difflib.get_close_matches(str(key), known, n=1)
                    hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(sorted(known))}"
                    raise ValueError(f'unknown key "{key}"{hint}')
        return data
