//! Films of real projects: size, exact rate and frame count as the composition has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::farm::{Farm, Setup, ready};
use super::judge::film_is_right;

struct Sample {
    file: &'static str,
    composition: &'static str,
    frames: &'static str,
    first: i64,
    count: u32,
    /// Width and height in the file, exact rate, pixel aspect.
    stream: (u32, u32, &'static str, &'static str),
}

const SAMPLES: [Sample; 4] = [
    Sample {
        file: "boltframe-Item-01.aep",
        composition: "Comp 01",
        frames: "33-92",
        first: 33,
        count: 60,
        stream: (352, 856, "21/1", "1:1"),
    },
    Sample {
        file: "boltframe-Item-01.aep",
        composition: "Comp 02",
        frames: "100-159",
        first: 100,
        count: 60,
        stream: (452, 640, "30000/1001", "10:11"),
    },
    Sample {
        file: "ayon-template.aep",
        composition: "Comp1",
        frames: "1-24",
        first: 1,
        count: 24,
        stream: (1920, 1080, "25/1", "1:1"),
    },
    Sample {
        file: "lottie-android-KeyPath.aep",
        composition: "Circle",
        frames: "0-60",
        first: 0,
        count: 61,
        stream: (150, 50, "30000/1001", "1:1"),
    },
];

#[test]
fn real_projects_become_films_of_their_size_and_rate() {
    let test = "real_projects_become_films_of_their_size_and_rate";
    let Some(folder) = std::env::var_os("FLATRENDER_SAMPLES").map(PathBuf::from) else {
        eprintln!("SKIP: {test}: FLATRENDER_SAMPLES is not set");
        return;
    };
    if ready(test) {
        films(&folder.join("aep"));
    }
}

#[test]
#[ignore = "long: ./x prove samples"]
fn prove_samples() {
    let folder = std::env::var_os("FLATRENDER_SAMPLES").map(PathBuf::from);
    films(
        &folder
            .expect("FLATRENDER_SAMPLES names the folder of samples")
            .join("aep"),
    );
    println!(
        "proved samples: {} films of real projects, one refusal",
        SAMPLES.len()
    );
}

fn films(folder: &Path) {
    let farm = Farm::start(Setup {
        agents: 2,
        frame_ms: 0,
        startup_ms: 50,
        limits: "",
    });
    for (n, sample) in SAMPLES.iter().enumerate() {
        let name = format!("sample-{n}");
        let more = ["--frames", sample.frames];
        let job = farm.submit(&folder.join(sample.file), sample.composition, &name, &more);
        farm.until_done(&name);
        let film = farm.dir.path().join(format!("{name}.mp4"));
        farm.flatctl(&["download", &name, "--out", film.to_str().expect("plain")]);
        film_is_right(&film, &job, sample.first, sample.count);
        let (width, height, rate, aspect) = sample.stream;
        let wanted = format!("{width},{height},{aspect},{rate},{}", sample.count);
        assert_eq!(
            stream(&film),
            wanted,
            "{} {}",
            sample.file,
            sample.composition
        );
    }
    let benchmark = folder.join("lottie-android-Benchmark.aep");
    let refused = farm
        .flatctl_command()
        .args([
            "render",
            benchmark.to_str().expect("plain"),
            "--comp",
            "Benchmark",
        ])
        .output()
        .expect("flatctl starts");
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(8), "{words}");
    assert!(words.contains("Heart-80.png"), "{words}");
}

/// Width, height, pixel aspect, rate and decoded frames of the picture.
fn stream(film: &Path) -> String {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-count_frames",
            "-of",
            "csv=p=0",
        ])
        .args([
            "-show_entries",
            "stream=width,height,sample_aspect_ratio,r_frame_rate,nb_read_frames",
        ])
        .arg(film)
        .output()
        .expect("ffprobe starts");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}
