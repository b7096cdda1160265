#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loss curve of a run as SVG: training loss (nats per token) and held-out bits per byte over tokens read."""
import argparse
import math
import pathlib

W, H, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 52, 24, 52, 44


def scale(low, high, start, end):
    return lambda v: start + (v - low) / (high - low) * (end - start)


def around(values):
    """-> (low, high), in fifths, with all values between them"""
    values = list(values)
    low = math.floor(min(values) * 5) / 5
    return low, low + max(1, math.ceil((max(values) - low))) * 1.0


def path(points):
    return 'M' + ' L'.join(f'{x:.1f} {y:.1f}' for x, y in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--log', required=True, help='log.tsv of train.py')
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    rows = sorted((int(f[2]) / 1e6, float(f[3]), float(f[4]) if f[4] else None)
                  for f in (line.split('\t') for line in pathlib.Path(args.log).read_text().splitlines()))
    loss, held = [(t, v) for t, v, _ in rows], [(t, b) for t, _, b in rows if b]
    x = scale(0, rows[-1][0], LEFT, W - RIGHT)
    (loss_low, loss_high), (held_low, held_high) = (around(v for _, v in part) for part in (loss[len(loss) // 50:], held))
    y_loss, y_held = scale(loss_low, loss_high, H - BOTTOM, TOP), scale(held_low, held_high, H - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif" font-size="12">',
           f'<rect width="{W}" height="{H}" fill="white"/>']
    for i in range(6):
        y = TOP + (H - TOP - BOTTOM) * i / 5
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{W - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#1f5fa8">{loss_high - (loss_high - loss_low) * i / 5:.1f}</text>')
        out.append(f'<text x="{W - RIGHT + 8}" y="{y + 4:.1f}" fill="#b3471d">{held_high - (held_high - held_low) * i / 5:.1f}</text>')
    for i in range(6):
        t = rows[-1][0] * i / 5
        out.append(f'<text x="{x(t):.1f}" y="{H - 24}" text-anchor="middle">{t:.1f}</text>')
    out.append(f'<text x="{W / 2}" y="{H - 6}" text-anchor="middle">million tokens read</text>')
    out.append(f'<path d="{path([(x(t), y_loss(min(v, loss_high))) for t, v in loss])}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>')
    out.append(f'<path d="{path([(x(t), y_held(v)) for t, v in held])}" fill="none" stroke="#b3471d" stroke-width="2"/>')
    out += [f'<circle cx="{x(t):.1f}" cy="{y_held(v):.1f}" r="3" fill="#b3471d"/>' for t, v in held]
    out.append(f'<text x="{LEFT}" y="14" fill="#1f5fa8">training loss, nats per token (moving average)</text>')
    out.append(f'<text x="{W - RIGHT}" y="14" text-anchor="end" fill="#b3471d">held-out files, bits per byte</text></svg>')
    pathlib.Path(args.out).write_text('\n'.join(out) + '\n')


if __name__ == '__main__':
    main()
