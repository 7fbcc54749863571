"""Every model there is: those embedded in the package, and the user's own."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from rai_platform.errors import InvalidSpec, UnknownModel
from rai_platform.settings import Settings
from rai_platform.spec.mistakes import Lines
from rai_platform.spec.reading import ModelDefinition, read_model

EMBEDDED = Path(__file__).parent.parent / "defs"
SPEC_FILE = "defs.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that can be run, and the files that cannot be read.

    Attributes:
        known: definitions by name, the embedded ones first.
        unreadable: why, by folder name.
    """

    known: dict[str, ModelDefinition]
    unreadable: dict[str, str]

    def named(self, name: str) -> ModelDefinition:
        """The model of that name.

        Raises:
            InvalidSpec: its file cannot be read.
            UnknownModel: there is none.
        """
        if name in self.known:
            return self.known[name]
        if name in self.unreadable:
            raise InvalidSpec(self.unreadable[name])
        raise UnknownModel(name, [*self.known, *self.unreadable])


def find_models(settings: Settings, *, embedded: bool = True) -> Models:
    """Reads every model; a file that cannot be read stops no other model."""
    known: dict[str, ModelDefinition] = {}
    unreadable: dict[str, str] = {}
    roots = [EMBEDDED, settings.models] if embedded else [settings.models]
    for path in (file for root in roots for file in spec_files(root)):
        try:
            definition = read_definition(path, settings)
        except InvalidSpec as error:
            unreadable[path.parent.name] = str(error)
            continue
        if definition.name in known:
            unreadable[f"{path.parent.name} ({path})"] = (
                f"{path}: a model named {definition.name!r} is already declared in {known[definition.name].path}"
            )
            continue
        known[definition.name] = definition
    return Models(known=known, unreadable=unreadable)


def read_definition(path: Path, settings: Settings) -> ModelDefinition:
    """The model that a ``defs.yaml`` declares, as Dagster can run it.

    Raises:
        InvalidSpec: it cannot be read, or Dagster knows no times such as its schedule's.
    """
    definition = read_model(path, environment=settings.environment, working_folder=settings.working_folder)
    schedule = definition.spec.schedule
    try:
        dg.ScheduleDefinition(name="probe", job_name="probe", cron_schedule=schedule)
    except dg.DagsterInvalidDefinitionError:
        line = Lines(definition.path, prefix=("attributes",)).of(("schedule",))
        raise InvalidSpec(
            f"line {line}, schedule: expected a cron line of five fields (minute, hour, day of the month, month, day of the "
            f"week) such as '0 6 * * 1', got {schedule!r}",
            where=str(path),
        ) from None
    return definition


def spec_files(root: Path) -> list[Path]:
    """The model files below a folder, links that lead nowhere included."""
    if not root.is_dir():
        return []
    files = [folder / SPEC_FILE for folder in sorted(root.iterdir()) if folder.is_dir()]
    return [file for file in files if file.exists() or file.is_symlink()]


def register(path: Path, settings: Settings) -> ModelDefinition:
    """Puts a model file among the user's own, as a link, so that Dagster's pages show it and follow its changes.

    A link whose file is gone is put anew.

    Raises:
        InvalidSpec: it cannot be read, or bears the name of a model that is there already.
    """
    definition = read_definition(path, settings)
    embedded = [file.parent.name for file in spec_files(EMBEDDED)]
    if definition.name in embedded and definition.path.parent.parent != EMBEDDED:
        raise InvalidSpec(
            f"the name {definition.name!r} belongs to an embedded model; choose another",
            where=f"{path}, attributes.name",
        )
    link = settings.models / definition.name / SPEC_FILE
    if definition.path.parent.parent == EMBEDDED or (link.exists() and link.resolve() == definition.path):
        return definition
    if link.exists() and not link.is_symlink():
        raise InvalidSpec(
            f"{link} already declares a model of that name; edit that file, or choose another name", where=str(path)
        )
    if link.exists():
        raise InvalidSpec(
            f"the name {definition.name!r} is taken: {link} leads to {link.resolve()}; choose another name, or give that "
            f"model's name away by removing the link: rm {shlex.quote(str(link))}",
            where=str(path),
        )
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(definition.path)
    return definition
