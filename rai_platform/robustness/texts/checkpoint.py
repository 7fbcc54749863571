"""What was done so far, in a file: who is interrupted goes on where it ended."""

import hashlib
import json
import threading
from pathlib import Path

from rai_platform.errors import BadInput
from rai_platform.robustness.texts.attempt import Attempt, Job

FORMAT = 2  # of the file and of what an attempt means


class Checkpoint:
    """Attempts by job, one line of JSON each; in memory alone where there is no file.

    Args:
        path: the file; created where it is not there.
        about: whatever an attempt depends on besides the job: the model, the budget.

    Raises:
        BadInput: the file cannot be read or written.
    """

    def __init__(self, path: Path | None, about: dict[str, object]) -> None:
        self._path = path
        self._about = about
        self._done: dict[str, Attempt] = {}
        self._lock = threading.Lock()
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._read(path)
        except OSError as error:
            raise BadInput(f"expected a file to write to, got {path}: {error.strerror}", where="checkpoint") from None

    def get(self, job: Job) -> Attempt | None:
        """What came of a job; None where it is still to do."""
        return self._done.get(self._key(job))

    def put(self, job: Job, attempt: Attempt) -> None:
        """Keeps what came of a job."""
        key = self._key(job)
        with self._lock:
            self._done[key] = attempt
            if self._path is None:
                return
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "recipe": job.recipe, "attempt": attempt.as_json()}) + "\n")

    def _key(self, job: Job) -> str:
        told = [FORMAT, sorted(self._about.items()), job.recipe, job.text, job.label, job.seed]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _read(self, path: Path) -> None:
        path.touch()
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for line in lines:
            try:
                told = json.loads(line)
                attempt = Attempt(**told["attempt"])
                if attempt.outcome != "broken":  # what broke may have been a server that was away
                    self._done[told["key"]] = attempt
            except (ValueError, TypeError, KeyError):  # the line that was being written when the process was killed
                continue
        if lines[-1]:  # the next line must not go on where that one ended
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")
