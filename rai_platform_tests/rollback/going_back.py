"""How the tests go back, and what they break before."""

from typing import Any

from rai_platform.registry.flavor import CANDIDATE, certified_model
from rai_platform.release.ledger import Entry
from rai_platform.release.records import read_production
from rai_platform.release.rollbacks import RollbackRequest
from rai_platform.rollback.rolling import RolledBack, roll_back
from rai_platform.serving.served import find_production, load_served
from rai_platform_tests.world import World, lending_attributes


def go_back(world: World, *, endpoint: str | None = None, limit: float = 30, **request: Any) -> RolledBack:
    """A rollback of `fair` by hand."""
    asked = RollbackRequest(**{"reason": "It turns too many people away.", "actor": "ada", **request})
    return roll_back(world.home, world.model("fair"), asked, endpoint=endpoint, limit=limit)


def set_policy(world: World, **changes: Any) -> None:
    """Changes the policy of `fair`, and nothing else of it; ``asks`` replaces or adds requirements."""
    policy = {**lending_attributes()["policy"], **changes}
    asks = policy.pop("asks", [])
    policy["requirements"] = [*policy["requirements"], *asks]
    world.write("fair", policy=policy, estimator=world.model("fair").spec.model_dump(mode="json")["estimator"])


def ask_for_more(world: World, at_least: float) -> None:
    """Asks for so much accuracy above one fixed answer, by the bare number."""
    set_policy(world, asks=[{"metric": "accuracy_gain", "min": at_least, "rule": "point"}])


def promotions(world: World) -> list[Entry]:
    return world.entries("fair", "promotion")


def damage(world: World, blob: str) -> None:
    """Changes a byte of something in the store."""
    file = world.settings.home / "store" / blob[:2] / blob
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def estimator_of(world: World, promotion: Entry) -> str:
    """Where the store keeps the estimator of a promoted model."""
    candidate = CANDIDATE.validate_json(world.home.store.get(promotion.body["candidate"]))
    return candidate.files["estimator"].blob


def version(world: World) -> str | None:
    """What is in production by everything that can be asked, which has to agree."""
    status = world.status("fair")
    with world.home.ledger.read() as reader:
        production = read_production(reader, "fair")
    told = None if production is None else production.version
    assert (status.production and status.production.version) == told == world.home.registry.alias("fair")
    assert status.out_of_order == ()
    if production is not None:
        assert load_served(world.home, find_production(world.home, "fair")).told["version"] == told
        assert certified_model(production, world.home.store, world.home.key.public) is not None
    return told


def whys(done: Any) -> dict[str, str]:
    return {each.version: each.why for each in done.passed_over}
