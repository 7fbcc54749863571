"""A candidate's model from its files, and whether those files are the ones on record."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rai_platform.errors import TamperedArtifact
from rai_platform.spec.digests import digest_of
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate, ModelFile
from rai_platform.training.formats import content_digest, read_part
from rai_platform.training.manifest import Manifest

if TYPE_CHECKING:
    from rai_platform.training.model import TrainedModel


def model_digest(manifest: Manifest, files: dict[str, ModelFile]) -> str:
    """The model's digest: of its manifest and of what its files mean, whatever their bytes."""
    return digest_of(
        {
            "manifest": manifest.in_digests(),
            "files": {name: file.content for name, file in files.items()},
        }
    )


def verified_files(candidate: Candidate, read: Callable[[str, ModelFile], bytes]) -> dict[str, bytes]:
    """The bytes of every file of a candidate, once they are found to mean what its digest was made of.

    Args:
        candidate: the model on record.
        read: gives the bytes of a file by its name.

    Raises:
        TamperedArtifact: the manifest, a file or the estimator's code is not what the digest says.
    """
    from rai_platform.training.estimator_code import must_be_the_same_code

    if candidate.manifest.composition == "given" and candidate.files:
        raise TamperedArtifact("somebody else's scores have no model files, and these have some", where=candidate.model)
    if candidate.manifest.composition != "given" and candidate.model_digest != model_digest(
        candidate.manifest, candidate.files
    ):
        raise TamperedArtifact("the manifest and files of the model do not give its digest", where=candidate.model)
    must_be_the_same_code(candidate.manifest)
    files = {}
    for name, file in candidate.files.items():
        files[name] = read(name, file)
        if content_digest(files[name], file.format) != file.content:
            raise TamperedArtifact(
                f"the file of {name!r} does not mean what the model's digest says", where=candidate.model
            )
    return files


def stored_files(candidate: Candidate, store: ContentStore) -> dict[str, bytes]:
    """The verified bytes of every file of a candidate in the store.

    Raises:
        EvidenceMissing: a file is not in the store.
        TamperedArtifact: a file or the manifest is not what the candidate's digest was made of.
    """
    return verified_files(candidate, lambda _, file: store.get(file.blob))


def load_model(candidate: Candidate, store: ContentStore) -> "TrainedModel":
    """The model of a candidate in the store; raises as ``stored_files`` does."""
    return build_model(candidate, stored_files(candidate, store))


def build_model(candidate: Candidate, files: dict[str, bytes]) -> "TrainedModel":
    """The model that verified files make."""
    from rai_platform.training.model import TrainedModel

    parts = {
        name: read_part(
            content,
            candidate.files[name].format,
            estimator=candidate.manifest.estimator,
            modules=candidate.manifest.module_code,
        )
        for name, content in files.items()
    }
    return TrainedModel(manifest=candidate.manifest, parts=parts)
