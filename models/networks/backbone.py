"""BN-Inception: the stem (layers 1 and 2), the trunk (layers 3 to 17) and the decoder that all networks share.

A width multiplies every internal channel count; 1.0 is the paper's network. Spatial sizes are given as strides relative
to the input.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

INPUT_MULTIPLE = 32
FEATURE_STRIDE = 4
STEM_CHANNELS = 192


class BlockPlan(NamedTuple):
    """Channels of one inception block at width 1.0; `point` and `project` are 0 in blocks that halve the size."""

    point: int
    three_reduce: int
    three: int
    double_reduce: int
    double: int
    project: int
    pool: Literal["average", "max"] = "average"

    @property
    def halves(self) -> bool:
        """Whether the block has stride 2; its pooling branch is then a max pooling without projection."""
        return self.project == 0


TRUNK_PLAN: dict[str, BlockPlan] = {
    "3a": BlockPlan(64, 64, 64, 64, 96, 32),
    "3b": BlockPlan(64, 64, 96, 64, 96, 64),
    "3c": BlockPlan(0, 128, 160, 64, 96, 0, "max"),
    "4a": BlockPlan(224, 64, 96, 96, 128, 128),
    "4b": BlockPlan(192, 96, 128, 96, 128, 128),
    "4c": BlockPlan(160, 128, 160, 128, 160, 128),
    "4d": BlockPlan(96, 128, 192, 160, 192, 128),
    "4e": BlockPlan(0, 128, 192, 192, 256, 0, "max"),
    "5a": BlockPlan(352, 192, 320, 160, 224, 128),
    "5b": BlockPlan(352, 192, 320, 192, 224, 128, "max"),
}
"""The blocks of layers 3 to 17 in order (A.1; the counts are those of the released weights)."""

SKIP_BLOCK = "4d"
"""The block at stride 16 whose output is concatenated with the decoder's first upsampling."""


def scaled_channels(channels: int, width: float) -> int:
    """Scale a channel count of the paper: a multiple of 4, at least 4, and unchanged at width 1.0."""
    return max(4, 4 * round(channels * width / 4))


def require_multiple_of_32(images: Tensor) -> None:
    """Raise a ValueError unless the images (B,3,H,W) have a height and a width that the five halvings divide."""
    height, width = images.shape[-2:]
    if images.ndim != 4 or height % INPUT_MULTIPLE or width % INPUT_MULTIPLE or not height or not width:
        raise ValueError(
            f"expected images (B,3,H,W) with H and W multiples of {INPUT_MULTIPLE}, got {tuple(images.shape)}; "
            f"resize or pad them, for example to {_next_multiple(height)}x{_next_multiple(width)} (HxW)"
        )


def _next_multiple(size: int) -> int:
    return max(1, math.ceil(size / INPUT_MULTIPLE)) * INPUT_MULTIPLE


class ConvBlock(nn.Module):
    """Convolution with bias, batch normalisation and ReLU; size is kept at stride 1 and halved at stride 2."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B,in,H,W) to (B,out,H/stride,W/stride), all values >= 0."""
        return torch.relu_(self.norm(self.conv(inputs)))


class InceptionBlock(nn.Module):
    """One inception block: the branches point, three, double three and pooling, concatenated in this order."""

    def __init__(self, in_channels: int, plan: BlockPlan, *, width: float, keep_size: bool = False) -> None:
        super().__init__()
        point, three_reduce, three, double_reduce, double, project = (
            scaled_channels(channels, width) if channels else 0 for channels in plan[:6]
        )
        stride = 2 if plan.halves and not keep_size else 1
        self.point = ConvBlock(in_channels, point, kernel=1) if point else None
        self.three_reduce = ConvBlock(in_channels, three_reduce, kernel=1)
        self.three = ConvBlock(three_reduce, three, kernel=3, stride=stride)
        self.double_reduce = ConvBlock(in_channels, double_reduce, kernel=1)
        self.double_first = ConvBlock(double_reduce, double, kernel=3)
        self.double_second = ConvBlock(double, double, kernel=3, stride=stride)
        self.pool = _block_pool(plan.pool, stride)
        self.project = ConvBlock(in_channels, project, kernel=1) if project else None
        self.out_channels = point + three + double + (project or in_channels)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B,in,H,W) to (B,out,H,W), or to half the size in the halving blocks."""
        branches = [] if self.point is None else [self.point(inputs)]
        branches.append(self.three(self.three_reduce(inputs)))
        branches.append(self.double_second(self.double_first(self.double_reduce(inputs))))
        pooled = self.pool(inputs)
        branches.append(pooled if self.project is None else self.project(pooled))
        return torch.cat(branches, dim=1)


def _block_pool(kind: Literal["average", "max"], stride: int) -> nn.Module:
    if stride == 2:
        return nn.MaxPool2d(3, stride=2, ceil_mode=True)
    if kind == "max":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=True)


class Stem(nn.Module):
    """Layers 1 and 2: images to features at stride 4."""

    def __init__(self, *, width: float) -> None:
        super().__init__()
        narrow, wide = scaled_channels(64, width), scaled_channels(STEM_CHANNELS, width)
        self.conv1 = ConvBlock(3, narrow, kernel=7, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2_reduce = ConvBlock(narrow, narrow, kernel=1)
        self.conv2 = ConvBlock(narrow, wide, kernel=3)
        self.out_channels = wide

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B,3,H,W) in 0..1 to (B,192 width,H/4,W/4); raises ValueError for sizes no multiple of 32."""
        require_multiple_of_32(images)
        features: Tensor = self.conv2(self.conv2_reduce(self.pool(self.conv1(images))))
        return features


class Trunk(nn.Module):
    """Layers 3 to 17 behind their first pooling: the ten inception blocks."""

    def __init__(self, in_channels: int, *, width: float, last_stride: Literal[1, 2] = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict()
        for name, plan in TRUNK_PLAN.items():
            block = InceptionBlock(in_channels, plan, width=width, keep_size=name == "4e" and last_stride == 1)
            self.blocks[name] = block
            in_channels = block.out_channels
            if name == SKIP_BLOCK:
                self.skip_channels = in_channels
        self.out_channels = in_channels

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B,in,H/8,W/8) to skip features at stride 16 and deep features at stride 32 (16 at last_stride 1)."""
        skip = features = pooled
        for name, block in self.blocks.items():
            features = block(features)
            if name == SKIP_BLOCK:
                skip = features
        return skip, features


class UpsampleBlock(nn.Module):
    """Transposed convolution that doubles the size, batch normalisation and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels, eps=1e-3)
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 / in_channels))
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B,in,H,W) to (B,out,2H,2W), all values >= 0."""
        return torch.relu_(self.norm(self.conv(inputs)))


class OutputLayer(nn.ConvTranspose2d):
    """The last layer: a transposed convolution with kernel 8, stride 4 and padding 2, written as a matrix product.

    Its outputs are those of nn.ConvTranspose2d up to rounding. On a CPU the product and the summing of overlapping
    patches, forward and backward, take about 0.6 of the time, and this layer is half of a training step.
    """

    def __init__(self, in_channels: int, out_channels: int, *, gain: float) -> None:
        super().__init__(in_channels, out_channels, kernel_size=8, stride=4, padding=2)
        taps_per_pixel = 4
        nn.init.normal_(self.weight, std=gain / math.sqrt(in_channels * taps_per_pixel))
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (B,in,H,W) to (B,out,4H,4W)."""
        _, channels, height, width = inputs.shape
        patches = inputs.permute(0, 2, 3, 1).reshape(-1, height * width, channels) @ self.weight.flatten(1)
        size = (FEATURE_STRIDE * height, FEATURE_STRIDE * width)
        maps = nn.functional.fold(patches.transpose(1, 2), size, kernel_size=8, padding=2, stride=FEATURE_STRIDE)
        return maps if self.bias is None else maps + self.bias[:, None, None]


class Decoder(nn.Module):
    """Layers 3 to 17 and the deconvolution block: maps at stride 4 from features at stride 4 (A.1, Figure 7).

    The last layer starts with zero bias and outputs of standard deviation near `output_gain`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, width: float, output_gain: float = 1.0) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.trunk = Trunk(in_channels, width=width)
        self.upsample = UpsampleBlock(self.trunk.out_channels, self.trunk.out_channels)
        channels = self.trunk.out_channels + self.trunk.skip_channels
        self.output: nn.Module = OutputLayer(channels, out_channels, gain=output_gain)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B,in,H/4,W/4) to raw maps (B,out,H/4,W/4)."""
        return self.decode_pooled(self.pool(features))

    def input_convolutions(self) -> list[nn.Conv2d]:
        """The convolutions that read the decoder's input channels; the poolings before them keep channels apart."""
        block = self.trunk.blocks["3a"]
        readers = (getattr(block, name) for name in ("point", "three_reduce", "double_reduce", "project"))
        return [reader.conv for reader in readers if isinstance(reader, ConvBlock)]

    def decode_pooled(self, pooled: Tensor) -> Tensor:
        """Map features that passed the first pooling (B,in,H/8,W/8) to raw maps (B,out,H/4,W/4)."""
        skip, deep = self.trunk(pooled)
        maps: Tensor = self.output(torch.cat([self.upsample(deep), skip], dim=1))
        return maps
