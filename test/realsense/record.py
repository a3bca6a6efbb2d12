"""Records what two cameras would, with librealsense's own software devices: record.py FOLDER."""

import sys
import time
from pathlib import Path

import numpy as np
import pyrealsense2 as rs

RATE_HZ = 30
EPOCH_MS = 1.7e12
# The cameras run freely: the side camera takes its pictures a little later.
SIDE_LATER_MS = 4.0
FRAMES = 20
# Frame 7 of the side camera is lost on the way.
LOST = {'side': {7}}


def record(file, serial, focal_px, blue, later_ms=0.0, size=(1280, 720), lost=()):
    """Frame k has k in its red channel and `blue` in its blue one."""
    width, height = size
    device = rs.software_device()
    device.register_info(rs.camera_info.name, 'Intel RealSense D435I')
    device.register_info(rs.camera_info.serial_number, serial)
    sensor = device.add_sensor('RGB Camera')
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid = rs.stream.color, 0, 1
    stream.width, stream.height, stream.fps, stream.bpp, stream.fmt = width, height, RATE_HZ, 3, rs.format.rgb8
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = size
    intrinsics.fx = intrinsics.fy = focal_px
    intrinsics.ppx, intrinsics.ppy = width / 2 + 0.5, height / 2 - 0.5
    intrinsics.model, intrinsics.coeffs = rs.distortion.inverse_brown_conrady, [0.0, 0.0, 0.0, 0.0, 0.0]
    stream.intrinsics = intrinsics
    profile = sensor.add_video_stream(stream).as_video_stream_profile()
    recorder = rs.recorder(str(file), device)
    recorded = recorder.query_sensors()[0]
    frames = rs.frame_queue(100)
    recorded.open(recorded.get_stream_profiles()[0])
    recorded.start(frames)
    for k in range(FRAMES):
        if k in lost:
            continue
        frame = rs.software_video_frame()
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[..., 0], pixels[..., 2] = k, blue
        frame.pixels, frame.stride, frame.bpp = pixels, 3 * width, 3
        frame.timestamp, frame.domain = EPOCH_MS + 1000 * k / RATE_HZ + later_ms, rs.timestamp_domain.global_time
        frame.frame_number, frame.profile = k + 1, profile
        sensor.on_video_frame(frame)
        # The recorder writes on a thread of its own and drops what comes too fast.
        time.sleep(0.03)
    time.sleep(0.3)
    recorded.stop()
    recorded.close()


if __name__ == '__main__':
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    record(folder / 'top.bag', '104122060901', 911.0, 1)
    record(folder / 'side.bag', '104122060902', 907.0, 2, SIDE_LATER_MS, lost=LOST['side'])
    record(folder / 'small.bag', '104122060903', 600.0, 3, size=(640, 480))
