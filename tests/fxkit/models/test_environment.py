"""What a result may depend on is recorded."""

from fxkit.models.environment import describe_environment


def test_the_environment_lists_versions() -> None:
    environment = describe_environment()
    assert environment["packages"]["torch"].startswith("2.")
    assert environment["commit"] is None or len(environment["commit"].removesuffix("-dirty")) == 40
