"""Image sizes that a backbone cannot take are refused with sizes that it takes."""

import pytest

from fxkit.errors import ConfigError
from fxkit.models.image_sizes import check_image_size, takes_size


@pytest.mark.parametrize(("size", "nearest"), [(100, "96 or 112"), (50, "48 or 64"), (161, "160 or 176")])
def test_the_nearest_sizes_of_a_vision_transformer_are_named(size: int, nearest: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"data\.image_size = {size}: test_vit cannot take .+ this size; use {nearest}$"
    ):
        check_image_size("test_vit", size, {})


@pytest.mark.slow
def test_a_size_for_which_nothing_near_works_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"inception_v3 cannot take images of this size"):
        check_image_size("inception_v3", 8, {})


@pytest.mark.parametrize(
    "name", ["test_vit", "test_resnet", "test_efficientnet", "mobilenetv2_100", "swin_tiny_patch4_window7_224"]
)
def test_common_sizes_are_taken(name: str) -> None:
    for size in (64, 160, 224):
        check_image_size(name, size, {})


def test_a_convolutional_network_takes_any_size() -> None:
    assert all(takes_size("test_resnet", size, {}) for size in range(32, 65))
