"""The re-identification network of Table 2's baseline (6.2), after "Bag of tricks", Luo et al. 2019."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.backbone import Stem, Trunk
from models.weight_files import fill_network, load_weights


class ReidNetwork(nn.Module):
    """Stem and trunk with last stride 1, global average pooling, BNNeck, and a classifier without bias."""

    def __init__(self, *, width: float = 1.0, embedding: int = 128, identities: int) -> None:
        super().__init__()
        self.architecture = {"width": width, "embedding": embedding, "identities": identities}
        self.stem = Stem(width=width)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.trunk = Trunk(self.stem.out_channels, width=width, last_stride=1)
        self.reduce = nn.Linear(self.trunk.out_channels, embedding)
        self.neck = nn.BatchNorm1d(embedding)
        self.classifier = nn.Linear(embedding, identities, bias=False)
        nn.init.kaiming_normal_(self.reduce.weight, nonlinearity="linear")
        nn.init.zeros_(self.reduce.bias)
        nn.init.normal_(self.classifier.weight, std=1e-3)
        # Without a shift in the neck the features stay centred at the origin, as the cosine assumes.
        self.neck.bias.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map person crops (B,3,H,W), RGB in 0..1, sizes multiples of 32, to the inputs of the two losses.

        Returns:
            (B,embedding) features before the neck, for the triplet loss, and (B,identities) logits after it.
        """
        features = self._features(images)
        return features, self.classifier(self.neck(features))

    def embed(self, images: Tensor) -> Tensor:
        """Map person crops (B,3,H,W) to features after the neck (B,embedding) of length 1, for cosines."""
        return F.normalize(self.neck(self._features(images)), dim=1)

    def _features(self, images: Tensor) -> Tensor:
        _, deep = self.trunk(self.pool(self.stem(images)))
        features: Tensor = self.reduce(torch.mean(deep, dim=(2, 3)))
        return features


def load_reid(path: str | Path) -> ReidNetwork:
    """Build the re-identification network of a weight file, in eval mode; raises WeightsError."""
    stored = load_weights(path, "reid")
    return fill_network(ReidNetwork(**stored.architecture), stored)
