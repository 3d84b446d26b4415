"""The rivals of `bench_training.py` in PyTorch eager for the newer models, with channels last.

The networks have as many weights as those of kerasgan.
"""

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
    kernel = (torch.outer(BINOMIAL, BINOMIAL) * (gain / 64)).to(x).expand(channels, 1, 4, 4)
    return F.conv2d(F.pad(x, (*padding, *padding)), kernel, stride=down, groups=channels)


def averaged(network, average, decay=0.999):
    """Moves the weights of `average` towards those of `network`."""
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def descend(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


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
        descend(optimizer, loss)

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
    """`R3GAN(width=64)` at 32 pixels, `R3GAN(width=256, wide_until=64)` at 64: R1 and R2 in every step."""
    size, channels = side
    width, stages = 64 if size < 64 else 256, int(math.log2(size)) - 1
    body = [nn.Linear(64, width, bias=False), Basis(width)]
    for stage in range(stages):
        body += [Double()] if stage else []
        body += [Bottleneck(width), Bottleneck(width)]
    generator = nn.Sequential(*body, nn.Conv2d(width, channels, 1, bias=False)).to(memory_format=torch.channels_last)
    body = [nn.Conv2d(channels, width, 1, bias=False)]
    for stage in range(stages):
        body += [Bottleneck(width), Bottleneck(width)]
        body += [Halve()] if stage < stages - 1 else []
    body += [nn.Conv2d(width, width, 4, groups=width, bias=False), nn.Flatten(), nn.Linear(width, 1, bias=False)]
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
        descend(optimizers[1], loss)
        discriminator.requires_grad_(False)
        with autocast():
            loss = F.softplus(discriminator(images).float() - discriminator(fake).float()).mean()
        descend(optimizers[0], loss)
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
        with torch.autocast(x.device.type, enabled=False):
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
            x = x + self.strength * torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype, device=x.device)
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
    """`StyleGAN2`: R1 in every 16th step, path length in every fourth, style mixing.

    32 pixels: a mapping of two layers and `channel_base=1024`; 256: of eight and 16384, as in the authors' "paper256".
    """
    size, channels = side
    style_dim, depth, base = (256, 2, 1024) if size < 256 else (512, 8, 16384)
    sizes = [4 * 2**i for i in range(int(math.log2(size)) - 1)]
    filters = [min(style_dim, base // x) for x in sizes]
    mapping = nn.Sequential(*(Dense(style_dim, style_dim, rate=0.01) for _ in range(depth)))
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
        descend(optimizers[1], loss)
        discriminator.requires_grad_(False)
        with autocast():
            loss = F.softplus(-discriminator(fake)).mean()
        if number % 4 == 0:
            loss = loss + 4 * path_length(batch_size // 2)
        descend(optimizers[0], loss)
        discriminator.requires_grad_(True)
        averaged(generator, average)

    return step


# ProjectedGAN -------------------------------------------------------------------------------------------------------


def spectral(layer):
    return nn.utils.parametrizations.spectral_norm(layer)


class Noisy(nn.Module):
    """Noise with a learned strength, batch normalization and a gated linear unit."""

    def __init__(self, channels):
        super().__init__()
        self.strength, self.norm = nn.Parameter(torch.zeros(())), nn.BatchNorm2d(2 * channels)

    def forward(self, x):
        x = x + self.strength * torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype, device=x.device)
        return F.glu(self.norm(x), 1)


class FastGAN(nn.Module):
    """The generator of 64 pixels: the map of 4 pixels gates that of 64."""

    def __init__(self, width, channels):
        super().__init__()
        filters = [16 * width, 8 * width, 4 * width, 2 * width, 2 * width]
        self.first = spectral(nn.ConvTranspose2d(256, 2 * filters[0], 4, bias=False))
        self.norm, self.stages = nn.BatchNorm2d(2 * filters[0]), nn.ModuleList()
        for source, target in zip(filters, filters[1:]):
            body = [nn.Upsample(scale_factor=2)]
            for count in (source, target):
                body += [spectral(nn.Conv2d(count, 2 * target, 3, padding=1, bias=False)), Noisy(target)]
            self.stages.append(nn.Sequential(*body))
        gates = [spectral(nn.Conv2d(filters[0], filters[-1], 4, bias=False)), nn.SiLU()]
        self.gates = nn.Sequential(*gates, spectral(nn.Conv2d(filters[-1], filters[-1], 1, bias=False)), nn.Sigmoid())
        self.last = spectral(nn.Conv2d(filters[-1], channels, 3, padding=1))

    def forward(self, z):
        z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        x = first = F.glu(self.norm(self.first(z[:, :, None, None])), 1)
        for stage in self.stages:
            x = stage(x)
        return self.last(x * self.gates(first))


class MobileBlock(nn.Module):
    def __init__(self, source, target, kernel, stride, expansion):
        super().__init__()
        wide, body = source * expansion, []
        if expansion > 1:
            body += [nn.Conv2d(source, wide, 1, bias=False), nn.BatchNorm2d(wide, eps=1e-3), nn.ReLU6()]
        body += [nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)]
        body += [nn.BatchNorm2d(wide, eps=1e-3), nn.ReLU6()]
        self.body = nn.Sequential(*body, nn.Conv2d(wide, target, 1, bias=False), nn.BatchNorm2d(target, eps=1e-3))
        self.residual = stride == 1 and source == target

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class Features(nn.Module):
    """EfficientNet-Lite0 up to its map of a 32nd of the sides, frozen, with random weights."""

    STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3))
    STAGES += ((5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
    ENDS = (1, 2, 4, 6)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32, eps=1e-3), nn.ReLU6())
        self.stages, source = nn.ModuleList(), 32
        for kernel, stride, expansion, target, repeats in self.STAGES:
            blocks = []
            for number in range(repeats):
                blocks.append(MobileBlock(source, target, kernel, 1 if number else stride, expansion))
                source = target
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, x):
        maps, x = [], self.stem(F.interpolate(x, (128, 128), mode="bilinear"))
        for number, stage in enumerate(self.stages):
            x = stage(x)
            maps += [x] if number in self.ENDS else []
        return maps


class Projections(nn.Module):
    def __init__(self):
        super().__init__()
        self.across = nn.ModuleList(nn.Conv2d(n, 64 * 2**i, 1) for i, n in enumerate((24, 40, 112, 320)))
        self.along = nn.ModuleList(nn.Conv2d(64 * 2**i, 64 * 2 ** max(i - 1, 0), 1) for i in range(4))

    def forward(self, maps):
        mixed, below = [], None
        for level in reversed(range(4)):
            x = self.across[level](maps[level])
            x = self.along[level](x if below is None else x + below)
            below = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            mixed.append(below)
        return mixed[::-1]


def projected(batch_size, side, autocast):
    """`ProjectedGAN(image_size=64, width=32, feature_size=128)`, with DiffAugment. The frozen network is in float32."""
    generator = FastGAN(32, side[1]).to(memory_format=torch.channels_last)
    eyes = nn.Sequential(Features(), Projections()).requires_grad_(False).eval().to(memory_format=torch.channels_last)
    judges = nn.ModuleList()
    for level, source in enumerate((64, 64, 128, 256)):
        body = []
        for left in reversed(range(4 - level)):
            target = 64 * 2 ** max(3 - left, 0)
            body += [spectral(nn.Conv2d(source, target, 4, 2, 1, bias=False)), nn.BatchNorm2d(target)]
            body += [nn.LeakyReLU(0.2)]
            source = target
        judges.append(nn.Sequential(*body, spectral(nn.Conv2d(source, 1, 4, bias=False)), nn.Flatten()))
    judges.to(memory_format=torch.channels_last)
    average = copy_of(generator)
    optimizers = [torch.optim.Adam(x.parameters(), 2e-4, (0.0, 0.99)) for x in (generator, judges)]

    def augmented(x):
        draws = torch.rand(5, len(x), 1, 1, 1)
        x = x + draws[0] - 0.5
        mean = x.mean(1, keepdim=True)
        x = (x - mean) * (2 * draws[1]) + mean
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * (draws[2] + 0.5) + mean
        size = x.shape[-1]
        rows, columns = ((draws[3:].view(2, -1, 1) * 17).long() + torch.arange(size)).unbind()
        x = F.pad(x, (8, 8, 8, 8))
        x = x[torch.arange(len(x))[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        corner = (torch.rand(2, len(x), 1) * (size + 1)).long() - size // 4
        places = torch.arange(size)
        inside = [(places >= c) & (places < c + size // 2) for c in corner]
        return x * ~(inside[0][:, :, None] & inside[1][:, None, :])[:, None]

    def judged(x):
        with torch.autocast(x.device.type, enabled=False):
            maps = eyes(augmented(x.float()))
        return torch.cat([judge(x) for judge, x in zip(judges, maps)], 1).float()

    def step(images, number):
        with autocast():
            fake = generator(torch.randn(batch_size, 256))
            loss = F.relu(1 - judged(images)).mean() + F.relu(1 + judged(fake.detach())).mean()
        descend(optimizers[1], loss)
        judges.requires_grad_(False)
        with autocast():
            loss = -judged(fake).mean()
        descend(optimizers[0], loss)
        judges.requires_grad_(True)
        averaged(generator, average)

    return step


# BigGAN -------------------------------------------------------------------------------------------------------------


class ClassNorm(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gains, self.shifts = (nn.Embedding(classes, channels) for _ in range(2))

    def forward(self, x, labels):
        return self.norm(x) * (1 + self.gains(labels)[:, :, None, None]) + self.shifts(labels)[:, :, None, None]


class BigGenerator(nn.Module):
    """The authors' generator for CIFAR: one width, and gains of each class."""

    def __init__(self, width, channels, classes):
        super().__init__()
        self.first, self.width = spectral(nn.Linear(128, 16 * width)), width
        self.norms = nn.ModuleList(ClassNorm(width, classes) for _ in range(6))
        self.wide = nn.ModuleList(spectral(nn.Conv2d(width, width, 3, padding=1)) for _ in range(6))
        self.skips = nn.ModuleList(spectral(nn.Conv2d(width, width, 1)) for _ in range(3))
        self.norm, self.last = nn.BatchNorm2d(width), spectral(nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, z, labels):
        x = self.first(z).view(-1, self.width, 4, 4).contiguous(memory_format=torch.channels_last)
        for block in range(3):
            y = F.interpolate(F.relu(self.norms[2 * block](x, labels)), scale_factor=2)
            y = self.wide[2 * block](y)
            y = self.wide[2 * block + 1](F.relu(self.norms[2 * block + 1](y, labels)))
            x = F.interpolate(self.skips[block](x), scale_factor=2) + y
        return torch.tanh(self.last(F.relu(self.norm(x))))


class BigJudge(nn.Module):
    def __init__(self, width, channels, classes):
        super().__init__()
        sources = [channels] + [width] * 7
        self.wide = nn.ModuleList(spectral(nn.Conv2d(source, width, 3, padding=1)) for source in sources)
        self.skips = nn.ModuleList(spectral(nn.Conv2d(source, width, 1)) for source in (channels, width))
        self.logit, self.embedding = spectral(nn.Linear(width, 1)), spectral(nn.Embedding(classes, width))

    def forward(self, x, labels):
        for block in range(4):
            y = self.wide[2 * block](F.relu(x) if block else x)
            y = self.wide[2 * block + 1](F.relu(y))
            if block < 2:
                x, y = self.skips[block](F.avg_pool2d(x, 2)), F.avg_pool2d(y, 2)
            x = x + y
        x = F.relu(x).sum((2, 3))
        return (self.logit(x) + (self.embedding(labels) * x).sum(1, keepdim=True)).float()


def biggan(batch_size, side, autocast):
    """The authors' networks for CIFAR-10, with one update of D per step."""
    generator = BigGenerator(256, side[1], 10).to(memory_format=torch.channels_last)
    judge = BigJudge(256, side[1], 10).to(memory_format=torch.channels_last)
    average = copy_of(generator)
    optimizers = [torch.optim.Adam(x.parameters(), 2e-4, (0.0, 0.999)) for x in (generator, judge)]

    def step(images, number):
        labels = torch.randint(10, (batch_size,))
        with autocast():
            fake = generator(torch.randn(batch_size, 128), labels)
            loss = F.relu(1 - judge(images, labels)).mean() + F.relu(1 + judge(fake.detach(), labels)).mean()
        descend(optimizers[1], loss)
        judge.requires_grad_(False)
        with autocast():
            loss = -judge(fake, labels).mean()
        descend(optimizers[0], loss)
        judge.requires_grad_(True)
        averaged(generator, average)

    return step


# Pix2PixHD ----------------------------------------------------------------------------------------------------------


def normalized(*layers):
    """A convolution without a bias, then an instance normalization with shifts only."""
    return nn.Sequential(*layers, InstanceNorm(layers[-1].out_channels))


class InstanceNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.instance_norm(x) + self.shift[:, None, None]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        first, last = (normalized(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False)) for _ in range(2))
        self.body = nn.Sequential(first, nn.ReLU(), last)

    def forward(self, x):
        return x + self.body(x)


class Patches(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2))]
        for source, target, stride in ((width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 8 * width, 1)):
            convolution = normalized(nn.Conv2d(source, target, 4, stride, 1, bias=False))
            layers.append(nn.Sequential(convolution, nn.LeakyReLU(0.2)))
        self.layers, self.last = nn.ModuleList(layers), nn.Conv2d(8 * width, 1, 4, padding=1)

    def forward(self, x):
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return self.last(x).float(), features


def pix2pixhd(batch_size, side, autocast):
    """`Pix2PixHD` without enhancer and instances: 12 classes, a width of 32, three halvings, six blocks, two scales."""
    classes, width = 12, 32
    body = [normalized(nn.ReflectionPad2d(3), nn.Conv2d(classes, width, 7, bias=False)), nn.ReLU()]
    for level in range(3):
        source = width * 2**level
        body += [normalized(nn.Conv2d(source, 2 * source, 3, 2, 1, bias=False)), nn.ReLU()]
    body += [Residual(8 * width) for _ in range(6)]
    for level in reversed(range(3)):
        target = width * 2**level
        body += [nn.ConvTranspose2d(2 * target, target, 3, 2, 1, output_padding=1, bias=False), InstanceNorm(target)]
        body += [nn.ReLU()]
    generator = nn.Sequential(*body, nn.ReflectionPad2d(3), nn.Conv2d(width, side[1], 7), nn.Tanh())
    judges = nn.ModuleList(Patches(side[1] + classes, width) for _ in range(2))
    for network in (generator, judges):
        network.to(memory_format=torch.channels_last)
    optimizers = [torch.optim.Adam(x.parameters(), 2e-4, (0.5, 0.999)) for x in (generator, judges)]

    def judged(known, images):
        x = torch.cat([known, images], 1)
        return [judges[0](x), judges[1](F.avg_pool2d(x, 2))]

    def square(found, target):
        return sum((logits - target).square().mean() for logits, _ in found)

    def step(images, number):
        size = side[0]
        known = F.one_hot(torch.randint(classes, (batch_size, size, size)), classes).permute(0, 3, 1, 2).float()
        known = known.to(memory_format=torch.channels_last)
        with autocast():
            fake = generator(known).float()
            loss = (square(judged(known, images), 1.0) + square(judged(known, fake.detach()), 0.0)) / 2
        descend(optimizers[1], loss)
        judges.requires_grad_(False)
        with autocast():
            of_fake = judged(known, fake)
            with torch.no_grad():
                of_real = judged(known, images)
            pairs = [zip(f, r) for (_, f), (_, r) in zip(of_fake, of_real)]
            matching = sum((f.float() - r.float()).abs().mean() for pair in pairs for f, r in pair) / 2
            loss = square(of_fake, 1.0) + 10 * matching
        descend(optimizers[0], loss)
        judges.requires_grad_(True)

    return step


STEPS = {
    "autoencoder28": autoencoder,
    "biggan32": biggan,
    "pix2pixhd128": pix2pixhd,
    "projected64": projected,
    "r3gan32": r3gan,
    "r3gan64": r3gan,
    "stylegan32": stylegan2,
    "stylegan256": stylegan2,
}


def loop(case, batch_size, side, autocast, wait):
    """Returns a function that trains so many steps, as `torch_rivals.loop`."""
    size, channels = side
    batches = [x.to(memory_format=torch.channels_last) for x in torch.rand(8, batch_size, channels, size, size) * 2 - 1]
    step = STEPS[case](batch_size, side, autocast)

    def train(steps):
        for number in range(steps):
            step(batches[number % 8], number)
        wait()

    return train
