"""Sizes of the features, which kernels, features and network share.

Kernels are compiled with these numbers, and their cache on disk watches `_kernels.py` alone: save that file, too, when
one of them changes.
"""

SMALLEST, LARGEST = 64, 256  # sides of a piece, multiples of 8
FILTERS = 6  # residuals whose periods are looked at
STRENGTHS = 4  # of a residual: relative, relative where blocks are busy, logarithm, in grey levels
AROUND = 4  # pixels on each side that a residual is compared with
MOST_RELATIVE = 5.0  # times their mean
MOST_GREYS = 30  # grey levels
BUSY = 16  # coefficients of a block, DC apart, that are not zero
FEWEST = 8  # pixels of a row or column that are busy, else its mean is not told
WHITE = 10  # frequencies on each side that a power is compared with
LAGS = (1, 2, 3, 4, 6, 8, 12, 16)
DISTANCES = 9  # bins of magnitudes
PAIR, TRIPLE = 4, 2  # grey levels at which differences in a row are cut
WINDOWS = (3, 5, 7, 9, 11, 13, 15, 17, 19)  # of medians that a piece, and each other, are compared with
ECHOES = ((1, 1), (1, 2), (1, 8), (4, 4), (8, 16))  # rows whose differences are summed, and where these are cut before
ECHO_LAGS = 24  # pixels
GREYS = 32  # bins of grey levels
FREQUENCIES = 129  # 0 to 1/2
