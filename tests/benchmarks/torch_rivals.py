"""The rivals of `bench_training.py` in PyTorch eager: the same networks, with channels last."""

import os

import torch
import torch_newer
from torch import nn
from torch_newer import descend


def loop(case, batch_size, side, bfloat16, device="cpu", compiled=False):
    """Returns a function that trains so many steps.

    Args:
        case: name of the networks and their game.
        batch_size: int.
        side: the size and the channels of the images.
        bfloat16: bool, whether to multiply in it.
        device: "cpu" or "cuda".
        compiled: bool, whether `torch.compile` compiles the networks. It supports no second gradients.
    """
    torch.set_num_threads(os.cpu_count())
    torch.set_default_device(device)

    def autocast():
        return torch.autocast(device, torch.bfloat16, enabled=bfloat16)

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    if case in torch_newer.STEPS:
        return torch_newer.loop(case, batch_size, side, autocast, wait)
    makers = {"pix2pix256": pix2pix, "wgangp64": wgangp}
    networks, d_loss, g_loss, make = makers.get(case, dcgan)(*side)
    for network in networks:
        network.to(memory_format=torch.channels_last)
        if compiled:
            network.compile()
    rate, betas = (1e-4, (0.0, 0.9)) if case == "wgangp64" else (2e-4, (0.5, 0.999))
    g_optimizer, d_optimizer = (torch.optim.Adam(network.parameters(), rate, betas) for network in networks)
    size, channels = side
    shape = (8, 1 + (case == "pix2pix256"), batch_size, channels, size, size)
    batches = [[x.to(memory_format=torch.channels_last) for x in batch] for batch in torch.rand(shape) * 2 - 1]
    parts = 5 if case == "wgangp64" else 1

    def train(steps):
        for i in range(steps):
            for part, batch in enumerate(zip(*(x.chunk(parts) for x in batches[i % 8])), 1):
                with autocast():
                    with torch.set_grad_enabled(part == parts):  # G learns from the last samples of the step
                        fake = make(*batch)
                    loss = d_loss(fake.detach(), *batch)
                descend(d_optimizer, loss)
            networks[1].requires_grad_(False)  # its gradients are not wanted
            with autocast():
                loss = g_loss(fake, *batch)
            descend(g_optimizer, loss)
            networks[1].requires_grad_(True)
        wait()

    return train


def pyramids(size, channels, width, norm, latent_dim=100, bias=True):
    """DCGAN's networks; the discriminator's normalisation, and whether its output has a bias, are given."""
    base, depth = (7, 2) if size == 28 else (4, 4)
    counts = [width * 2**level for level in range(depth)]

    def up(source, target):
        return nn.ConvTranspose2d(source, target, 5, 2, 2, output_padding=1, bias=target == channels)

    body = [nn.Linear(latent_dim, base * base * counts[-1], bias=False), nn.Unflatten(1, (counts[-1], base, base))]
    body += [nn.BatchNorm2d(counts[-1]), nn.ReLU()]
    for source, target in zip(counts[::-1], counts[-2::-1]):
        body += [up(source, target), nn.BatchNorm2d(target), nn.ReLU()]
    generator = nn.Sequential(*body, up(counts[0], channels), nn.Tanh())
    body = []
    for level, (source, target) in enumerate(zip([channels, *counts], counts)):
        body += [nn.Conv2d(source, target, 5, 2, 2, bias=level == 0)]
        body += [norm(target)] if level else []
        body += [nn.LeakyReLU(0.2)]
    return generator, nn.Sequential(*body, nn.Flatten(), nn.Linear(base * base * counts[-1], 1, bias=bias))


def cross_entropy(logits, real):
    target = torch.full_like(logits, float(real))
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


def dcgan(size, channels):
    generator, discriminator = pyramids(size, channels, 64, nn.BatchNorm2d)

    def d_loss(fake, real):
        return cross_entropy(discriminator(real), True) + cross_entropy(discriminator(fake), False)

    def g_loss(fake, real):
        return cross_entropy(discriminator(fake), True)

    return (generator, discriminator), d_loss, g_loss, lambda real: generator(torch.randn(len(real), 100))


def wgangp(size, channels):
    generator, critic = pyramids(size, channels, 32, lambda count: nn.GroupNorm(1, count), 128, bias=False)

    def d_loss(fake, real):
        mix = (real + torch.rand(len(real), 1, 1, 1) * (fake - real)).requires_grad_()
        slope = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)[0].flatten(1).norm(dim=1)
        return critic(fake).mean() - critic(real).mean() + 10 * ((slope - 1) ** 2).mean()

    def g_loss(fake, real):
        return -critic(fake).mean()

    return (generator, critic), d_loss, g_loss, lambda real: generator(torch.randn(len(real), 128))


def pix2pix(size, channels):
    counts = [64, 128, 256, 512, 512, 512, 512, 512]

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.ModuleList(), nn.ModuleList()
            for level, (source, target) in enumerate(zip([3, *counts], counts)):
                # PyTorch refuses to normalise the one value a channel of the innermost level.
                norm = nn.BatchNorm2d(target) if 0 < level < 7 else nn.Identity()
                self.down.append(nn.Sequential(nn.Conv2d(source, target, 4, 2, 1, bias=False), norm, nn.LeakyReLU(0.2)))
            source = counts[-1]
            for i, target in enumerate(counts[-2::-1]):
                body = [nn.ConvTranspose2d(source, target, 4, 2, 1, bias=False), nn.BatchNorm2d(target)]
                self.up.append(nn.Sequential(*body, *[nn.Dropout(0.5)] * (i < 3), nn.ReLU()))
                source = 2 * target
            self.last = nn.ConvTranspose2d(source, 3, 4, 2, 1)

        def forward(self, x):
            skips = []
            for layer in self.down:
                x = layer(x)
                skips.append(x)
            for layer, skip in zip(self.up, skips[-2::-1]):
                x = torch.cat([layer(x), skip], dim=1)
            return torch.tanh(self.last(x))

    body = [nn.Conv2d(6, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for source, target, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        body += [nn.Conv2d(source, target, 4, stride, 1, bias=False), nn.BatchNorm2d(target), nn.LeakyReLU(0.2)]
    generator, judge = UNet(), nn.Sequential(*body, nn.Conv2d(512, 1, 4, 1, 1))

    def discriminator(source, target):
        return judge(torch.cat([source, target], dim=1))

    def d_loss(fake, source, target):
        real = cross_entropy(discriminator(source, target), True)
        return (real + cross_entropy(discriminator(source, fake), False)) / 2

    def g_loss(fake, source, target):
        return cross_entropy(discriminator(source, fake), True) + 100 * (fake - target).abs().mean()

    return (generator, judge), d_loss, g_loss, lambda source, target: generator(source)
