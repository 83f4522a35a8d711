"""Principal components of a Gaussian kernel, for samples that lie on a curved surface."""

import numpy as np
import scipy.linalg


def kernel_components(
    rows: np.ndarray, wanted: int, width: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return loadings, what is closest to the samples as their sum, parts and the mean.

    B. Schölkopf, A. Smola, K.-R. Müller, *Neural Comput.* 10, 1299 (1998), with
    :math:`\exp(-|a - b|^2 / 2 w^2)`; without a width, that is the root mean square distance.
    """
    mean = rows.mean(axis=0)
    centred = rows - mean
    products = centred @ centred.T
    squares = np.diag(products)
    distances = np.maximum(squares[:, None] + squares - 2 * products, 0.0)
    pairs = max(len(rows) * (len(rows) - 1), 1)
    spread = width**2 if width is not None else distances.sum() / pairs
    kernel = np.exp(distances / (-2 * spread if spread > 0 else -1.0))
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1, keepdims=True)
    last = len(rows) - 1
    values, vectors = scipy.linalg.eigh(kernel, subset_by_index=(last + 1 - wanted, last))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    root = np.sqrt(values)
    # The loadings are orthogonal, so that each is fitted to the samples alone.
    components = (vectors.T @ centred) / np.where(root > 0, root, np.inf)[:, None]
    total = np.trace(kernel)
    return vectors * root, components, values / (total if total > 0 else 1.0), mean
