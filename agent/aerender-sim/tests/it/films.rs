//! The code survives H.264: films made by ffmpeg as the assembly makes them are read back, frame by frame.

use aerender_sim::code::{Code, job_tag};
use aerender_sim::picture::{Painter, Scene};
use aerender_sim::read_film;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether ffmpeg is there; if not, the test says that it is skipped.
pub fn ffmpeg_or_skip(test: &str) -> bool {
    let found = Command::new("ffmpeg")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        eprintln!("SKIP: {test}: ffmpeg is not installed");
    }
    found.is_ok()
}

fn scene(job: &str, size: (usize, usize), frames: u32) -> Scene {
    Scene {
        name: "Main title".into(),
        about: format!("{} × {} 25 FPS", size.0, size.1),
        values: vec!["HEADLINE: FIRST FILM".into(), "PRICE: 12.50".into()],
        background: [16, 24, 64],
        size,
        first_frame: 0,
        frames,
        job: job_tag(job),
        lacks: Default::default(),
        values_digest: 9,
    }
}

/// Pipes pictures into ffmpeg and has it make a film with these options.
fn encode(
    film: &Path,
    painter: &Painter,
    (width, height): (usize, usize),
    frames: &[i64],
    options: &[&str],
) {
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-r", "25",
        ])
        .args(["-s", &format!("{width}x{height}"), "-i", "pipe:0"])
        .args(options)
        .arg(film)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = ffmpeg.stdin.take().unwrap();
    for &frame in frames {
        pipe.write_all(painter.frame(frame).pixels()).unwrap();
    }
    drop(pipe);
    assert!(ffmpeg.wait().unwrap().success());
}

const H264: [&str; 10] = [
    "-vf",
    "pad=ceil(iw/2)*2:ceil(ih/2)*2",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    "23",
    "-pix_fmt",
    "yuv420p",
];

fn film_path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    (folder, film)
}

fn every_frame_is_read(size: (usize, usize), frames: u32, options: &[&str]) {
    let (_folder, film) = film_path();
    let painter = Painter::new(scene("job-7", size, frames));
    let wanted: Vec<i64> = (0..i64::from(frames)).collect();
    encode(&film, &painter, size, &wanted, options);
    let codes = read_film(&film).unwrap();
    let expected: Vec<_> = (0..frames as i32)
        .map(|frame| {
            Some(Code {
                job: job_tag("job-7"),
                frame,
                values: 9,
            })
        })
        .collect();
    assert_eq!(codes, expected, "{size:?} {options:?}");
}

#[test]
fn every_frame_is_read_back_at_every_size() {
    if !ffmpeg_or_skip("every_frame_is_read_back_at_every_size") {
        return;
    }
    for (size, frames) in [
        ((64, 32), 60),
        ((63, 31), 60),
        ((100, 100), 60),
        ((150, 50), 60),
        ((351, 856), 30),
        ((720, 486), 30),
        ((1280, 720), 24),
        ((1920, 1080), 12),
    ] {
        every_frame_is_read(size, frames, &H264);
    }
}

#[test]
fn the_code_survives_harder_compression_and_full_range() {
    if !ffmpeg_or_skip("the_code_survives_harder_compression_and_full_range") {
        return;
    }
    let mut hard = H264.to_vec();
    hard[7] = "32";
    every_frame_is_read((100, 100), 40, &hard);
    every_frame_is_read((640, 360), 40, &hard);
    let mut full = H264.to_vec();
    full[1] = "scale=out_range=full,pad=ceil(iw/2)*2:ceil(ih/2)*2";
    full.extend(["-color_range", "pc"]);
    every_frame_is_read((150, 50), 40, &full);
    let mut bt709 = H264.to_vec();
    bt709[1] = "scale=out_color_matrix=bt709:out_range=limited";
    bt709.extend([
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
        "-color_range",
        "tv",
    ]);
    every_frame_is_read((320, 180), 40, &bt709);
}

#[test]
fn the_judge_names_a_repeated_a_blank_and_a_missing_frame() {
    if !ffmpeg_or_skip("the_judge_names_a_repeated_a_blank_and_a_missing_frame") {
        return;
    }
    let (folder, film) = film_path();
    let size = (320, 180);
    let painter = Painter::new(scene("job-7", size, 6));
    let judge = |frames: &[i64], more: &[&str]| {
        encode(&film, &painter, size, frames, &H264);
        let output = Command::new(env!("CARGO_BIN_EXE_aerender-sim-judge"))
            .arg(&film)
            .args(["--job", "job-7", "--first", "0", "--frames", "6"])
            .args(more)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(
        judge(&[0, 1, 2, 3, 4, 5], &[]),
        (Some(0), "right: 6 frames, 0 faults\n".into())
    );
    let (code, said) = judge(&[0, 1, 1, 99, 4, 5], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "film frame 2: is display frame 1, display frame 2 belongs there\n\
         film frame 3: no readable code, display frame 3 belongs there\n\
         display frame 2 is missing\n\
         display frame 3 is missing\n\
         display frame 1 stands 2 times in the film: [1, 2]\n\
         wrong: 6 frames, 5 faults\n"
    );
    let ledger = folder.path().join("ledger.jsonl");
    std::fs::write(&ledger, "").unwrap();
    let (code, said) = judge(
        &[0, 1, 2, 3, 4, 5],
        &["--ledger", ledger.to_str().unwrap(), "--json"],
    );
    let verdict: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(verdict["right"], false);
    assert_eq!(
        verdict["faults"][5],
        serde_json::json!({"kind": "not_in_ledger", "frame": 5})
    );
}

#[test]
fn a_film_that_is_cut_off_is_refused() {
    if !ffmpeg_or_skip("a_film_that_is_cut_off_is_refused") {
        return;
    }
    let (_folder, film) = film_path();
    let size = (320, 180);
    let painter = Painter::new(scene("job-7", size, 50));
    let wanted: Vec<i64> = (0..50).collect();
    encode(&film, &painter, size, &wanted, &H264);
    let bytes = std::fs::read(&film).unwrap();
    std::fs::write(&film, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read_film(&film).is_err());
}
