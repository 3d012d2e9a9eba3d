//! What every test of the program needs: a folder with a project, a command line, and what came of it.

use aerender_sim::code::{self, Code, job_tag};
use aerender_sim::ledger::{self, Entry};
use flatrender_aep::write::{CompSpec, ProjectSpec, QueueSpec, project};
use flatrender_aep::{AeVersion, Rational};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tiff::decoder::{Decoder, DecodingResult};

/// Nothing in these tests takes this long on a machine that is not stuck.
const DEADLINE: Duration = Duration::from_secs(60);

pub struct Stage {
    folder: tempfile::TempDir,
    settings: String,
    /// The node that the stand-in takes itself for.
    pub node: Option<String>,
}

/// What a run left behind.
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
    pub complaint: String,
}

impl Ended {
    pub fn lines(&self) -> Vec<&str> {
        self.said.lines().collect()
    }

    /// The numbers in brackets of the progress lines, in the order in which they were printed.
    pub fn counts(&self) -> Vec<u32> {
        progress_counts(&self.said)
    }
}

pub fn progress_counts(log: &str) -> Vec<u32> {
    let count = |line: &str| {
        let (head, tail) = line.strip_prefix("PROGRESS:  ")?.split_once(" (")?;
        let (count, rest) = tail.split_once("): ")?;
        let timecode = head
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ':' | ';' | '-'));
        (timecode && rest.ends_with(" Seconds")).then(|| count.parse().ok())?
    };
    log.lines().filter_map(count).collect()
}

/// 64 × 36 at 25 a second, 40 frames, work area 5 to 14.
pub fn plain() -> CompSpec {
    CompSpec {
        work_area: Some((5, 15)),
        background: [20, 40, 90],
        ..CompSpec::new("Main", 64, 36, Rational { num: 25, den: 1 }, 40)
    }
}

impl Stage {
    pub fn new() -> Self {
        Self::with(vec![plain()], 0)
    }

    pub fn with(comps: Vec<CompSpec>, frames_count_type: u32) -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: "{}".into(),
            node: None,
        };
        stage.write(comps, frames_count_type, Vec::new());
        std::fs::create_dir(stage.path("out")).unwrap();
        stage
    }

    fn write(&self, comps: Vec<CompSpec>, frames_count_type: u32, render_queue: Vec<QueueSpec>) {
        let spec = ProjectSpec {
            ae_version: AeVersion {
                major: 25,
                minor: 2,
                ..AeVersion::default()
            },
            frames_count_type,
            comps,
            render_queue,
            ..ProjectSpec::default()
        };
        std::fs::write(self.path("p.aep"), project(&spec)).unwrap();
    }

    /// Puts another project in place of the first.
    pub fn write_project(&self, comps: Vec<CompSpec>) {
        self.write(comps, 0, Vec::new());
    }

    /// The same with a render queue.
    pub fn write_queue(&self, comps: Vec<CompSpec>, queue: Vec<QueueSpec>) {
        self.write(comps, 0, queue);
    }

    /// Settings as JSON; `HOME` in it stands for a folder of this stage.
    pub fn settings(mut self, json: &str) -> Self {
        self.settings = json.replace("HOME", self.path("home").to_str().unwrap());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aerender-sim"));
        command
            .current_dir(self.folder.path())
            .args(words)
            .env("AERENDER_SIM", &self.settings)
            .env("AERENDER_SIM_LEDGER", self.path("ledger.jsonl"))
            .envs(self.node.iter().map(|node| ("AERENDER_SIM_NODE", node)))
            .stdin(Stdio::null());
        command
    }

    /// Words of a render of `Main` with these more words.
    pub fn words<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec![
            "-project",
            "p.aep",
            "-comp",
            "Main",
            "-output",
            "out/job-1_[#####].tif",
        ];
        words.extend([
            "-OMtemplate",
            "TIFF Sequence with Alpha",
            "-RStemplate",
            "Best Settings",
        ]);
        words.extend(more);
        words
    }

    /// Runs to the end, the output in a file as under a shim.
    pub fn run(&self, words: &[&str]) -> Ended {
        let mut child = self.start(words);
        let status = ended(&mut child);
        self.read_out(status)
    }

    pub fn render(&self, more: &[&str]) -> Ended {
        self.run(&self.words(more))
    }

    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words)
            .stdout(File::create(self.path("said.txt")).unwrap())
            .stderr(File::create(self.path("complaint.txt")).unwrap())
            .spawn()
            .unwrap()
    }

    fn read_out(&self, status: ExitStatus) -> Ended {
        Ended {
            code: status.code(),
            said: std::fs::read_to_string(self.path("said.txt")).unwrap(),
            complaint: std::fs::read_to_string(self.path("complaint.txt")).unwrap(),
        }
    }

    pub fn ledger(&self) -> Vec<Entry> {
        ledger::read(self.path("ledger.jsonl")).unwrap()
    }

    /// The display frames of the ledger, sorted.
    pub fn rendered(&self) -> Vec<i64> {
        let mut frames: Vec<i64> = self.ledger().iter().map(|entry| entry.frame).collect();
        frames.sort_unstable();
        frames
    }

    pub fn frame_path(&self, frame: i64) -> PathBuf {
        self.path("out").join(format!("job-1_{frame:05}.tif"))
    }

    /// The files in the output folder, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("out")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Decodes a frame whole: size and pixels, or why not.
pub fn decode(path: &Path) -> Result<(u32, u32, Vec<u8>), tiff::TiffError> {
    let mut decoder = Decoder::new(File::open(path)?)?;
    let (width, height) = decoder.dimensions()?;
    match decoder.read_image()? {
        DecodingResult::U8(pixels) => Ok((width, height, pixels)),
        _ => panic!("not 8 bits a sample"),
    }
}

/// The code in a frame's file.
pub fn code_of(path: &Path) -> Option<Code> {
    let (width, height, pixels) = decode(path).unwrap();
    let green: Vec<u8> = pixels.chunks_exact(4).map(|pixel| pixel[1]).collect();
    // What the values are is not asked here.
    let code = code::read(&green, width as usize, height as usize)?;
    Some(Code { values: 0, ..code })
}

pub fn code(frame: i32) -> Option<Code> {
    Some(Code {
        job: job_tag("job-1"),
        frame,
        values: 0,
    })
}

/// Waits for a condition, not for long.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < DEADLINE, "waited too long: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits for a process; one that doesn't end is killed, and fails the test.
pub fn ended(child: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if since.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
