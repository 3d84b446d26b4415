"""The rivals of `bench_training.py` in PyTorch eager for R3GAN, StyleGAN2 and the autoencoder, with channels last."""

import math

import torch
from torch import nn
from torch.nn import functional as F

BINOMIAL = torch.tensor([1.0, 3.0, 3.0, 1.0])


def filtered(x, up=1, down=1, padding=(0, 0), gain=1.0):
    """Inserts zeros, filters by [1, 3, 3, 1], and keeps every `down`-th pixel, as `kerasgan.layers.upfirdn`."""
    batch, channels, height, width = x.shape
    if up > 1:
        x = F.pad(x[:, :, :, None, :, None], (0, up - 1, 0, 0, 0, up - 1))
        x = x.reshape(batch, channels, height * up, width * up)
    kernel = (torch.outer(BINOMIAL, BINOMIAL) * (gain / 64)).to(x.dtype).expand(channels, 1, 4, 4)
    return F.conv2d(F.pad(x, (*padding, *padding)), kernel, stride=down, groups=channels)


def averaged(network, average, decay=0.999):
    """Moves the weights of `average` towards those of `network`."""
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def copy_of(network):
    import copy

    return copy.deepcopy(network).requires_grad_(False)


# The autoencoder ----------------------------------------------------------------------------------------------------


def autoencoder(batch_size, side, autocast):
    """`Autoencoder(networks="conv", code=32)`."""
    size, channels = side
    small = size // 4
    network = nn.Sequential(
        nn.Conv2d(channels, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * small * small, 32),
        nn.Linear(32, 64 * small * small),
        nn.ReLU(),
        nn.Unflatten(1, (64, small, small)),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(32, channels, 3, 2, 1, output_padding=1),
        nn.Tanh(),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def step(images, number):
        with autocast():
            loss = (network(images).float() - images).square().sum((1, 2, 3)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


# R3GAN --------------------------------------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels // 16),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, channels, 1, bias=False),
        )

    def forward(self, x):
        return x + self.branch(x)


class Double(nn.Module):
    def forward(self, x):
        return filtered(x, up=2, padding=(2, 1), gain=4.0)


class Halve(nn.Module):
    def forward(self, x):
        return filtered(x, down=2, padding=(1, 1))


class Basis(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels, 4, 4))

    def forward(self, x):
        return x[:, :, None, None] * self.basis


def r3gan(batch_size, side, autocast):
    """`R3GAN(image_size=32, width=64)`: four stages of two blocks, and the penalties R1 and R2 in every step."""
    size, channels = side
    stages = int(math.log2(size)) - 1
    body = [nn.Linear(64, 64, bias=False), Basis(64)]
    for stage in range(stages):
        body += [Double()] if stage else []
        body += [Bottleneck(64), Bottleneck(64)]
    generator = nn.Sequential(*body, nn.Conv2d(64, channels, 1, bias=False)).to(memory_format=torch.channels_last)
    body = [nn.Conv2d(channels, 64, 1, bias=False)]
    for stage in range(stages):
        body += [Bottleneck(64), Bottleneck(64)]
        body += [Halve()] if stage < stages - 1 else []
    body += [nn.Conv2d(64, 64, 4, groups=64, bias=False), nn.Flatten(), nn.Linear(64, 1, bias=False)]
    discriminator = nn.Sequential(*body).to(memory_format=torch.channels_last)
    average = copy_of(generator)
    optimizers = [torch.optim.Adam(x.parameters(), 2e-4, (0.0, 0.99)) for x in (generator, discriminator)]

    def slope(logits, images):
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gradient.float().square().sum((1, 2, 3)).mean()

    def step(images, number):
        with autocast():
            fake = generator(torch.randn(batch_size, 64)).float()
            real, drawn = images.detach().requires_grad_(), fake.detach().requires_grad_()
            real_logits, fake_logits = discriminator(real).float(), discriminator(drawn).float()
        loss = F.softplus(fake_logits - real_logits).mean()
        loss = loss + 0.5 * (slope(real_logits, real) + slope(fake_logits, drawn))
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        with autocast():
            loss = F.softplus(discriminator(images).float() - discriminator(fake).float()).mean()
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)
        averaged(generator, average)

    return step


# StyleGAN2 ----------------------------------------------------------------------------------------------------------


class Equal(nn.Module):
    """A weight and a bias with an equalized learning rate."""

    def __init__(self, *shape, bias=True, start=0.0, rate=1.0, active=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) / rate)
        self.bias = nn.Parameter(torch.full(shape[:1], start / rate)) if bias else None
        self.scale, self.rate, self.active = rate / math.sqrt(math.prod(shape[1:])), rate, active

    def finish(self, x):
        if self.bias is not None:
            x = x + (self.bias * self.rate).to(x.dtype).view(-1, *[1] * (x.dim() - 2))
        return F.leaky_relu(x, 0.2) * math.sqrt(2) if self.active else x


class Dense(Equal):
    def forward(self, x):
        return self.finish(F.linear(x, self.weight * self.scale))


class Conv(Equal):
    def __init__(self, source, target, size=3, down=1, gain=1.0, **options):
        super().__init__(target, source, size, size, **options)
        self.down, self.gain, self.size = down, gain, size

    def forward(self, x):
        kernel, pad = self.weight * self.scale, self.size // 2
        if self.down == 1:
            return self.finish(F.conv2d(x, kernel, padding=pad)) * self.gain
        if self.size == 1:
            return self.finish(F.conv2d(filtered(x, down=2, padding=(1, 1)), kernel)) * self.gain
        x = filtered(x, padding=(pad + 1, pad + 1))
        return self.finish(F.conv2d(x, kernel, stride=2)) * self.gain


class Modulated(Equal):
    """Scales the inputs and the outputs, as the authors' code does in training."""

    def __init__(self, source, target, style_dim, size=3, up=1, plain=False):
        super().__init__(target, source, size, size, active=not plain)
        self.affine = Dense(source, style_dim, start=1.0, active=False)
        self.up, self.size, self.plain = up, size, plain
        self.strength = None if plain else nn.Parameter(torch.zeros(()))

    def forward(self, x, w):
        with torch.autocast("cpu", enabled=False):
            styles = self.affine(w.float())
            kernel = self.weight * self.scale
            factors = None if self.plain else (styles**2 @ kernel.square().sum((2, 3)).T + 1e-8).rsqrt()
        x = x * styles.to(x.dtype)[:, :, None, None]
        if self.up == 1:
            x = F.conv2d(x, kernel, padding=self.size // 2)
        else:
            x = F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2)
            x = filtered(x, padding=(1, 1), gain=4.0)
        if not self.plain:
            x = x * factors.to(x.dtype)[:, :, None, None]
            x = x + self.strength * torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype)
        return self.finish(x)


class Synthesis(nn.Module):
    def __init__(self, sizes, filters, style_dim, channels):
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, filters[0], 4, 4))
        pairs = list(zip(filters, filters[1:]))
        self.doubles = nn.ModuleList(Modulated(source, target, style_dim, up=2) for source, target in pairs)
        self.keeps = nn.ModuleList(Modulated(count, count, style_dim) for count in filters)
        self.shows = nn.ModuleList(Modulated(count, channels, style_dim, 1, plain=True) for count in filters)

    def forward(self, ws):
        x, picture = self.constant.expand(len(ws), -1, -1, -1), None
        for level, (keep, show) in enumerate(zip(self.keeps, self.shows)):
            if level:
                x = self.doubles[level - 1](x, ws[:, 2 * level - 1])
            x = keep(x, ws[:, 2 * level])
            shown = show(x, ws[:, 2 * level + 1]).float()
            picture = shown if picture is None else filtered(picture, up=2, padding=(2, 1), gain=4.0) + shown
        return picture


class Judge(nn.Module):
    def __init__(self, size, filters, channels):
        super().__init__()
        self.first, self.blocks = Conv(channels, filters[-1], 1), nn.ModuleList()
        for source, target in zip(filters[::-1], filters[-2::-1]):
            half = {"down": 2, "gain": 0.5**0.5}
            skip = Conv(source, target, 1, bias=False, active=False, **half)
            self.blocks.append(nn.ModuleList([Conv(source, source), Conv(source, target, **half), skip]))
        self.last = Conv(filters[0] + 1, filters[0])
        self.dense, self.logit = Dense(filters[0], filters[0] * 16), Dense(1, filters[0], active=False)

    def forward(self, x):
        x = self.first(x)
        for keep, halve, skip in self.blocks:
            x = halve(keep(x)) + skip(x)
        groups = x.float().reshape(4, -1, *x.shape[1:])
        spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat(4)
        x = torch.cat([x, spread[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)], 1)
        return self.logit(self.dense(self.last(x).flatten(1))).float()


def stylegan2(batch_size, side, autocast):
    """`StyleGAN2` with a mapping of two layers: R1 in every 16th step, path length in every fourth, style mixing."""
    size, channels = side
    style_dim, sizes = 256, [4 * 2**i for i in range(int(math.log2(size)) - 1)]
    filters = [min(256, 1024 // x) for x in sizes]
    mapping = nn.Sequential(*(Dense(style_dim, style_dim, rate=0.01) for _ in range(2)))
    synthesis = Synthesis(sizes, filters, style_dim, channels).to(memory_format=torch.channels_last)
    generator = nn.ModuleList([mapping, synthesis])
    discriminator = Judge(size, filters, channels).to(memory_format=torch.channels_last)
    average, layers = copy_of(generator), 2 * len(sizes)
    centre = torch.zeros(style_dim)
    options = [(generator, 4 / 5), (discriminator, 16 / 17)]
    optimizers = [torch.optim.Adam(x.parameters(), 0.002 * c, (0.0, 0.99**c)) for x, c in options]
    mean_length = torch.zeros(())

    def styles(count):
        z = torch.randn(2, count, style_dim)
        w, other = mapping((z * (z.square().mean(-1, keepdim=True) + 1e-8).rsqrt()).flatten(0, 1)).chunk(2)
        centre.lerp_(w.detach().mean(0), 0.002)
        cut = torch.where(torch.rand(count) < 0.9, torch.randint(1, layers, (count,)), layers)
        chosen = torch.arange(layers)[None, :, None] < cut[:, None, None]
        return torch.where(chosen, w[:, None], other[:, None])

    def path_length(count):
        ws = styles(count)
        with autocast():
            images = synthesis(ws)
        noise = torch.randn_like(images) / size
        (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
        lengths = gradient.float().square().sum(2).mean(1).sqrt()
        mean_length.lerp_(lengths.detach().mean(), 0.01)
        return 2.0 * (lengths - mean_length).square().mean()

    def step(images, number):
        ws = styles(batch_size)
        with autocast():
            fake = synthesis(ws)
            real = images.detach().requires_grad_(number % 16 == 0)
            real_logits = discriminator(real)
            loss = F.softplus(-real_logits).mean() + F.softplus(discriminator(fake.detach())).mean()
        if number % 16 == 0:
            (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            loss = loss + 16 * 0.05 * gradient.float().square().sum((1, 2, 3)).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        with autocast():
            loss = F.softplus(-discriminator(fake)).mean()
        if number % 4 == 0:
            loss = loss + 4 * path_length(batch_size // 2)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)
        averaged(generator, average)

    return step


STEPS = {"autoencoder28": autoencoder, "r3gan32": r3gan, "stylegan32": stylegan2}


def loop(case, batch_size, side, autocast):
    """Returns a function that trains so many steps, as `torch_rivals.loop`."""
    size, channels = side
    batches = [x.to(memory_format=torch.channels_last) for x in torch.rand(8, batch_size, channels, size, size) * 2 - 1]
    step = STEPS[case](batch_size, side, autocast)

    def train(steps):
        for number in range(steps):
            step(batches[number % 8], number)

    return train
