"""Data sets of images: built in, by name, or from folders."""

from kerasgan.data import chairs, glyphs, moving_glyphs, turntable
from kerasgan.data._pipeline import zip_unpaired
from kerasgan.data.arrays import from_arrays
from kerasgan.data.captioned import captioned_folder
from kerasgan.data.catalog import load
from kerasgan.data.checks import check_images, check_label_maps, check_labels, check_vectors
from kerasgan.data.enlarging import super_resolution
from kerasgan.data.folders import image_folder, paired_folder, paired_folders, unpaired_folders
from kerasgan.data.label_maps import label_folder, read_label_maps
from kerasgan.data.layouts import Layout, captions_of, find_layout, load_for
from kerasgan.data.pictures import read_images
from kerasgan.data.preparing import prepare
from kerasgan.data.resize import bicubic_resize
from kerasgan.data.turntable import turntable_folder, view_vectors
from kerasgan.data.videos import video_folders

__all__ = [
    "Layout",
    "find_layout",
    "from_arrays",
    "bicubic_resize",
    "captioned_folder",
    "captions_of",
    "chairs",
    "check_images",
    "check_label_maps",
    "check_labels",
    "check_vectors",
    "glyphs",
    "image_folder",
    "label_folder",
    "load",
    "load_for",
    "moving_glyphs",
    "paired_folder",
    "paired_folders",
    "prepare",
    "read_images",
    "read_label_maps",
    "super_resolution",
    "turntable",
    "turntable_folder",
    "unpaired_folders",
    "video_folders",
    "view_vectors",
    "zip_unpaired",
]
