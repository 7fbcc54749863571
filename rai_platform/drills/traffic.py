"""People who ask a service, day after day, and the labels that follow."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_platform.drills.incidents import Rows
from rai_platform.errors import Unreachable

AT_ONCE = 500  # people in one request
SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks one service.

    Attributes:
        address: of the service: ``http://127.0.0.1:8100``.
        model: by name.
    """

    address: str
    model: str

    def predictions(self, rows: Rows, keys: list[str]) -> Iterator[str]:
        """The ids of the predictions for some people, in their order.

        Raises:
            Unreachable: the service does not answer, or refuses.
        """
        records = _records(rows.features)
        for start in range(0, len(records), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            answer = self._post(f"/v1/models/{self.model}/predict", {"records": records[part], "keys": keys[part]})
            yield from (each["id"] for each in answer["predictions"])

    def label(self, labels: dict[str, int]) -> None:
        """Tells what became of people, by the ids of their predictions; raises as ``predictions`` does."""
        items = [{"id": identity, "label": label} for identity, label in labels.items()]
        for start in range(0, len(items), 10 * AT_ONCE):
            self._post("/v1/labels", {"labels": items[start : start + 10 * AT_ONCE]})

    def _post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is that of a service
            f"{self.address}{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = error.read().decode(errors="replace")[:300]
            raise Unreachable(
                f"the service refused the drill's request with {error.code}: {told}", where=path
            ) from None
        except OSError as error:
            raise Unreachable(f"the service at {self.address} does not answer: {error}", where=path) from None


def drawn(people: Rows, count: int, rng: np.random.Generator) -> Rows:
    """So many of the people, each drawn anew."""
    rows = rng.integers(0, len(people.outcome), size=count)
    return Rows(
        features=people.features.iloc[rows].reset_index(drop=True),
        groups=people.groups.iloc[rows].reset_index(drop=True),
        outcome=people.outcome[rows],
    )


def _records(features: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {
        str(name): [None if none else value for value, none in zip(column.tolist(), column.isna(), strict=True)]
        for name, column in features.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
