"""Random views of source images, computed for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly a view differs from its image.

    Attributes:
        least_area: Smallest share of the image area a view shows, in (0, 1].
        free_rotation: Share of views turned by any angle; the others turn by at most 25 degrees.
        colour: Strength of the change of brightness, contrast, saturation and hue, 0 to 1.
        grey: Share of grey views.
        blur: Share of blurred views.
        noise: Largest standard deviation of the additive noise; the intensity range is 2.
        erase: Share of views with a rectangle erased.
    """

    least_area: float = 0.5
    free_rotation: float = 0.5
    colour: float = 0.4
    grey: float = 0.25
    blur: float = 0.25
    noise: float = 0.15
    erase: float = 0.3


def draw_crops(count: int, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    """Draw the geometry of random views: place, size, stretch, turn and mirroring.

    Args:
        count: Number of views B.
        generator: Source of all randomness.
        config: Strengths.

    Returns:
        Affine matrices from view to image coordinates, shape (B, 2, 3), for `crop`.
    """
    area = _uniform(count, config.least_area, 1.1, generator)
    stretch = torch.exp(_uniform(count, -0.25, 0.25, generator))
    turn = _uniform(count, -0.44, 0.44, generator)
    free = _chosen(count, config.free_rotation, generator)
    turn = torch.where(free, _uniform(count, -torch.pi, torch.pi, generator), turn)
    flip = 1.0 - 2.0 * _chosen(count, 0.5, generator).float()
    wide, high = area.sqrt() * stretch, area.sqrt() / stretch
    room_x, room_y = (1.0 - wide).clamp(min=0.0), (1.0 - high).clamp(min=0.0)
    shift_x = _uniform(count, -1.0, 1.0, generator) * room_x
    shift_y = _uniform(count, -1.0, 1.0, generator) * room_y
    cos, sin = turn.cos(), turn.sin()
    first = torch.stack([flip * wide * cos, -high * sin, shift_x], dim=1)
    second = torch.stack([flip * wide * sin, high * cos, shift_y], dim=1)
    return torch.stack([first, second], dim=1)


def crop(maps: Tensor, matrices: Tensor, size: int) -> Tensor:
    """Sample views of images, or of maps of features, bilinearly.

    Args:
        maps: Images or feature maps, shape (B, C, H, W).
        matrices: Geometry from `draw_crops`, shape (B, 2, 3).
        size: Height and width of the views.

    Returns:
        Views, shape (B, C, size, size).
    """
    grid = functional.affine_grid(matrices, [*maps.shape[:2], size, size], align_corners=False)
    return functional.grid_sample(maps, grid, padding_mode="reflection", align_corners=False)


def distort(views: Tensor, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    """Change colours, blur, add noise and erase rectangles.

    Args:
        views: RGB views, shape (B, 3, H, W), normalised to [-1, 1].
        generator: Source of all randomness.
        config: Strengths.

    Returns:
        Distorted views, same shape, in [-1, 1].
    """
    views = _recolour(views, generator, config)
    views = _blur(views, generator, config.blur)
    views = _add_noise(views, generator, config.noise)
    return _erase(views, generator, config.erase).clamp(-1.0, 1.0)


def centre_view(images: Tensor, size: int) -> Tensor:
    """Resize images for evaluation.

    Args:
        images: RGB images, shape (B, 3, H, W).
        size: Height and width of the result, pixels.

    Returns:
        Images, shape (B, 3, size, size).
    """
    return functional.interpolate(
        images, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _chosen(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share


def _recolour(views: Tensor, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    """Change hue, saturation, contrast and brightness by one matrix an image."""
    count = views.shape[0]
    strength = config.colour
    grey = torch.full((3, 3), 1.0 / 3.0)
    # A rotation about the grey axis turns the hue: cos I + (1 - cos) G + sin K.
    root = 3.0**-0.5
    across = torch.tensor([[0.0, -root, root], [root, 0.0, -root], [-root, root, 0.0]])
    angle = _uniform(count, -1.5 * strength, 1.5 * strength, generator)[:, None, None]
    turn = angle.cos() * torch.eye(3) + (1.0 - angle.cos()) * grey + angle.sin() * across
    colourful = _uniform(count, 1.0 - strength, 1.0 + 0.6 * strength, generator)
    colourful = torch.where(_chosen(count, config.grey, generator), 0.0, colourful)[:, None, None]
    contrast = torch.exp(_uniform(count, -strength, 0.8 * strength, generator))[:, None, None]
    matrix = contrast * (colourful * turn + (1.0 - colourful) * grey)
    level = views.mean(dim=(1, 2, 3))[:, None, None, None]
    brightness = _uniform(count, -0.6 * strength, 0.6 * strength, generator)[:, None, None, None]
    mixed = torch.einsum("bij,bjhw->bihw", matrix, views - level)
    return (mixed + level + brightness).clamp(-1.0, 1.0)


def _blur(views: Tensor, generator: torch.Generator, share: float) -> Tensor:
    chosen = _chosen(views.shape[0], share, generator).nonzero()[:, 0]
    if chosen.numel() == 0:
        return views
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    kernel = (kernel[:, None] * kernel[None, :]).expand(3, 1, 5, 5)
    padded = functional.pad(views[chosen], (2, 2, 2, 2), mode="reflect")
    return views.index_copy(0, chosen, functional.conv2d(padded, kernel, groups=3))


def _add_noise(views: Tensor, generator: torch.Generator, largest: float) -> Tensor:
    """Add noise to half of the views; to a quarter of them, noise that grows with intensity."""
    count = views.shape[0]
    strength = _uniform(count, 0.0, largest, generator)
    strength = torch.where(_chosen(count, 0.5, generator), strength, 0.0)[:, None, None, None]
    speckled = _chosen(count, 0.25, generator)[:, None, None, None]
    noise = torch.randn((count, 1, *views.shape[2:]), generator=generator)
    gain = torch.where(speckled, 1.5 * (views + 1.0), 1.0)
    return views + strength * noise * gain


def _erase(views: Tensor, generator: torch.Generator, share: float) -> Tensor:
    count, _, height, width = views.shape
    chosen = _chosen(count, share, generator)
    limits = torch.rand((count, 4), generator=generator)
    rows = torch.arange(height)[None, :] / height
    columns = torch.arange(width)[None, :] / width
    top, left = limits[:, :1] * 0.8, limits[:, 1:2] * 0.8
    inside_rows = (rows >= top) & (rows < top + 0.15 + 0.3 * limits[:, 2:3])
    inside_columns = (columns >= left) & (columns < left + 0.15 + 0.3 * limits[:, 3:4])
    inside = inside_rows[:, :, None] & inside_columns[:, None, :] & chosen[:, None, None]
    fill = _uniform(count, -1.0, 1.0, generator)[:, None, None, None]
    return torch.where(inside[:, None], fill, views)
