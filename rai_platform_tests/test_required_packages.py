"""The pinned packages work together: what is declared can be imported."""

import os
import subprocess
import sys

import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

REQUIRED = ["dagster", "dagster_mlflow", "dagster_k8s", "fairlearn", "shap", "foolbox", "torch", "sklearn", "pandera"]


@pytest.mark.slow
@pytest.mark.parametrize("package", [*REQUIRED, "textattack"])
def test_a_required_package_can_be_imported(package, tmp_path):
    words = tmp_path / "corpora" / "stopwords" / "english"  # which textattack reads when it is imported
    words.parent.mkdir(parents=True)
    words.write_text("\n".join(sorted(ENGLISH_STOP_WORDS)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import {package}"],
        env={**os.environ, "NLTK_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
