"""The measured networks in PyTorch, layer for layer as `models/` describes them (torchvision's, and the lecture's)."""

from torch import nn
from torch.nn.functional import relu


def alexnet():
    features, channels = [], 3
    for out, kernel, stride, padding, pools in [
        (64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False), (256, 3, 1, 1, True),
    ]:
        features += [nn.Conv2d(channels, out, kernel, stride, padding), nn.ReLU()]
        features += [nn.MaxPool2d(3, 2)] if pools else []
        channels = out
    head = [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*features, nn.AdaptiveAvgPool2d(6), nn.Flatten(), *head, nn.Linear(4096, 1000))


def vgg16():
    features, channels = [], 3
    for out in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
        if out == 0:
            features.append(nn.MaxPool2d(2, 2))
        else:
            features += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
    head = [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*features, nn.AdaptiveAvgPool2d(7), nn.Flatten(), *head, nn.Linear(4096, 1000))


def conv(channels, out, kernel, stride=1, groups=1):
    padding = kernel // 2
    return [nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(out)]


class Residual(nn.Module):
    """A sum of a body and a shortcut; with `last`, a relu behind it."""

    def __init__(self, body, shortcut, last):
        super().__init__()
        self.body, self.shortcut, self.last = nn.Sequential(*body), nn.Sequential(*shortcut), last

    def forward(self, x):
        total = self.body(x) + self.shortcut(x)
        return relu(total) if self.last else total


def resnet(blocks, expansion):
    layers, channels = [*conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, repeats in enumerate(blocks):
        width = 64 << stage
        for block in range(repeats):
            stride = 2 if stage > 0 and block == 0 else 1
            out = width * expansion
            if expansion == 1:
                body = [*conv(channels, width, 3, stride), nn.ReLU(), *conv(width, out, 3)]
            else:
                body = [*conv(channels, width, 1), nn.ReLU(), *conv(width, width, 3, stride), nn.ReLU(), *conv(width, out, 1)]
            shortcut = conv(channels, out, 1, stride) if stride > 1 or channels != out else []
            layers.append(Residual(body, shortcut, True))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def mobilenet_v2():
    layers, channels = [*conv(3, 32, 3, 2), nn.ReLU6()], 32
    for expand, out, repeats, first in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]:
        for block in range(repeats):
            stride, hidden = first if block == 0 else 1, channels * expand
            body = [*conv(channels, hidden, 1), nn.ReLU6()] if expand > 1 else []
            body += [*conv(hidden, hidden, 3, stride, hidden), nn.ReLU6(), *conv(hidden, out, 1)]
            is_residual = stride == 1 and channels == out
            layers += [Residual(body, [], False)] if is_residual else body
            channels = out
    layers += [*conv(channels, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(1280, 1000))


def custom_cnn():
    body = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.25)]
    body += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.25)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(3136, 32), nn.ReLU(), nn.Linear(32, 10))


NETWORKS = {
    "alexnet_torchvision": (alexnet, (3, 224, 224)),
    "vgg16": (vgg16, (3, 224, 224)),
    "resnet18": (lambda: resnet([2, 2, 2, 2], 1), (3, 224, 224)),
    "resnet50": (lambda: resnet([3, 4, 6, 3], 4), (3, 224, 224)),
    "mobilenet_v2": (mobilenet_v2, (3, 224, 224)),
    "custom_cnn": (custom_cnn, (1, 28, 28)),
}
