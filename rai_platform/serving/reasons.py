"""Why a model answered as it did: what each feature added to a score, and the features that spoke most for the decision."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rai_platform.errors import (
    BadInput,
    EvidenceMissing,
    Overloaded,
    TamperedArtifact,
    UnsuitableData,
    UnusableRequest,
)
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.report import EXPLANATION_BACKGROUND
from rai_platform.explanations.row_explainer import RowExplainer, background_from_bytes, why_not_explained
from rai_platform.release.records import Production
from rai_platform.serving.bodies import Limits, asked_reasons, may_ask_reasons, parse
from rai_platform.serving.images import told_image
from rai_platform.serving.inputs import Value
from rai_platform.training.model import TrainedModel

if TYPE_CHECKING:
    from rai_platform.home import Home
    from rai_platform.serving.scoring import ReadRecords
    from rai_platform.serving.served import ServedModel

LOGGER = logging.getLogger(__name__)
SECONDS_A_ROW = 1.0  # so that the rows of one request take less time than it may wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Explaining:
    """How the answers of one model are explained.

    Attributes:
        why_not: why they are not; None where they are.
        load: loads a copy of the model and the rows that stand for everybody, made ready; asked where somebody wants reasons.
    """

    why_not: str | None
    load: Callable[[], RowExplainer] | None = None


NOT_EXPLAINED = Explaining(why_not="the model was loaded without what explains it")


def explaining_of(
    home: "Home", production: Production, model: TrainedModel, load_copy: Callable[[], TrainedModel]
) -> Explaining:
    """How the answers of a promoted model are explained.

    Args:
        home: the platform's storage.
        production: the promotion.
        model: that was promoted.
        load_copy: verifies and loads it once more: explanations ask a copy of their own, beside the thread that scores.
    """
    kept = production.body.get("evidence", {}).get(EXPLANATION_BACKGROUND)
    if (why_not := why_not_explained(model, has_background=kept is not None)) is not None:
        return Explaining(why_not=why_not)

    def load() -> RowExplainer:
        background = None if kept is None else background_from_bytes(home.store.get(kept))
        explainer = RowExplainer(load_copy(), background)
        if background is not None:
            _must_be_fast(explainer, background.iloc[[0]])
        return explainer

    return Explaining(why_not=None, load=load)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The explanations of the rows of one request.

    Attributes:
        found: what each feature added.
        rows: as the model sees them.
        most: reasons that are told of a row.
    """

    found: Attributions
    rows: Sequence[Mapping[str, Value]]
    most: int

    def told(self, row: int, decision: int | str) -> dict[str, object]:
        """What the answer says of a row: attributions, and the features that moved the score most towards the decision."""
        values = {name: float(value) for name, value in zip(self.found.features, self.found.values[row], strict=True)}
        sign = 1 if decision == 1 else -1
        towards = sorted((name for name in values if sign * values[name] > 0), key=lambda name: -abs(values[name]))
        return {
            "unit": self.found.output,
            "base_value": self.found.base_value,
            "output": float(self.found.outputs[row]),
            "attributions": values,
            "reasons": [_reason(name, self.rows[row][name], values[name]) for name in towards[: self.most]],
        }


class Explainer:
    """The one thread that explains answers, beside the one that scores; nobody who wants no reasons waits for it.

    Attributes:
        waiting: requests that wait for reasons.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explainer")
        self._ready: tuple[Explaining, RowExplainer | str] | None = None

    def close(self) -> None:
        """Ends; what waits is not explained any more."""
        self._thread.shutdown(cancel_futures=True)

    async def reasons(self, served: "ServedModel", content: bytes, read: "ReadRecords") -> Reasons | None:
        """The explanations that a request asks for; None where it asks for none.

        Args:
            served: the model that answers.
            content: the body.
            read: finds the records in a body.

        Raises:
            UnusableRequest: the body or its rows cannot be read, are too many to be explained, or the model explains nothing.
            BadInput: the model refuses the rows, or the reasons do not add up.
            Overloaded: too many wait for reasons, or they take too long.
        """
        if not may_ask_reasons(content):
            return None
        loop = asyncio.get_running_loop()
        most = await loop.run_in_executor(None, _asked, content)
        if most is None:
            return None
        if self.waiting >= self._limits.waiting_explanations:
            raise Overloaded("too many requests wait for reasons; ask again later, or without `explain`")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._limits.seconds_to_answer):
                return await loop.run_in_executor(self._thread, self._explained, served, content, read, most)
        except TimeoutError:
            raise Overloaded("the reasons took too long; ask again later, or without `explain`") from None
        finally:
            self.waiting -= 1

    def _explained(self, served: "ServedModel", content: bytes, read: "ReadRecords", most: int) -> Reasons:
        rows = served.rules.read(read(parse(content), self._limits, served.rules.names))
        if len(rows) > self._limits.explained_rows:
            raise UnusableRequest(
                f"expected up to {self._limits.explained_rows} rows where reasons are asked for, got {len(rows)}; ask in parts",
                status=413,
            )
        found = self._explainer(served.explaining).explain(served.rules.frame(rows))
        return Reasons(found=found, rows=rows, most=most)

    def _explainer(self, explaining: Explaining) -> RowExplainer:
        """What explains, made ready for the first that asks; the one of the model before is let go."""
        if explaining.why_not is not None or explaining.load is None:
            raise UnusableRequest(f"no reasons can be given: {explaining.why_not}; ask without `explain`", status=422)
        if self._ready is None or self._ready[0] is not explaining:
            self._ready = explaining, _made_ready(explaining.load)
        ready = self._ready[1]
        if isinstance(ready, str):
            raise UnusableRequest(f"no reasons can be given: {ready}; ask without `explain`", status=422)
        return ready


def _made_ready(load: Callable[[], RowExplainer]) -> RowExplainer | str:
    """What explains, or why nothing does."""
    try:
        return load()
    except BadInput as error:
        return error.message
    except (EvidenceMissing, TamperedArtifact) as error:
        LOGGER.error("answers are not explained: %s", error.message)
        raise UnusableRequest(
            "no reasons can be given: the store does not hold what was released; see the service's log", status=503
        ) from None


def _asked(content: bytes) -> int | None:
    return asked_reasons(parse(content))


def _must_be_fast(explainer: RowExplainer, row: Any) -> None:
    explainer.explain(row)  # loads what explaining needs
    started = time.perf_counter()
    explainer.explain(row)
    if (seconds := time.perf_counter() - started) > SECONDS_A_ROW:
        raise UnsuitableData(f"to explain a row takes {seconds:.1f} seconds, and may take {SECONDS_A_ROW:g}")


def _reason(name: str, value: Value, attribution: float) -> dict[str, object]:
    direction = "raises" if attribution > 0 else "lowers"
    told = told_image(value) if isinstance(value, bytes) else value
    is_what = "is missing" if told is None else f"is {told}"
    return {
        "feature": name,
        "value": told,
        "attribution": attribution,
        "direction": direction,
        "says": f"{name} {is_what}, which {direction} the score",
    }
