"""The label maps of `kerasgan translate`: single images, or a film."""

FILMS = (".gif", ".webp", ".mp4")


def paint_maps(kerasgan, model, paths, instances, style):
    """Returns the files of label maps, and the image of a Pix2PixHD for each.

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
    numbers = _instances(kerasgan, read, instances) if model.instances else [None] * len(read)
    options = {"style": style, "seed": 0} if model.style_dim else {}
    painted = [
        model.translate(labels[None], None if own is None else own[None], **options)[0]
        for (_, labels), own in zip(read, numbers)
    ]
    return read, painted


def _instances(kerasgan, read, path):
    """Returns the instance map of each label map: the file with its name, or by default its classes."""
    if path is None:
        return [labels for _, labels in read]
    found = {file.stem: (file, numbers) for file, numbers in kerasgan.data.read_label_maps(path)}
    if len(read) == len(found) == 1:
        found = {read[0][0].stem: next(iter(found.values()))}
    chosen = []
    for file, labels in read:
        if file.stem not in found:
            raise ValueError(f"--instances must have a map for each label map. {path} has no map for {file.name}")
        other, numbers = found[file.stem]
        if numbers.shape != labels.shape:
            raise ValueError(
                f"{other} must have the size of {file}, {_size(labels)} (height x width). Received: {_size(numbers)}"
            )
        chosen.append(numbers)
    return chosen


def paint_film(kerasgan, model, paths, first):
    """Returns the files of a film's label maps, and the frames of a Vid2Vid. The given frames come first."""
    import numpy as np

    read = kerasgan.data.read_label_maps(list(paths), model.num_classes)
    frames = kerasgan.data.read_images(_first_two(first), channels=model.channels)
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
