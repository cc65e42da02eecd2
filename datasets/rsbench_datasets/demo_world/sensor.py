"""What light, air and camera do to a painted scene."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from .drawing import FloatArray, value_noise

Rng = np.random.Generator

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def expose(rng: Rng, picture: FloatArray) -> npt.NDArray[np.uint8]:
    """Turn a painted scene into the picture a camera brings home.

    Illumination, colour cast, haze, blur, noise and compression are drawn once a scene, so
    that scenes differ as the sources of DOTA do. One scene in twelve is grey.

    Args:
        rng: random stream of the exposure.
        picture: painted scene, shape (size, size, 3), 0-255.

    Returns:
        The picture, shape (size, size, 3), 8 bits.
    """
    lit = _illuminate(rng, picture)
    seen = _blur(rng, lit)
    size = len(seen)
    sigma = float(rng.choice([1.0, 2.0, 3.5, 6.0], p=[0.4, 0.3, 0.2, 0.1]))
    noise = rng.standard_normal((size, size, 3)).astype(np.float32)
    noise = np.float32(0.6) * noise + np.float32(0.8) * noise[..., :1]
    pixels = np.clip(seen + np.float32(sigma) * noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        return _compress(pixels, int(rng.integers(45, 85)))
    return pixels


def _illuminate(rng: Rng, picture: FloatArray) -> FloatArray:
    """Change brightness, contrast, saturation and colour cast; add haze."""
    light = 1 + np.float32(0.14) * value_noise(rng, len(picture), 260)
    lit = picture * (light * np.float32(rng.uniform(0.84, 1.2)))[..., None]
    grey = lit @ _LUMINANCE
    saturation = 0.0 if rng.random() < 0.08 else rng.uniform(0.6, 1.4)
    lit = grey[..., None] + np.float32(saturation) * (lit - grey[..., None])
    if saturation > 0:
        lit *= rng.uniform(0.93, 1.07, 3).astype(np.float32)
    haze = np.float32(rng.uniform(0, 0.2) * rng.random())
    air = np.array([176, 184, 194], dtype=np.float32)
    air = air if saturation > 0 else np.full(3, 184, dtype=np.float32)
    lit += haze * (air - lit)
    curve = np.float32(rng.uniform(0.85, 1.2))
    return np.asarray(255 * np.power(np.clip(lit / 255, 0, 1), curve))


def _blur(rng: Rng, picture: FloatArray) -> FloatArray:
    """Blur by the optics, or by a coarser sensor whose pixels were enlarged."""
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    if rng.random() < 0.12:
        coarse = round(len(picture) / rng.uniform(1.3, 1.9))
        small = image.resize((coarse, coarse), Image.Resampling.BOX)
        image = small.resize(image.size, Image.Resampling.BICUBIC)
    else:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.7))))
    return np.asarray(image, dtype=np.float32)


def _compress(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Leave the traces of JPEG compression."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB")).copy()
