"""Shapes of the public layout's larger relatives, stage by stage."""

from models.wav2lip.layout import Shape

# Channels, kernel and number of convolutions of each stage of the face encoder; a stage of a valid
# convolution and a 1x1 has 0.
STAGES: dict[int, tuple[tuple[int, int, int], ...]] = {
    192: (
        *((16, 7, 1), (32, 3, 3), (64, 3, 4), (128, 3, 3), (256, 3, 3), (512, 3, 2)),
        *((512, 3, 2), (512, 3, 0)),
    ),
    256: (
        *((16, 7, 1), (32, 3, 3), (64, 3, 4), (128, 3, 3), (256, 3, 3), (512, 3, 2)),
        *((512, 3, 2), (512, 4, 0)),
    ),
    288: (
        *((16, 7, 1), (32, 5, 2), (32, 3, 3), (64, 3, 4), (128, 3, 3), (256, 3, 3)),
        *((512, 3, 2), (512, 3, 0), (512, 3, 0)),
    ),
    384: (
        *((8, 7, 1), (16, 3, 3), (32, 3, 3), (64, 3, 4), (128, 3, 3), (256, 3, 3)),
        *((512, 3, 3), (512, 3, 2), (512, 3, 0)),
    ),
}
SIZES = tuple(STAGES)
FACE_SIZES = {
    192: (192, 96, 48, 24, 12, 6, 3, 1),
    256: (256, 128, 64, 32, 16, 8, 4, 1),
    288: (288, 144, 72, 36, 18, 9, 5, 3, 1),
    384: (384, 192, 96, 48, 24, 12, 6, 3, 1),
}
AUDIO = (32, 32, 32, 64, 64, 64, 128, 128, 128, 256, 256)
DECODER_END = (64, 128, 256, 384)  # outputs of its last stages, backwards; 512 before


def shapes(size: int) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    inputs = 6
    for index, (outputs, kernel, count) in enumerate(STAGES[size]):
        kernels = [kernel, *[3] * (count - 1)] if count else [kernel, 1]
        for place, each in enumerate(kernels):
            found |= _conv(f"face_encoder_blocks.{index}.{place}", inputs, outputs, each)
            inputs = outputs
    inputs = 1
    for place, outputs in enumerate((*AUDIO, 512, 512)):
        found |= _conv(f"audio_encoder.{place}", inputs, outputs, 1 if place == 12 else 3)
        inputs = outputs
    skipped = [outputs for outputs, _, _ in STAGES[size]][::-1]
    found |= _conv("face_decoder_blocks.0.0", 512, 512, 1)
    inputs = 512 + skipped[0]
    for index in range(1, len(skipped)):
        back = len(skipped) - 1 - index
        outputs = DECODER_END[back] if back < len(DECODER_END) else 512
        kernel = STAGES[size][-1][1] if index == 1 else 3
        found |= _conv(f"face_decoder_blocks.{index}.0", inputs, outputs, kernel, grows=True)
        for place in range(1, 2 if index == 1 else 3):
            found |= _conv(f"face_decoder_blocks.{index}.{place}", outputs, outputs, 3)
        inputs = outputs + skipped[index]
    found |= _conv("output_block.0", inputs, 32, 3)
    return found | {"output_block.1.weight": (3, 32, 1, 1), "output_block.1.bias": (3,)}


def _conv(
    name: str, inputs: int, outputs: int, kernel: int, *, grows: bool = False
) -> dict[str, Shape]:
    ends = (inputs, outputs) if grows else (outputs, inputs)
    norm = f"{name}.conv_block.1"
    parts = ("weight", "bias", "running_mean", "running_var")
    return {
        f"{name}.conv_block.0.weight": (*ends, kernel, kernel),
        f"{name}.conv_block.0.bias": (outputs,),
        f"{norm}.num_batches_tracked": (),
    } | {f"{norm}.{part}": (outputs,) for part in parts}
