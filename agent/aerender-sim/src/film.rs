//! Answers for: reading the code of every frame of a film, in order, with `ffmpeg` as the decoder. Must not: judge what it reads.
//!
//! The luma comes as a stream of PGM pictures through a pipe, so a film of any length takes the memory of one frame.

use crate::code::{self, Code};
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The longest edge of a film that is read, in pixels.
const LONGEST_EDGE: usize = 30_000;
/// What is kept of ffmpeg's complaints, in bytes.
const COMPLAINT_BYTES: u64 = 16 * 1024;

/// The code of every frame of the film, in the order in which a player shows them; `None` where a frame carries none that can be read.
///
/// # Errors
///
/// If ffmpeg is not there, can't decode the film to its end, or says that something in it is damaged.
pub fn read_film(path: impl AsRef<Path>) -> Result<Vec<Option<Code>>> {
    let path = path.as_ref();
    ensure!(path.is_file(), "no film at {}", path.display());
    let mut decoder = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-noautorotate", "-i"])
        .arg(absolute(path)?)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough"])
        .args([
            "-pix_fmt",
            "gray",
            "-c:v",
            "pgm",
            "-f",
            "image2pipe",
            "pipe:1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start ffmpeg (is it installed?)")?;
    let codes = read_decoded(&mut decoder);
    if codes.is_err() {
        // Its own end is not waited for: nobody reads what it still writes. An error means that it ended already.
        let _ = decoder.kill();
    }
    let complaint = complaint(&mut decoder);
    let status = decoder.wait().context("failed to wait for ffmpeg")?;
    let codes = codes.with_context(|| format!("failed to read {}", path.display()))?;
    if !status.success() || !complaint.is_empty() {
        bail!(
            "ffmpeg could not decode {} ({status}): {complaint}",
            path.display()
        );
    }
    Ok(codes)
}

/// An absolute path can't be taken for an option or a protocol.
fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).with_context(|| format!("failed to find {}", path.display()))
}

fn read_decoded(decoder: &mut Child) -> Result<Vec<Option<Code>>> {
    let stdout = decoder.stdout.take().context("ffmpeg has no output pipe")?;
    let mut stream = BufReader::with_capacity(1 << 20, stdout);
    let mut codes = Vec::new();
    let mut luma = Vec::new();
    while let Some((width, height)) = picture_size(&mut stream)? {
        luma.resize(width * height, 0);
        stream
            .read_exact(&mut luma)
            .with_context(|| format!("frame {} of the film is cut off", codes.len()))?;
        codes.push(code::read(&luma, width, height));
    }
    Ok(codes)
}

/// The head of the next picture: `P5`, width, height and greatest value, apart by white space, one byte of which ends it.
fn picture_size(stream: &mut impl BufRead) -> Result<Option<(usize, usize)>> {
    if stream.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let magic = word(stream)?;
    let width: usize = word(stream)?
        .parse()
        .context("a picture's width is no number")?;
    let height: usize = word(stream)?
        .parse()
        .context("a picture's height is no number")?;
    let greatest = word(stream)?;
    ensure!(
        magic == "P5" && greatest == "255",
        "not an 8-bit gray picture: {magic} {greatest}"
    );
    ensure!(
        (1..=LONGEST_EDGE).contains(&width) && (1..=LONGEST_EDGE).contains(&height),
        "a picture of {width} × {height}"
    );
    Ok(Some((width, height)))
}

/// The next word of a picture's head, with the one byte of white space behind it taken off.
fn word(stream: &mut impl BufRead) -> Result<String> {
    let mut word = String::new();
    loop {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .context("a picture's head is cut off")?;
        if byte[0].is_ascii_whitespace() {
            return Ok(word);
        }
        ensure!(
            byte[0].is_ascii_graphic() && word.len() < 12,
            "not a picture's head"
        );
        word.push(char::from(byte[0]));
    }
}

fn complaint(decoder: &mut Child) -> String {
    let mut text = Vec::new();
    if let Some(stderr) = decoder.stderr.take() {
        // What can't be read is not said; the exit status stands beside it.
        let _ = stderr.take(COMPLAINT_BYTES).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_bad_ones_refused() {
        let mut good: &[u8] = b"P5\n4 3\n255\n";
        assert_eq!(picture_size(&mut good).unwrap(), Some((4, 3)));
        assert!(good.is_empty());
        assert_eq!(picture_size(&mut &b""[..]).unwrap(), None);
        for bad in [
            "P6\n4 3\n255\n",
            "P5\n0 3\n255\n",
            "P5\n4 99999999\n255\n",
            "P5\n4",
            "\u{1}\u{2}",
        ] {
            assert!(picture_size(&mut bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_film_that_is_not_there_is_named() {
        let error = read_film("/nowhere/film.mp4").unwrap_err();
        assert_eq!(error.to_string(), "no film at /nowhere/film.mp4");
    }
}
