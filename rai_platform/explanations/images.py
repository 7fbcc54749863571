"""Images whose cells can be hidden, and what is told of their attributions: by region, by class, and image by image."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from rai_platform.data.images import Pixels, unpack
from rai_platform.data.sample import Sample
from rai_platform.explanations.attributions import Attributions
from rai_platform.explanations.decided import OutputOfDecision
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parts import Bools, NamedParts, PartValues, halved
from rai_platform.explanations.report import Output
from rai_platform.explanations.shown import ALL, AverageMap, ExplainedImage, HeatMap, as_png
from rai_platform.training.model import TrainedModel

MOST_CELLS = 32  # of a side: finer maps cost more questions than a person sees
REGIONS = 4  # of a side
BYTES_AT_ONCE = 64_000_000


class ImageParts:
    """Images whose cells can be hidden behind the mean image of the background.

    Attributes:
        n: images.
        widths: cells of each (images,).
        decision: what is explained of them.
        pixels: (images, height, width, channels).
        grid: rows and columns of cells.
        inputs: as the model reads them (images, channels, height, width).
    """

    def __init__(self, model: TrainedModel, sample: Sample, background: Sample) -> None:
        name = model.manifest.features[0].name
        self._model = model
        self.decision = OutputOfDecision(model, sample.features)
        self.pixels: Pixels = unpack(sample.features[name], where=name)
        self.n, height, width, channels = self.pixels.shape
        self.grid = min(height, MOST_CELLS), min(width, MOST_CELLS)
        self.widths = np.full(self.n, math.prod(self.grid))
        inputs = model.encode(sample.features)
        self._shape = inputs.shape[1:]
        self.inputs = inputs.reshape(self.n, channels, height, width)
        self._hidden = model.encode(background.features).mean(axis=0).reshape(channels, height, width)
        down, across = (np.arange(size) * cells // size for size, cells in zip((height, width), self.grid, strict=True))
        self._cell_of = down[:, None] * self.grid[1] + across
        self._at_once = max(1, BYTES_AT_ONCE // (4 * height * width * channels))

    @property
    def output(self) -> Output:
        """The kind of the output."""
        return self.decision.output

    @property
    def regions(self) -> tuple[int, int]:
        """Rows and columns of regions."""
        return min(REGIONS, self.grid[0]), min(REGIONS, self.grid[1])

    def outputs(self, rows: Integers, kept: Sequence[Bools]) -> Floats:
        """See ``Parts``."""
        found = []
        for start in range(0, len(rows), self._at_once):
            chosen = rows[start : start + self._at_once]
            masks = np.stack(kept[start : start + self._at_once])[:, self._cell_of]
            mixed = np.where(masks[:, None], self.inputs[chosen], self._hidden).astype("float32")
            found.append(self.decision.of(mixed.reshape(len(chosen), *self._shape), self.decision.numbers[chosen]))
        return np.concatenate(found)

    def hierarchy(self, row: int) -> Floats:  # noqa: ARG002 - all images are of one size
        """See ``Parts``."""
        return halved(*self.grid)

    def by_region(self, values: Floats) -> Floats:
        """Sums over the cells of every region (..., regions)."""
        return np.stack(
            [values[..., self.region_of == region].sum(axis=-1) for region in range(math.prod(self.regions))], axis=-1
        )

    def by_cell(self, pixels: Floats) -> Floats:
        """Sums (images, cells) over the pixels (images, height, width) of every cell."""
        flat, cells = pixels.reshape(len(pixels), -1), np.ravel(self._cell_of)
        return np.stack([np.bincount(cells, weights=each, minlength=math.prod(self.grid)) for each in flat])

    @property
    def region_of(self) -> Integers:
        """The region of every cell (cells,)."""
        down, across = (np.arange(cells) * most // cells for cells, most in zip(self.grid, self.regions, strict=True))
        return np.ravel(down[:, None] * self.regions[1] + across)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regions, row by row."""
        rows, columns = self.regions
        return tuple(f"row {row}, column {column}" for row in range(1, rows + 1) for column in range(1, columns + 1))

    def named(self, found: PartValues, weight: Floats | None) -> NamedParts:
        """Attributions by region, strongest first."""
        values = self.by_region(np.stack(found.values))
        order = np.argsort(-np.average(np.abs(values), axis=0, weights=weight), kind="stable")
        place = np.argsort(order)
        light = self.by_cell(self.pixels.mean(axis=3) / 255) / np.bincount(np.ravel(self._cell_of))
        brightness = self.by_region(light) / np.bincount(self.region_of)
        names = tuple(self.names[at] for at in order)
        return NamedParts(
            found=Attributions(
                features=names,
                values=values[:, order],
                outputs=found.outputs,
                base_value=float(np.average(found.base_values, weights=weight)),
                base_values=found.base_values,
                method="partition",
                output=self.output,
            ),
            of=tuple([place[self.region_of]] * self.n),
            told=pd.DataFrame(np.round(brightness[:, order], 3), columns=list(names)),
        )


def shown_examples(
    parts: ImageParts, found: PartValues, sample: Sample, names: tuple[str, ...], decided: Integers
) -> tuple[ExplainedImage, ...]:
    """Images with their maps.

    Args:
        parts: the images.
        found: their attributions.
        sample: the rows they are of.
        names: of the classes, by number.
        decided: the class that the model decides for (images,).
    """
    return tuple(
        ExplainedImage(
            row_key=int(sample.row_key[row]),
            label=names[sample.y_true[row]],
            decided=names[decided[row]],
            output=float(found.outputs[row]),
            base_value=float(found.base_values[row]),
            png=as_png(parts.pixels[row]),
            heat=HeatMap.of(found.values[row].reshape(parts.grid)),
        )
        for row in range(parts.n)
    )


def average_maps(
    parts: ImageParts, found: PartValues, sample: Sample, names: tuple[str, ...], decided: Integers
) -> tuple[AverageMap, ...]:
    """Of all images, and of every class that the model decides for; arguments as of ``shown_examples``."""
    maps = np.stack(found.values).reshape(parts.n, *parts.grid)
    weight = np.ones(parts.n) if sample.weight is None else sample.weight
    groups = {ALL: (np.arange(parts.n), np.abs(maps))}
    groups |= {names[number]: (np.flatnonzero(decided == number), maps) for number in np.unique(decided)}
    return tuple(
        AverageMap(
            name=name,
            n=len(rows),
            png=as_png(np.round(np.average(parts.pixels[rows], axis=0, weights=weight[rows])).astype("uint8")),
            heat=HeatMap.of(np.average(values[rows], axis=0, weights=weight[rows])),
        )
        for name, (rows, values) in groups.items()
    )
