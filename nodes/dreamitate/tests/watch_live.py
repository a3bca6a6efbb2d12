"""
Watches a run as Foxglove would: watch_live.py run|launch FOLDER.

Starts `dreamitate run --live`, or `dreamitate launch --live`, subscribes to every topic, and decodes what comes with
mcap-ros2-support from the definitions that the server sends. A second viewer, who comes when all is over, is given
what is latched.
"""

import asyncio
import json
import struct
import subprocess
import sys
from collections import Counter

import websockets
from mcap_ros2._dynamic import generate_dynamic

SUBPROTOCOL = 'foxglove.sdk.v1'
MESSAGE_DATA = 1
EXPECTED = {'/dream/clip', '/trajectory/left', '/trajectory/right/detail', '/visualization_marker_array', '/tf_static',
            '/left/joint_states', '/plan/left', '/trajectory/left/path', '/dream/top/image', '/dream/side/image',
            '/dream/side/overlay'}
LATCHED = {'/dream/clip', '/trajectory/left', '/visualization_marker_array'}


class Viewer:
    """Subscribes to all that is advertised, or to `only` some."""

    def __init__(self, socket, only=None):
        self.socket, self.only = socket, only
        self.topics, self.decoders, self.last, self.counts = {}, {}, {}, Counter()

    async def watch(self):
        async for message in self.socket:
            if isinstance(message, str):
                await self.take_text(json.loads(message))
            elif message[0] == MESSAGE_DATA:
                subscription, _ = struct.unpack('<IQ', message[1:13])
                topic = self.topics[subscription]
                self.last[topic] = self.decoders[topic](message[13:])
                self.counts[topic] += 1

    async def take_text(self, message):
        if message['op'] != 'advertise':
            return
        wanted = [channel for channel in message['channels'] if self.only is None or channel['topic'] in self.only]
        for channel in wanted:
            assert channel['encoding'] == 'cdr' and channel['schemaEncoding'] == 'ros2msg', channel
            name = channel['schemaName']
            self.decoders[channel['topic']] = generate_dynamic(name, channel['schema'])[name]
            self.topics[channel['id']] = channel['topic']
        subscriptions = [{'id': channel['id'], 'channelId': channel['id']} for channel in wanted]
        if subscriptions:
            await self.socket.send(json.dumps({'op': 'subscribe', 'subscriptions': subscriptions}))


def connect(url):
    return websockets.connect(url, subprotocols=[SUBPROTOCOL], max_size=None)


async def until(said, run):
    """The line of the run's output that begins with `said`."""
    while line := await asyncio.to_thread(run.stdout.readline):
        if line.startswith(said):
            return line.strip()
    raise AssertionError(f'the run ended without "{said}": {run.wait()}')


async def main(how, folder):
    command = ['target/release/dreamitate', how, 'rotation', '--fast', '--live=127.0.0.1:0', '--out', folder]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = (await until('waiting for a viewer on', run)).split()[-1]
        async with connect(url) as socket:
            first = Viewer(socket)
            watching = asyncio.create_task(first.watch())
            await until('the end is shown on', run)
            async with connect(url) as late_socket:
                late = Viewer(late_socket, LATCHED)
                late_watching = asyncio.create_task(late.watch())
                for _ in range(100):
                    if set(late.counts) == LATCHED:
                        break
                    await asyncio.sleep(0.1)
                late_watching.cancel()
            watching.cancel()
        assert EXPECTED <= set(first.counts), EXPECTED - set(first.counts)
        assert set(late.counts) == LATCHED, LATCHED - set(late.counts)
        for viewer in (first, late):
            assert viewer.last['/trajectory/left'].header.frame_id == 'world'
            assert len(viewer.last['/trajectory/left'].poses) >= 10
            assert any(marker.ns == 'tool/left' for marker in viewer.last['/visualization_marker_array'].markers)
            assert len(viewer.last['/dream/clip'].views) == 2
        print(dict(first.counts))
        # The run ends when its last viewer has left.
        assert await asyncio.to_thread(run.wait, 20) == 0
    finally:
        run.kill()


if __name__ == '__main__':
    asyncio.run(main(*sys.argv[1:]))
