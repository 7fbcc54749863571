"""Labels, groups and the inference log, for a person in front of a terminal."""

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.progress import Progress

from rai_platform.console.output import Output
from rai_platform.data.sources import read_table
from rai_platform.errors import BadInput
from rai_platform.home import Home
from rai_platform.serving.label_files import read_label_file, record_label_file
from rai_platform.serving.labels import LabelCounts, compile_label_rules
from rai_platform.serving.protected import KEY, groups_of_keys, write_groups
from rai_platform.serving.retention import count_older, export_log, forget_older
from rai_platform.serving.served import find_production, recorded_candidate
from rai_platform.spec.data import SensitiveFeature, Source


def add_labels(home: Home, name: str, file: Path, output: Output) -> LabelCounts:
    """Records the labels of a file for the predictions of a model.

    Raises:
        RaiError: as ``find_production``, ``read_label_file`` and ``record_label_file`` say.
    """
    home.ledger.must_be_sound()
    rules = compile_label_rules(recorded_candidate(home, find_production(home, name)))
    labels = read_label_file(file, rules)
    counts = LabelCounts()
    parts = record_label_file(home.settings.inference_log_url, labels, model=name, clock=home.clock, where=str(file))
    with Progress(console=output.told, transient=True) as progress:
        task = progress.add_task("labels", total=len(labels))
        for done, part in parts:
            counts += part
            progress.update(task, completed=done)
    return counts


def add_groups(home: Home, name: str, features: tuple[SensitiveFeature, ...], file: Path, output: Output) -> int:
    """Puts people's groups on record, by pseudonym; gives their number.

    Raises:
        BadInput: the model has no sensitive features, or as ``groups_of_keys`` says.
        UnreadableData: it is no table.
    """
    if not features:
        raise BadInput(f"the model {name!r} has no sensitive features", where="sensitive_features")
    table = read_table(Source(path=str(file)), texts=(KEY,))
    groups = groups_of_keys(table, features, where=str(file))
    _shown(write_groups(home.settings.protected_attributes_url, groups, model=name), len(groups), "groups", output)
    return len(groups)


def export(
    home: Home, name: str, folder: Path, *, since: str | None, before: str | None, with_groups: bool
) -> list[tuple[Path, int]]:
    """Writes the log of a model as Parquet; gives every file with its number of predictions.

    Raises:
        RaiError: as ``export_log`` says, or a time is none.
    """
    start, end = read_point("--since", since), read_point("--before", before)
    return list(export_log(home.settings, name, folder, since=start, before=end, with_groups=with_groups))


def forget(home: Home, name: str, older_than: str, output: Output, *, yes: bool) -> int:
    """Deletes what is older than a number of days from the log; gives how many predictions.

    Raises:
        BadInput: the age is none, or nobody is there to say yes.
        EvidenceMissing: there is no log.
        LogUnwritable: the log cannot be written.
        typer.Abort: the person did not say yes.
    """
    before = home.clock() - _age(older_than)
    log = home.settings.inference_log_url
    count = count_older(log, name, before=before)
    if count and not yes:
        asked = f"{counted(count)} of {name} from before {before:%Y-%m-%d %H:%M} UTC, with labels, would be deleted"
        if not sys.stdin.isatty():
            raise BadInput(f"{asked} for good; say so with --yes", where="--older-than")
        typer.confirm(f"{asked}. Delete them?", abort=True, err=True)
    return _shown(forget_older(log, name, before=before), count, "deleted", output)


def counted(predictions: int) -> str:
    """A number of predictions in words."""
    return f"{predictions} prediction{'s' * (predictions != 1)}"


def read_point(option: str, text: str | None) -> datetime | None:
    """A point in time as it is typed: a day, which begins at midnight UTC, or a time, UTC where it says no zone.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        point = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"expected a day or a time such as 2026-01-31 or 2026-01-31T12:00Z, got {text!r}", where=option
        ) from None
    return point if point.tzinfo else point.replace(tzinfo=UTC)


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})d", text)
    if found is None:
        raise BadInput(f"expected a number of days such as 90d, got {text!r}", where="--older-than")
    return timedelta(days=int(found[1]))


def _shown(done: Iterable[int], total: int, word: str, output: Output) -> int:
    """Follows the counts of something that is done bit by bit; gives the last."""
    last = 0
    with Progress(console=output.told, transient=True) as progress:
        task = progress.add_task(word, total=total)
        for last in done:
            progress.update(task, completed=last)
    return last
