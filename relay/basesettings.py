"""What all settings are made of: the strict model, and the types that many of them share.

Owns `Model` and the types. The traps: pydantic accepts "70" for a number unless strict, and unknown names unless forbidden;
both are set here for every table.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=0, le=65535)]
Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
