# SPDX-License-Identifier: Apache-2.0
"""Plans meals and shopping over the stock that the larder tool keeps."""

__version__ = "0.4.0"
