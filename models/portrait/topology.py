"""Landmark indices of the 478-point face mesh, corner to corner, left to right in the picture."""

LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 33, 263  # left and right in the picture
UPPER_LIP_CENTRE, LOWER_LIP_CENTRE = 13, 14
MOUTH_LEFT, MOUTH_RIGHT = 61, 291
NASION, SUBNASALE, CHIN = 168, 2, 152

LIP_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIP_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

JAW_LINE = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

LEFT_LID_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LID_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_LID_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LID_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)

# Of each eye: the lids' edges, the crease, the brow's lower edge, a line below, the iris's centre.
LEFT_EYE = (
    LEFT_LID_UPPER,
    LEFT_LID_LOWER,
    (247, 30, 29, 27, 28, 56, 190),
    (46, 53, 52, 65, 55),
    (31, 228, 229, 230, 231, 232, 233),
    468,
)
RIGHT_EYE = (
    RIGHT_LID_UPPER,
    RIGHT_LID_LOWER,
    (414, 286, 258, 257, 259, 260, 467),
    (285, 295, 282, 283, 276),
    (453, 452, 451, 450, 449, 448, 261),
    473,
)
