"""Export of models to SavedModel, ONNX and LiteRT."""

from kerasgan import export


class Exports:
    """Mixin for `export`, which writes the endpoints in `serving_functions`."""

    def export(self, filepath, format=None, version=None, endpoint=None, batch_size=None):
        """Exports the sampling network, with averaged weights if there are any, to SavedModel, ONNX or LiteRT.

        - `"saved_model"`, for model servers: `serving_default`, from the generator's named inputs (`latents`, ...) to
          `images`, and `generate`, from `num_images` and `seed` to the same images as `generate` of this class.
        - `"onnx"`, for ONNX Runtime and browsers (needs the extra `kerasgan[export]`), and `"litert"`, for phones: one
          endpoint per file. These formats do not have TensorFlow's random numbers, so latents and noise are inputs. In
          ONNX, names are unique, so the output of a network from `images` to images is `output_images`. The output of
          classifiers is `logits` or `probabilities`.

        Args:
            filepath: str. For a SavedModel, the model's folder. The model is written to `filepath/<version>`, as model
                servers expect. For other formats, a file that ends in `.onnx` or `.tflite`. Files are written
                atomically.
            format: `"saved_model"`, `"onnx"` or `"litert"`. Defaults to that of the ending of `filepath`: `.onnx`,
                `.tflite`, or none of them for a SavedModel.
            version: int of at least 1, of a SavedModel. Defaults to one more than the highest there, or 1.
            endpoint: str, for ONNX and LiteRT: a name in `serving_functions()`. Defaults to `"serving_default"`.
            batch_size: int, for ONNX and LiteRT: a fixed number of images. Defaults to any number.

        Returns:
            The path of the export.

        Raises:
            ValueError: if the version exists, an argument does not go with the format, or a mixed-precision model is to
                become ONNX or LiteRT.
        """
        return export.export(self, filepath, format, version, endpoint, batch_size)
