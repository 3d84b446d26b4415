"""The label maps of `kerasgan translate`: single images, or a film."""

from kerasgan_cli.common import refuse_out, refuse_replacing


def paint_maps(kerasgan, model, paths, instances, style, out):
    """Returns the files of label maps, and the image of a Pix2PixHD for each. `out` must be able to hold them.

    A folder may have the sub-folders `labels` and `instances`, as for training.
    """
    paths = list(paths)
    if len(paths) == 1 and (paths[0] / "labels").is_dir():
        instances = instances or (paths[0] / "instances" if (paths[0] / "instances").is_dir() else None)
        paths = [paths[0] / "labels"]
    if instances and not model.instances:
        raise ValueError(f"--instances needs a model with instances. Received: {str(instances)!r} for a model without")
    if style is not None and not model.style_dim:
        raise ValueError(f"--style needs a model with styles. Received: {style} for a model without")
    if style is not None and not 0 <= style < model.num_styles:
        raise ValueError(f"--style must be from 0 to {model.num_styles - 1}. Received: {style}")
    read = kerasgan.data.read_label_maps(paths, model.num_classes)
    found = kerasgan.data.read_label_maps(instances) if instances else []
    refuse_out(kerasgan, out, read, found)
    numbers = _instances(read, paths, found, instances) if model.instances else [None] * len(read)
    options = {"style": style, "seed": 0} if model.style_dim else {}
    painted = [
        model.translate(labels[None], None if own is None else own[None], **options)[0]
        for (_, labels), own in zip(read, numbers)
    ]
    return read, painted


def _instances(read, paths, found, path):
    """Returns the instance map of each label map: that of its name `found` at `path`, or by default its classes."""
    if path is None:
        return [labels for _, labels in read]
    if len(read) == len(found) == 1:
        pairs = [(*read[0], *found[0])]
    else:
        named, partners = _by_name(read, paths), _by_name(found, [path])
        missing = [file for name, (file, _) in named.items() if name not in partners]
        if missing:
            raise ValueError(
                f"--instances must have a map for each label map. {path} has no map for {missing[0].name}. Received: "
                f"the label map {missing[0]}. Remedy: the same sub-folder and name for both"
            )
        pairs = [(*named[name], *partners[name]) for name in named]
    for file, labels, other, numbers in pairs:
        if numbers.shape != labels.shape:
            raise ValueError(
                f"{other} must have the size of {file}, {_size(labels)} (height x width). Received: {_size(numbers)}"
            )
    return [numbers for *_, numbers in pairs]


def _by_name(read, paths):
    """Returns the maps by name: a file's path in the given folder that holds it, without the ending."""
    named = {}
    for file, content in read:
        folder = next((path for path in paths if path.is_dir() and file.is_relative_to(path)), file.parent)
        name = file.relative_to(folder).with_suffix("")
        if name in named:
            raise ValueError(
                f"With --instances, each map must have its own name. Received: {named[name][0]} and {file}, both named "
                f"{name}. Remedy: give only the folder that holds them both, or rename one"
            )
        named[name] = file, content
    return named


def paint_film(kerasgan, model, paths, first, out):
    """Returns the files of a film's label maps, and the frames of a Vid2Vid. The given frames come first.

    `out` must be able to hold them.
    """
    import numpy as np

    read = kerasgan.data.read_label_maps(list(paths), model.num_classes)
    frames = kerasgan.data.read_images(_first_two(first), channels=model.channels)
    if out.suffix.lower() in kerasgan.plots.films.FORMATS:
        kerasgan.plots.films.refuse_path(out)
        refuse_replacing([out], [*read, *frames])
    else:
        refuse_out(kerasgan, out, read, frames)
    (start, labels), multiple = read[0], model.multiple
    for file, other in (*read, *frames):
        if other.shape[:2] != labels.shape:
            raise ValueError(
                f"Maps and first frames must have one size. {start} has {_size(labels)} (height x width), but {file} "
                f"has {_size(other)}"
            )
    if any(side % multiple for side in labels.shape):
        raise ValueError(f"Both sides of maps must be multiples of {multiple}. {start} has {_size(labels)}")
    if len(read) <= len(frames):
        raise ValueError(f"IMAGES must be a film of at least {len(frames) + 1} label maps. Received: {len(read)}")
    films = np.stack([labels for _, labels in read])[None], np.stack([frame for _, frame in frames])[None]
    return read, list(model.translate_video(*films)[0])


def _first_two(paths):
    """Returns the two files of `--first`: two given files, or the first two of a folder."""
    from kerasgan.data import _files

    files = _files.in_order(_files.image_files(paths[0])) if len(paths) == 1 and paths[0].is_dir() else list(paths)
    if len(files) < 2 or (len(files) > 2 and len(paths) > 1):
        raise ValueError(
            "--first must be the first two frames of the film: two files (--first twice) or a folder. "
            f"Received: {', '.join(map(str, paths)) or 'nothing'}"
        )
    return files[:2]


def _size(array):
    return f"{array.shape[0]}x{array.shape[1]}"
