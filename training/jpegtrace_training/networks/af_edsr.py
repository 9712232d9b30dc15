"""`af-edsr`: a JPEG changed until it passes for uncompressed, by an EDSR that ends in a soft clamp of DCT coefficients.

D. Kim, W. Ahn, H.-K. Lee, "End-to-end anti-forensics network of single and double JPEG detection", IEEE Access 2021;
sections and equations below are those of this paper. EDSR is that of B. Lim, S. Son, H. Kim, S. Nah, K. M. Lee,
"Enhanced deep residual networks for single image super-resolution", CVPRW 2017 (its reference [16]). A network is
trained for one quality of the JPEG (IV-F).

A picture is one grey plane, (n, 1, h, w) in grey levels 0..255, h and w multiples of 8, the grid of the JPEG at its
corner. The input I is the decode without truncation and rounding (III-B), so its DCT is the stored coefficients times
the table, X of Eq. 4, and no third input has to bring them; the level shift of 128 cancels in Eq. 5.

Where the paper contradicts itself, and what stands here:

* Which picture a loss looks at: III-A says the output of EDSR for reconstruction and histogram, Figure 2 the final
  output for all losses. Reconstruction: before the clamp, as III-A says and the formula in III-B prints it. Histogram
  and deblocking: after it, as in Figure 2; III-D relies on the clamp to bound what the histogram loss does, and nothing
  else trains alpha.
* Eq. 8 gives histograms below zero, as the share of Eq. 7 falls with b. They have the other sign here, as in [34]'s
  code; neither Eq. 9 nor Eq. 10 can tell.
* Eq. 10 takes variances of histograms, [20], whose feature it is said to be, variances of coefficients. A row of Eq. 8
  sums to 1/64 at most, so that with the weight of Eq. 11 less than 1e-9 is left of the term as printed, while III-D
  finds its effect comparable for all qualities. The feature of [20], K_L of `jpegtrace.stress.detectors`, divides by
  the variance, and its effect is. It stands here, with the variance that rounding adds in the divisor; `losses` knows
  the printed term, too. Without the division the lowest of the 28 subbands count for nearly all, and K_L and K_FQ find
  what is missing in the others. The paper's weight belongs to another scale: 0.001 stands here, see training/QUEUE.md.
* Eq. 12 is called total variation and is a sum of squared second differences; III-E aims at block borders, and Eq. 13
  averages over all pixels. As in the equations.

Where it is silent:

* Scale of the losses: only the input is said to be divided by 255. The squared error, its multiple s_mse and Eq. 12 are
  of pixels / 255, where 2500 MSE is about 1 for a JPEG; coefficients are in grey levels, as bins of width 1 and tables
  are. All functions take grey levels, and divide where they have to.
* Level shift in the histograms, which moves the DC term only: none, as in [34]'s code.
* L1 in Eq. 9: the mean over all bins. Variance in Eq. 10: divided by the number of values, as in [10]'s code.
* The crop by 4 pixels: at all four sides, so that whole blocks remain. Gradients flow through both terms of Eq. 10.
* s_mse: of each picture by itself. All losses are one number per picture, and a batch counts with their mean.
* Padding in Eq. 12 "with the sequential pixel value": with the nearest pixel.
* EDSR: convolution, blocks, convolution and the skip over both, last convolution; biases, zero padding, residuals not
  scaled (EDSR's baseline of 64 channels), no mean subtracted.
* First weights: as `begin_as_identity` sets them. From PyTorch's own a training first has to learn to copy.
* alpha: a single one, free to leave [0, 1].

The weights to keep are those with the least histogram and deblocking loss on validation (IV-A), not the least total.
"""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jpegtrace.jpeg import dct_matrix
from jpegtrace_training.networks.network import Axes, FirstConvolution, FullConvolution, Network

GAMMA = 100.0  # of Eq. 6
LARGEST_BIN = 60  # bins begin at -60 and end at 60 (Eq. 6)
THRESHOLDS_AT_ONCE = 11
FIRST_SHARE = 0.1  # of PyTorch's first weights, in the layers that add to the picture
ROUNDING = 1 / 12  # variance that rounding adds to a coefficient
HIGH = [8 * r + c for r in range(8) for c in range(8) if r + c >= 8]  # the 28 subbands of Eq. 10
WEIGHTS = {"reconstruction": 1.0, "histogram": 1.0, "deblocking": 0.06}  # lambdas of Eq. 3
WEIGHTS_OF_HISTOGRAM = {"smoothing": 1.0, "calibration": 0.001}  # lambdas of Eq. 11, the second for the feature
PRINTED_CALIBRATION = 0.0003  # the second lambda of Eq. 11

# Pixels of a block, row by row, to its coefficients, row by row.
BASIS = torch.from_numpy(np.kron(dct_matrix(), dct_matrix()))


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        residual: Tensor = self.second(torch.relu(self.first(maps)))
        return maps + residual


class AfEdsr(Network):
    """`af-edsr`: EDSR without upsampling and batch norm, then the soft clamp of Eq. 5.

    Args:
        channels_wide: filters of all convolutions but the last.
        blocks: residual blocks.
    """

    outputs = ("picture",)
    dynamic: ClassVar[Axes] = {"pixels": {2: "height", 3: "width"}, "picture": {2: "height", 3: "width"}}

    meanings: ClassVar[dict[str, str]] = {
        "pixels": "decode of a grey JPEG, neither rounded nor truncated, 0..255",
        "table": "its quantization table in rows",
        "picture": "without the traces, neither rounded nor truncated",
    }

    def __init__(self, *, channels_wide: int = 64, blocks: int = 8) -> None:
        super().__init__()
        # In mixed precision only the body is in bfloat16: what it adds to the picture is small.
        self.head = FirstConvolution(1, channels_wide, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualBlock(channels_wide) for _ in range(blocks)),
            nn.Conv2d(channels_wide, channels_wide, 3, padding=1),
        )
        self.tail = FullConvolution(channels_wide, 1, 3, padding=1)
        self.alpha = nn.Parameter(torch.tensor(0.1))
        self.begin_as_identity()

    def begin_as_identity(self) -> None:
        """Let the first filter carry the picture; of the others, which are high-pass filters, little is added to it."""
        first, last = self.head, cast("nn.Conv2d", self.body[-1])
        first.begin_as_high_pass()
        with torch.no_grad():
            for layer in (first, last, self.tail):
                cast("Tensor", layer.bias).zero_()
            for layer in (last, self.tail):
                layer.weight *= FIRST_SHARE
            last.weight[0] = first.weight[0] = self.tail.weight[:, 0] = 0
            first.weight[0, :, 1, 1] = self.tail.weight[:, 0, 1, 1] = 1

    def forward(self, pixels: Tensor, table: Tensor) -> Tensor:
        """The final picture of Eq. 2, (n, 1, h, w), in grey levels, neither rounded nor truncated.

        Args:
            pixels: unrounded decode in grey levels, (n, 1, h, w).
            table: its quantization table in rows, (n, 8, 8).
        """
        return self.constrain(self.reconstruct(pixels), pixels, table)

    def reconstruct(self, pixels: Tensor) -> Tensor:
        """Eq. 1, before the clamp, in grey levels."""
        maps = self.head(pixels / 255)
        picture: Tensor = self.tail(maps + self.body(maps))
        return picture * 255

    def constrain(self, before: Tensor, pixels: Tensor, table: Tensor) -> Tensor:
        """Eq. 2: what `reconstruct` gave, its coefficients clamped to what the JPEG allows."""
        return inverse_dct(soft_clamp(dct(before), dct(pixels), table, self.alpha))

    def example(self, count: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """Noise of the right range, and a table for each."""
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.rand(count, 1, 24, 32, generator=generator) * 255
        return {"pixels": pixels, "table": torch.randint(1, 60, (count, 8, 8), generator=generator).to(pixels.dtype)}


# Both as products of matrices: of the factors of a convolution, cuDNN keeps ten bits unless told otherwise, which would
# blur the edges of the bins.
def dct(pixels: Tensor) -> Tensor:
    """Orthonormal DCT of all 8x8 blocks, no level shift: (n, 1, h, w) to (n, 64, h / 8, w / 8), subbands in rows."""
    blocks = functional.pixel_unshuffle(pixels, 8).permute(0, 2, 3, 1)
    return (blocks @ BASIS.to(pixels).T).permute(0, 3, 1, 2)


def inverse_dct(coefficients: Tensor) -> Tensor:
    """What `dct` was taken of."""
    blocks = coefficients.permute(0, 2, 3, 1) @ BASIS.to(coefficients)
    return functional.pixel_shuffle(blocks.permute(0, 3, 1, 2), 8)


def soft_clamp(coefficients: Tensor, stored: Tensor, table: Tensor, alpha: Tensor) -> Tensor:
    """Eq. 5 within the bounds of Eq. 4; (n, 64, h / 8, w / 8).

    Args:
        coefficients: of the reconstruction.
        stored: X of Eq. 4, of the JPEG, times the table.
        table: (n, 8, 8).
        alpha: share of an excess that remains; 0 is the strict constraint of IV-E.
    """
    half = table.flatten(1)[:, :, None, None] / 2
    clamped = torch.minimum(torch.maximum(coefficients, stored - half), stored + half)
    # (1 - alpha) bound + alpha x, written so that whatever is within the bounds stays what it is to the last bit.
    return clamped + alpha * (coefficients - clamped)


def squared_error(left: Tensor, right: Tensor) -> Tensor:
    """MSE on the scale of pixels / 255, (n,); L_recon of III-B, if of EDSR's output and the uncompressed picture."""
    return ((left - right) / 255).square().mean((1, 2, 3))


def scale(pixels: Tensor, target: Tensor) -> Tensor:
    """The factor s_mse of Eqs. 11 and 13, (n,), of the input and the uncompressed picture."""
    return 2500 * squared_error(pixels, target)


def _cumulative(values: Tensor, thresholds: Tensor, gamma: float) -> Tensor:
    return torch.sigmoid(gamma * (values[..., None] - thresholds)).mean(2)


def histogram(coefficients: Tensor, gamma: float = GAMMA) -> Tensor:
    """Soft histogram of each subband over the bins [b, b + 1), b = -60..59, Eqs. 6 to 8 with the sign of Eq. 8 turned.

    A value on the edge of two bins is in each by half, one outside of all bins in none.

    Args:
        coefficients: (n, subbands, h / 8, w / 8).
        gamma: steepness of the edges.

    Returns:
        (n, subbands, 120); a subband with all of its values in bins sums to 1/64.
    """
    values = coefficients.flatten(2)
    edges = torch.arange(-LARGEST_BIN, LARGEST_BIN + 1, dtype=values.dtype, device=values.device)
    # All edges at once would keep 121 numbers per pixel for the way back; computing them again there is cheap.
    parts = [
        checkpoint(_cumulative, values, some, gamma, use_reentrant=False, preserve_rng_state=False)
        for some in torch.split(edges, THRESHOLDS_AT_ONCE)
    ]
    return -torch.cat(parts, 2).diff() / 64


def smoothing(found: Tensor, wanted: Tensor) -> Tensor:
    """L_smth of Eq. 9, (n,), of histograms (n, 64, 120)."""
    return (found - wanted).abs().mean((1, 2))


def calibration(found: Tensor, calibrated: Tensor) -> Tensor:
    """L_cal of Eq. 10 as printed, (n,).

    Args:
        found: histograms of the 28 subbands `HIGH`, (n, 28, m).
        calibrated: the same of the picture cropped by 4 pixels.
    """
    return (_variance(found) - _variance(calibrated)).abs().mean(1)


def calibration_feature(found: Tensor, calibrated: Tensor) -> Tensor:
    """K_L of [20], (n,), as `jpegtrace.stress.detectors.k_l` measures it, of a picture that will be rounded.

    Args:
        found: coefficients of the 28 subbands `HIGH`, (n, 28, m).
        calibrated: the same of the picture cropped by 4 pixels; m may differ.
    """
    own = _variance(found)
    return ((own - _variance(calibrated)).abs() / (own + ROUNDING)).mean(1)


def _variance(values: Tensor) -> Tensor:
    return values.var(2, correction=0)


def variation(picture: Tensor) -> Tensor:
    """Eq. 12 at every pixel, (n, 1, h, w), on the scale of pixels / 255."""
    picture = picture / 255
    # Repeating the outermost pixel makes the first difference there zero.
    down = functional.pad(picture.diff(dim=2), (0, 0, 1, 1)).diff(dim=2)
    across = functional.pad(picture.diff(dim=3), (1, 1)).diff(dim=3)
    return down.square() + across.square()


def deblocking(picture: Tensor, s_mse: Tensor) -> Tensor:
    """L_deblk of Eq. 13, (n,)."""
    return s_mse * variation(picture).mean((1, 2, 3))


def losses(
    before: Tensor, picture: Tensor, target: Tensor, pixels: Tensor, *, as_printed: bool = False
) -> dict[str, Tensor]:
    """Eq. 3 and its terms; means over the batch.

    Args:
        before: what `AfEdsr.reconstruct` gave, (n, 1, h, w); `picture` here is the other reading, that of Figure 2.
        picture: what `AfEdsr.constrain` made of it; 16 pixels a side at least.
        target: the uncompressed picture.
        pixels: the input.
        as_printed: Eq. 10 with histograms and the weight of the paper, not `calibration_feature` with its own.

    Returns:
        `total` (Eq. 3); its terms, not weighted: `reconstruction`, `histogram` (Eq. 11), `deblocking` (Eq. 13); and of
        `histogram`: `smoothing` (Eq. 9), `calibration` (Eq. 10, or the feature in its place), not weighted and without
        s_mse.
    """
    s_mse = scale(pixels, target)
    coefficients, cropped = dct(picture), dct(picture[..., 4:-4, 4:-4])[:, HIGH]
    bins = histogram(coefficients)
    terms = {
        "reconstruction": squared_error(before, target),
        "smoothing": smoothing(bins, histogram(dct(target))),
        "calibration": calibration(bins[:, HIGH], histogram(cropped))
        if as_printed
        else calibration_feature(coefficients[:, HIGH].flatten(2), cropped.flatten(2)),
        "deblocking": deblocking(picture, s_mse),
    }
    terms["histogram"] = (
        s_mse * WEIGHTS_OF_HISTOGRAM["smoothing"] * terms["smoothing"]
        + (PRINTED_CALIBRATION if as_printed else WEIGHTS_OF_HISTOGRAM["calibration"]) * terms["calibration"]
    )
    means = {name: term.mean() for name, term in terms.items()}
    means["total"] = torch.stack([weight * means[name] for name, weight in WEIGHTS.items()]).sum()
    return means
