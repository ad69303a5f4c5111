import torch

from models.networks.reid import ReidNetwork


def network() -> ReidNetwork:
    torch.manual_seed(0)
    return ReidNetwork(width=0.125, embedding=16, identities=5)


def test_training_sees_features_before_the_neck_and_logits_behind_it() -> None:
    features, logits = network()(torch.rand(4, 3, 64, 32))
    assert tuple(features.shape) == (4, 16)
    assert tuple(logits.shape) == (4, 5)


def test_embeddings_have_length_one_and_come_from_behind_the_neck() -> None:
    reid = network().eval()
    images = torch.rand(4, 3, 64, 32)
    embeddings = reid.embed(images)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))
    torch.nn.init.uniform_(reid.neck.weight, 0.5, 2.0)
    assert not torch.allclose(reid.embed(images), embeddings)


def test_the_last_stride_is_one() -> None:
    reid = network().eval()
    _, deep = reid.trunk(reid.pool(reid.stem(torch.rand(1, 3, 64, 32))))
    assert tuple(deep.shape[2:]) == (4, 2), "stride 16, not 32"


def test_the_neck_has_no_shift_and_the_classifier_no_bias() -> None:
    reid = network()
    assert not reid.neck.bias.requires_grad
    assert reid.classifier.bias is None


def test_gradients_reach_every_trained_parameter() -> None:
    reid = network()
    features, logits = reid(torch.rand(4, 3, 64, 64))
    (features.square().mean() + logits.square().mean()).backward()
    assert not [name for name, each in reid.named_parameters() if each.requires_grad and each.grad is None]
