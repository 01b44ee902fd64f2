"""The person in a picture as a soft mask, for putting another background behind."""

from pathlib import Path

import cv2
import numpy as np
import torch

from models.arrays import F32, U8, Bool
from models.assets import face_model_path
from models.portrait.interpreter import Network, load_network
from models.portrait.matting import shrink, soften

INPUT = 256  # pixels a side of the network's input
MARGINS = (0.0, 0.08, 0.16)  # of the longer side, left, right and below: three distances
CUT_SIDE = 320  # pixels: the border is found at this size and refined at the picture's own
CUT_ROUNDS = 3
SURE = 0.97


def person_mask(cache: Path, rgb: U8) -> F32:
    """(H, W, 3) -> (H, W) 0 background .. 1 person, hair soft. Raises MissingModels."""
    network = load_network(face_model_path(cache, "selfie_segmentation"))
    small = shrink(rgb, CUT_SIDE)
    inside = largest_part(cut(small, likelihood(network, small)))
    return soften(rgb, inside)


def likelihood(network: Network, rgb: U8) -> F32:
    """(H, W) mean of what the network says about the picture, mirrored and from further away.

    Alone it is sure of itself where it is wrong; disagreement shows where it does not know.
    """
    opinions = []
    for share in MARGINS:
        margin = int(share * max(rgb.shape[:2]))
        padded = cv2.copyMakeBorder(rgb, margin, 0, margin, margin, cv2.BORDER_REPLICATE)
        for flip in (slice(None), slice(None, None, -1)):
            mask = _run(network, np.asarray(padded, np.uint8)[:, flip])[:, flip]
            opinions.append(mask[margin:, margin : margin + rgb.shape[1]])
    mean: F32 = np.mean(opinions, axis=0, dtype=np.float32)
    return mean


def _run(network: Network, rgb: U8) -> F32:
    small = cv2.resize(rgb, (INPUT, INPUT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    (output,) = network(torch.from_numpy(small)[None]).values()
    size = (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.resize(output[0, :, :, 0].numpy(), size), np.float32)


def cut(rgb: U8, mask: F32) -> Bool:
    """(H, W): the sure parts of the mask, the rest decided by colour."""
    labels = np.where(mask > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[_erode(mask > SURE)] = cv2.GC_FGD
    labels[_erode(mask < 1 - SURE)] = cv2.GC_BGD
    if (mask > 0.5).all() or (mask <= 0.5).all():  # no second colour to tell it from
        return mask > 0.5
    cv2.setRNGSeed(0)  # the colour models start from random centres
    ground, person = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb, labels, (0, 0, 1, 1), ground, person, CUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _erode(area: Bool) -> Bool:
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return np.asarray(cv2.erode(area.astype(np.uint8), element), np.bool_)


def largest_part(inside: Bool) -> Bool:
    """The largest connected area, its small holes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    if count > 1:
        inside = np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), np.bool_)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~inside).astype(np.uint8))
    holes = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.002 * inside.size)
    return inside | np.isin(labels, holes[holes > 0])
