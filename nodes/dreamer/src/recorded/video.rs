use super::RecordedError;
use image::{DynamicImage, ImageError, RgbImage, codecs::pnm::PnmDecoder};
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Returns a video's frames, which must be `expected` many of the given size (width, height), through ffmpeg.
///
/// ffmpeg hands them over as PPM, whose header carries the size that raw pixels lack.
pub(super) fn read(path: &Path, expected: usize, size: (u32, u32)) -> Result<Vec<RgbImage>, RecordedError> {
    // Missing files are told from missing programs here: ffmpeg's own words name its internals.
    if let Err(source) = std::fs::File::open(path) {
        return Err(RecordedError::Image { path: path.to_owned(), source: ImageError::IoError(source) });
    }
    let program = std::env::var("DREAMITATE_FFMPEG").unwrap_or_else(|_| "ffmpeg".to_owned());
    let mut child = Command::new(&program)
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        // One more than expected shows a video that is too long without reading all of it.
        .args(["-frames:v", &(expected + 1).to_string()])
        .args(["-f", "image2pipe", "-c:v", "ppm", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| RecordedError::NoFfmpeg { program, path: path.to_owned(), source })?;
    // Read beside the frames, or a talkative ffmpeg would wait for ever.
    let errors = child.stderr.take().map(|stderr| std::thread::spawn(|| last_words(stderr)));
    let frames = read_frames(&mut child, path, size);
    if frames.is_err() {
        // It may wait to write frames that nobody reads; that it has already ended is fine.
        let _ = child.kill();
    }
    let succeeded = child.wait().is_ok_and(|status| status.success());
    let said = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let frames = frames?;
    if frames.is_empty() || (!succeeded && frames.len() != expected) {
        let said = if said.is_empty() { "no frame came out".to_owned() } else { said };
        return Err(RecordedError::Video { path: path.to_owned(), said });
    }
    if frames.len() != expected {
        let count =
            if frames.len() > expected { format!("more than {expected}") } else { frames.len().to_string() };
        return Err(RecordedError::FrameCount { path: path.to_owned(), count, expected });
    }
    Ok(frames)
}

fn read_frames(child: &mut Child, path: &Path, size: (u32, u32)) -> Result<Vec<RgbImage>, RecordedError> {
    let mut frames = Vec::new();
    let Some(stdout) = child.stdout.take() else { return Ok(frames) };
    let mut stream = BufReader::with_capacity(1 << 16, stdout);
    let unreadable = |source| RecordedError::Image { path: path.to_owned(), source };
    while !stream.fill_buf().map_err(|e| unreadable(ImageError::IoError(e)))?.is_empty() {
        let decoder = PnmDecoder::new(&mut stream).map_err(unreadable)?;
        let (width, height) = image::ImageDecoder::dimensions(&decoder);
        if (width, height) != size {
            return Err(RecordedError::FrameSize {
                path: path.to_owned(),
                frame: frames.len(),
                width,
                height,
            });
        }
        frames.push(DynamicImage::from_decoder(decoder).map_err(unreadable)?.into_rgb8());
    }
    Ok(frames)
}

/// The last line of a stream, which is read to its end.
fn last_words(stream: impl Read) -> String {
    let mut last = String::new();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            last = line.trim().chars().take(200).collect();
        }
    }
    last
}
