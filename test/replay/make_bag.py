"""
Makes `rotation.mcap` of this folder anew: a rendered dream without noise, so that it is small, with what was made of it.

To be run after a wanted change of tracker or fusion, from the repository's root:
`.venv/bin/python test/replay/make_bag.py target/release/dreamitate`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from mcap_ros2.decoder import DecoderFactory
from PIL import Image

HERE = Path(__file__).resolve().parent
TOPICS = ['/dream/clip', '/trajectory/left/detail', '/trajectory/right/detail']
# The clip is one message; more memory than this is not needed to pack it.
CHUNK_BYTES = 64 << 20
# What differs by less than this from the middle of all frames is noise, grey levels.
NOISE_LEVELS = 14


def run(program, folder, *more):
    """Runs a dream and returns its bag's file."""
    subprocess.run([program, 'run', 'rotation', '--fast', '--out', str(folder), *more], check=True)
    file, = (folder / 'bag').glob('*.mcap')
    return file


def write_quiet_frames(bag, folder):
    """Writes the frames of a bag's clip as pictures; what does not move is the same in all of them."""
    with bag.open('rb') as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        clip = next(message for *_, message in reader.iter_decoded_messages(topics=['/dream/clip']))
    for view in clip.views:
        frames = np.stack([np.frombuffer(f.data, np.uint8).reshape(f.height, f.width, 3) for f in view.frames])
        middle = np.median(frames, axis=0).astype(np.uint8)
        moved = np.abs(frames.astype(int) - middle).max(axis=-1, keepdims=True) > NOISE_LEVELS
        (folder / view.name).mkdir(parents=True)
        for number, frame in enumerate(np.where(moved, frames, middle)):
            # Every eighth level will do, and packs well.
            Image.fromarray(frame & 0xF8 | 4).save(folder / view.name / f'{number:02}.png')


def copy_topics(bag, out):
    """Copies the messages of TOPICS with their schemas and the metadata of their channels."""
    with bag.open('rb') as source, out.open('wb') as target:
        writer = Writer(target, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
        writer.start(profile='ros2', library='')
        channels = {}
        for schema, channel, message in make_reader(source).iter_messages(topics=TOPICS):
            if channel.id not in channels:
                number = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(
                    channel.topic, channel.message_encoding, number, channel.metadata)
            writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time)
        writer.finish()


with tempfile.TemporaryDirectory() as folder:
    dream = Path(folder) / 'dream'
    write_quiet_frames(run(sys.argv[1], Path(folder) / 'noisy'), dream)
    copy_topics(run(sys.argv[1], Path(folder) / 'quiet', '--dream', str(dream)), HERE / 'rotation.mcap')
