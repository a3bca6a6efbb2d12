"""Writes what examples/write_speed.rs writes with the mcap package of pip, and as a plain file: peers.py DIR COUNT."""

import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType, Writer

WIDTH, HEIGHT = 1280, 720


def image():
    """The CDR of the image."""
    noise, top = 1, np.empty(HEIGHT * WIDTH * 3, np.uint32)
    for i in range(len(top)):
        noise = (noise * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        top[i] = noise >> 29
    pixels = (np.arange(len(top)) // (3 * WIDTH) // 4 + top).astype(np.uint8)
    text = b'rgb8\0'
    head = struct.pack('<4B iI I B3x II I', 0, 1, 0, 0, 0, 0, 1, 0, HEIGHT, WIDTH, len(text)) + text
    head += b'\0' + b'\0\0'
    return head + struct.pack('<II', 3 * WIDTH, len(pixels)) + pixels.tobytes()


def speed(size, count, write):
    start = time.perf_counter()
    write()
    return f'{size * count / 1e6 / (time.perf_counter() - start):.0f}'


def with_mcap(path, cdr, count, compression):
    with path.open('wb') as file:
        writer = Writer(file, compression=compression)
        writer.start('ros2')
        schema = writer.register_schema('sensor_msgs/msg/Image', 'ros2msg', b'')
        channel = writer.register_channel('/camera/top/image_raw', 'cdr', schema)
        for k in range(count):
            stamp = 1_700_000_000_000_000_000 + k * 33_333_333
            writer.add_message(channel, stamp, cdr, stamp)
        writer.finish()


def plain(path, cdr, count):
    with path.open('wb', buffering=0) as file:
        for _ in range(count):
            file.write(cdr)
        os.fsync(file.fileno())


if __name__ == '__main__':
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    cdr = image()
    for name, compression in (('zstd', CompressionType.ZSTD), ('none', CompressionType.NONE)):
        path = folder / f'{name}.mcap'
        print(f'mcap of pip, {name}', speed(len(cdr), count, lambda: with_mcap(path, cdr, count, compression)), sep='\t')
        path.unlink()
    path = folder / 'plain'
    print('a plain file, synced', speed(len(cdr), count, lambda: plain(path, cdr, count)), sep='\t')
