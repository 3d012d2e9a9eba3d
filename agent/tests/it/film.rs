//! Films made with the real ffmpeg, and what is in them: pictures, times, sizes, colours.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flatrender_agent::film::{FilmError, FrameSource, Track, assemble};
use flatrender_agent::frame::{Expect, verify};
use flatrender_protocol::message::{BlobRef, FilmReport, FilmWork};
use flatrender_protocol::{Digest, Ratio};
use tokio_util::sync::CancellationToken;

use crate::tiff_files::{Squeeze, TiffFile};

/// Whether ffmpeg is here; says so when it is not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn ffmpeg_is_here(test: &str) -> bool {
    let here = ["ffmpeg", "ffprobe"].iter().all(|program| {
        let mut command = Command::new(program);
        command
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    if !here {
        eprintln!("SKIP: {test}: ffmpeg is not installed");
    }
    here
}

/// What a program prints.
pub fn printed<I: IntoIterator<Item: AsRef<OsStr>>>(program: &str, args: I) -> Vec<u8> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What ffprobe says of entries, `name=value` a line.
pub fn probed(film: &Path, args: &[&str]) -> Vec<String> {
    let mut all = vec!["-v", "error", "-of", "default=nw=1"];
    all.extend(args);
    let film = film.to_str().unwrap();
    all.push(film);
    let text = String::from_utf8(printed("ffprobe", all)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// All pictures of a film as red, green, blue.
fn decoded(film: &Path) -> Vec<u8> {
    let film = film.to_str().unwrap();
    printed(
        "ffmpeg",
        [
            "-v",
            "error",
            "-i",
            film,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-sws_flags",
            "accurate_rnd+full_chroma_int+neighbor",
            "-",
        ],
    )
}

/// Packed frames in memory.
pub struct Frames(pub Vec<Vec<u8>>);

impl FrameSource for Frames {
    async fn packed(&self, ordinal: u32) -> Result<Vec<u8>, FilmError> {
        Ok(self.0[ordinal as usize].clone())
    }
}

pub fn packed(file: &TiffFile) -> Vec<u8> {
    let expect = Expect {
        width: file.width,
        height: file.height,
    };
    verify(&file.bytes(), &expect).unwrap().packed
}

/// A light square that wanders over a dark ramp.
pub fn moving(width: u32, height: u32, frames: u32) -> Frames {
    let picture = |ordinal: u32| {
        let left = ordinal * width / frames;
        let samples = (0..width * height)
            .flat_map(|at| {
                let (x, y) = (at % width, at / width);
                let square = x.abs_diff(left) < width / 5 && y.abs_diff(height / 2) < height / 4;
                if square {
                    [240, 220, 40]
                } else {
                    [(x * 80 / width) as u8, 30, (y * 90 / height) as u8]
                }
            })
            .collect();
        TiffFile {
            squeeze: Squeeze::Lzw,
            ..TiffFile::plain(width, height, 3, samples)
        }
    };
    Frames(
        (0..frames)
            .map(|ordinal| packed(&picture(ordinal)))
            .collect(),
    )
}

pub fn work(width: u32, height: u32, frames: u32, rate: (u64, u64)) -> FilmWork {
    FilmWork {
        manifest: BlobRef {
            digest: Digest::of(b"unused here"),
            bytes: 0,
        },
        frames,
        rate: Ratio::new(rate.0, rate.1).unwrap(),
        width,
        height,
        pixel_aspect: Ratio::ONE,
        background: [0, 0, 0],
        tracks: Vec::new(),
    }
}

pub async fn made(
    work: &FilmWork,
    frames: &Frames,
    tracks: &[Track],
    out: &Path,
) -> Result<FilmReport, FilmError> {
    assemble(work, frames, tracks, out, &CancellationToken::new()).await
}

/// An error with its causes.
pub fn in_words(error: FilmError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[tokio::test]
async fn every_frame_is_there_for_exactly_its_time() {
    if !ffmpeg_is_here("every_frame_is_there_for_exactly_its_time") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film with a %03d: name.mp4");
    let report = made(
        &work(160, 90, 36, (30_000, 1001)),
        &moving(160, 90, 36),
        &[],
        &film,
    )
    .await
    .unwrap();
    let bytes = std::fs::read(&film).unwrap();
    assert_eq!(
        report.blob,
        BlobRef {
            digest: Digest::of(&bytes),
            bytes: bytes.len() as u64
        }
    );
    assert_eq!(
        (report.frames, report.duration_ms, report.sound),
        (36, 1201, false)
    );
    assert_eq!(
        (report.width, report.height, report.padded),
        (160, 90, (0, 0))
    );
    let wanted = "stream=nb_read_frames,duration_ts,duration,time_base,avg_frame_rate,r_frame_rate";
    assert_eq!(
        probed(&film, &["-count_frames", "-show_entries", wanted]),
        [
            "r_frame_rate=30000/1001",
            "avg_frame_rate=30000/1001",
            "time_base=1/30000",
            "duration_ts=36036",
            "duration=1.201200",
            "nb_read_frames=36"
        ]
    );
    let moov = bytes.windows(4).position(|at| at == b"moov");
    let mdat = bytes.windows(4).position(|at| at == b"mdat");
    assert!(
        moov.unwrap() < mdat.unwrap(),
        "it can be played while it is loaded"
    );
    // The square is where its frame had it.
    let decoded = decoded(&film);
    for ordinal in 0..36_usize {
        let row = &decoded[(ordinal * 90 + 45) * 160 * 3..][..160 * 3];
        let light: Vec<usize> = (0..160).filter(|x| row[x * 3] > 160).collect();
        let left = ordinal * 160 / 36;
        assert!(
            light[0].abs_diff(left.saturating_sub(31)) <= 1,
            "frame {ordinal}: {light:?}"
        );
        assert!(
            light[light.len() - 1].abs_diff((left + 31).min(159)) <= 1,
            "frame {ordinal}: {light:?}"
        );
    }
}

#[tokio::test]
async fn whole_rates_and_single_frames_work_too() {
    if !ffmpeg_is_here("whole_rates_and_single_frames_work_too") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (frames, rate, seconds) in [
        (1, (25, 1), "0.040000"),
        (48, (24, 1), "2.000000"),
        (30, (60, 1), "0.500000"),
        (5, (1, 2), "10.000000"),
    ] {
        let film = dir.path().join(format!("{frames}.mp4"));
        made(
            &work(64, 48, frames, rate),
            &moving(64, 48, frames),
            &[],
            &film,
        )
        .await
        .unwrap();
        assert_eq!(
            probed(&film, &["-show_entries", "stream=duration"]),
            [format!("duration={seconds}")]
        );
    }
}

#[tokio::test]
async fn odd_sides_are_padded_by_one_and_the_report_says_so() {
    if !ffmpeg_is_here("odd_sides_are_padded_by_one_and_the_report_says_so") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let report = made(
        &work(351, 856, 4, (25, 1)),
        &moving(351, 856, 4),
        &[],
        &film,
    )
    .await
    .unwrap();
    assert_eq!(
        (report.width, report.height, report.padded),
        (352, 856, (1, 0))
    );
    assert_eq!(
        probed(&film, &["-show_entries", "stream=width,height"]),
        ["width=352", "height=856"]
    );
    let report = made(&work(51, 33, 2, (25, 1)), &moving(51, 33, 2), &[], &film)
        .await
        .unwrap();
    assert_eq!(
        (report.width, report.height, report.padded),
        (52, 34, (1, 1))
    );
}

#[tokio::test]
async fn pixels_keep_their_aspect_and_the_film_its_tags() {
    if !ffmpeg_is_here("pixels_keep_their_aspect_and_the_film_its_tags") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let work = FilmWork {
        pixel_aspect: Ratio { num: 10, den: 11 },
        ..work(72, 48, 3, (30_000, 1001))
    };
    made(&work, &moving(72, 48, 3), &[], &film).await.unwrap();
    let wanted = "stream=codec_name,pix_fmt,sample_aspect_ratio,color_range,color_space,color_transfer,color_primaries";
    assert_eq!(
        probed(&film, &["-show_entries", wanted]),
        [
            "codec_name=h264",
            "sample_aspect_ratio=10:11",
            "pix_fmt=yuv420p",
            "color_range=tv",
            "color_space=bt709",
            "color_transfer=bt709",
            "color_primaries=bt709"
        ]
    );
}

/// Sixteen patches of 32 × 32 pixels, side by side.
fn patches(colors: &[[u8; 4]; 16], premultiplied: bool) -> TiffFile {
    let samples = (0..512 * 32_usize)
        .flat_map(|at| colors[at % 512 / 32])
        .collect();
    TiffFile {
        extra_samples: Some(if premultiplied { 1 } else { 2 }),
        ..TiffFile::plain(512, 32, 4, samples)
    }
}

const COLORS: [[u8; 4]; 16] = [
    [0, 0, 0, 255],
    [255, 255, 255, 255],
    [255, 0, 0, 255],
    [0, 255, 0, 255],
    [0, 0, 255, 255],
    [255, 255, 0, 255],
    [128, 128, 128, 255],
    [17, 93, 201, 255],
    [240, 130, 60, 255],
    [200, 180, 160, 255],
    [5, 5, 5, 255],
    [250, 250, 250, 255],
    [255, 0, 0, 128],
    [255, 255, 255, 64],
    [10, 200, 30, 200],
    [77, 77, 77, 0],
];

#[tokio::test]
async fn colours_come_back_over_the_background() {
    if !ffmpeg_is_here("colours_come_back_over_the_background") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let background = [30, 60, 120];
    let work = FilmWork {
        background,
        ..work(512, 32, 2, (25, 1))
    };
    let multiplied = COLORS.map(|[red, green, blue, alpha]| {
        let by = |color: u8| ((u32::from(color) * u32::from(alpha) + 127) / 255) as u8;
        [by(red), by(green), by(blue), alpha]
    });
    let frames = Frames(vec![
        packed(&patches(&COLORS, false)),
        packed(&patches(&multiplied, true)),
    ]);
    made(&work, &frames, &[], &film).await.unwrap();
    let decoded = decoded(&film);
    assert_eq!(decoded.len(), 2 * 512 * 32 * 3);
    for frame in 0..2 {
        for (patch, color) in COLORS.iter().enumerate() {
            let at = (frame * 512 * 32 + 16 * 512 + patch * 32 + 16) * 3;
            let part = f64::from(color[3]) / 255.0;
            for channel in 0..3 {
                let wanted = f64::from(color[channel]) * part
                    + f64::from(background[channel]) * (1.0 - part);
                let found = f64::from(decoded[at + channel]);
                assert!(
                    (found - wanted.round()).abs() <= 2.0,
                    "frame {frame}, {color:?}: {found} for {wanted}"
                );
            }
        }
    }
}

#[tokio::test]
async fn frames_of_another_encoder_and_depth_are_read() {
    if !ffmpeg_is_here("frames_of_another_encoder_and_depth_are_read") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=96x64:rate=25",
        "-frames:v",
        "1",
    ];
    let plain = printed(
        "ffmpeg",
        source
            .iter()
            .chain(&["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]),
    );
    for (depth, squeeze) in [
        ("rgb24", "raw"),
        ("rgb24", "lzw"),
        ("rgb24", "deflate"),
        ("rgb48le", "lzw"),
        ("rgba", "lzw"),
        ("rgba64le", "deflate"),
    ] {
        let path = dir.path().join(format!("{depth}-{squeeze}.tif"));
        let file = [
            "-pix_fmt",
            depth,
            "-compression_algo",
            squeeze,
            "-y",
            path.to_str().unwrap(),
        ];
        printed("ffmpeg", source.iter().chain(&file));
        let expect = Expect {
            width: 96,
            height: 64,
        };
        let verified = verify(&std::fs::read(&path).unwrap(), &expect).unwrap();
        let picture = flatrender_agent::frame::unpack(&verified.packed, &expect).unwrap();
        let rgb: Vec<u8> = picture
            .rgba
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        assert_eq!(rgb.len(), plain.len());
        // ffmpeg's own way from 8 to 16 bits is not exact.
        let most = if depth.contains("48") || depth.contains("64") {
            1
        } else {
            0
        };
        let off = rgb.iter().zip(&plain).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(most), "{depth} {squeeze}: {off:?}");
    }
}

#[tokio::test]
async fn a_frame_that_is_none_is_named_and_nothing_is_left() {
    if !ffmpeg_is_here("a_frame_that_is_none_is_named_and_nothing_is_left") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let mut frames = moving(64, 48, 6);
    frames.0[4] = packed(&TiffFile::plain(64, 50, 1, vec![0; 3200]));
    let error = made(&work(64, 48, 6, (25, 1)), &frames, &[], &film)
        .await
        .unwrap_err();
    assert!(matches!(error, FilmError::Frame { ordinal: 4, .. }));
    assert_eq!(
        in_words(error),
        "use frame 4: the picture is 64×50 pixels, and the job's frames are 64×48"
    );
    assert!(!film.exists());
    let error = made(
        &work(64, 48, 6, (25, 1)),
        &moving(64, 48, 6),
        &[],
        &dir.path().join("no/film.mp4"),
    )
    .await
    .unwrap_err();
    assert!(
        in_words(error)
            .starts_with("ffmpeg ended with exit code 1 while it was to make the film: ")
    );
}

/// Frames of which the fourth never comes.
struct Stuck(Frames);

impl FrameSource for Stuck {
    async fn packed(&self, ordinal: u32) -> Result<Vec<u8>, FilmError> {
        if ordinal == 3 {
            std::future::pending::<()>().await;
        }
        self.0.packed(ordinal).await
    }
}

/// Processes of this machine whose command line names `path`.
#[cfg(target_os = "linux")]
fn users_of(path: &Path) -> usize {
    let name = path.to_str().unwrap().as_bytes();
    let names = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.windows(name.len()).any(|part| part == name)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(names)
        .filter(|found| *found)
        .count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cancelled_assembly_leaves_neither_process_nor_file() {
    if !ffmpeg_is_here("a_cancelled_assembly_leaves_neither_process_nor_file") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let cancel = CancellationToken::new();
    let stuck = Stuck(moving(64, 48, 6));
    let work = work(64, 48, 6, (25, 1));
    let deadline = Instant::now() + Duration::from_secs(20);
    let until = async |wanted: usize| {
        while users_of(&film) != wanted {
            assert!(
                Instant::now() < deadline,
                "{} processes, not {wanted}",
                users_of(&film)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ordered = async {
        until(1).await;
        cancel.cancel();
    };
    let (made, ()) = tokio::join!(assemble(&work, &stuck, &[], &film, &cancel), ordered);
    assert!(matches!(made, Err(FilmError::Cancelled)));
    until(0).await;
    assert!(!film.exists());
    let never = CancellationToken::new();
    let dropped = tokio::time::timeout(
        Duration::from_millis(300),
        assemble(&work, &stuck, &[], &film, &never),
    );
    assert!(dropped.await.is_err());
    until(0).await;
    assert!(!film.exists());
}
