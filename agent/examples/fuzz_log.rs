//! Throws broken logs at the reader of aerender's output: mutations and splices of real and written ones, and random bytes.
//! A finding is a panic, more memory than the bound, a different reading in different pieces, or counts that can't be. Prints what
//! was done; exit code 1 with a finding, and the input goes to a file that the message names.
//!
//! `cargo run --release -p flatrender-agent --example fuzz_log -- --executions 1000000 --seed 1 --samples DIR`
#![allow(clippy::print_stdout, reason = "figures are what this prints")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::{Context, bail};
use clap::Parser;
use flatrender_agent::aerender::{Reading, read_log};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

/// Counts what is allocated; the peak says what a reading took.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept.
#[allow(
    unsafe_code,
    reason = "an allocator is unsafe to write, and only one can count"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Fuzzes the reader.
#[derive(Parser)]
struct Arguments {
    /// Inputs to try.
    #[arg(long, default_value_t = 100_000)]
    executions: u64,
    /// Decides which.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder of logs to begin with.
    #[arg(long)]
    samples: Option<PathBuf>,
    /// Bytes a reading may take beside its input.
    #[arg(long, default_value_t = 4 << 20)]
    bound: usize,
}

/// What lines are made of.
const WORDS: &[&str] = &[
    "PROGRESS:",
    "  ",
    "0:00:00:01",
    " (2): 0 Seconds",
    "12 (13): 1 Seconds",
    "1;34;40;09 (21280)",
    "aerender version ",
    "26.2x49",
    "aerender ERROR: ",
    "aerender Error: After Effects error: ",
    "WARNING:",
    "INFO:",
    "After Effects warning: ",
    "Finished composition “a”.",
    "Starting composition \"",
    "Duration: ",
    "Frame Rate: 25,00 (comp)",
    "Total Time Elapsed: 0 Seconds",
    "コンポジションﾞ",
    "の終了",
    "Unable to Render: File Not Found",
    "( 86 :: 2 )",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u{feff}",
    "\x1b[31m",
    "Adobe After Effects v22.0",
    "Output To: ",
    "（",
    "）：",
    "에러가",
    "...",
    "No comp was found with the given name.",
    "-project ",
    "99999999999",
];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let mut samples: Vec<Vec<u8>> = vec![WORDS.concat().into_bytes()];
    if let Some(folder) = &arguments.samples {
        for entry in std::fs::read_dir(folder)
            .with_context(|| format!("failed to list {}", folder.display()))?
        {
            samples.push(std::fs::read(entry?.path())?);
        }
    }
    let (mut bytes, mut greatest, mut frames, mut verdicts) = (0_u64, 0, 0_u64, [0_u64; 7]);
    for execution in 0..arguments.executions {
        let input = make(&mut random, &samples);
        bytes += input.len() as u64;
        let piece = random.random_range(1..=input.len().max(1));
        let before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        let read = catch_unwind(AssertUnwindSafe(|| read_log(&input[..])));
        let took = PEAK.load(Relaxed).saturating_sub(before);
        greatest = greatest.max(took);
        let whole = match read {
            Ok(Ok(reading)) => reading,
            Ok(Err(error)) => return finding(execution, &input, &format!("it said {error}")),
            Err(_) => return finding(execution, &input, "it panicked"),
        };
        if took > arguments.bound {
            return finding(execution, &input, &format!("it took {took} bytes"));
        }
        if let Some(wrong) = wrong(&whole, &input) {
            return finding(execution, &input, &wrong);
        }
        if read_log(Pieces {
            rest: &input,
            piece,
        })? != whole
        {
            return finding(
                execution,
                &input,
                &format!("pieces of {piece} bytes read otherwise"),
            );
        }
        frames += u64::from(whole.frames);
        verdicts[whole.verdict as usize] += 1;
    }
    println!(
        "executions {} seed {} samples {} bytes {bytes}",
        arguments.executions,
        arguments.seed,
        samples.len()
    );
    println!(
        "greatest memory of a reading {greatest} bytes, bound {}",
        arguments.bound
    );
    println!(
        "frames {frames}; verdicts ok, template, node, transient, suspect, incomplete, noise: {verdicts:?}"
    );
    println!("no finding");
    Ok(())
}

/// What must hold for any input.
fn wrong(reading: &Reading, input: &[u8]) -> Option<String> {
    // A frame's line has nine bytes at least, `1(1)` behind `PROGRESS:` more.
    if reading.frames as usize > input.len() / 5 + 1 {
        return Some(format!(
            "{} frames in {} bytes",
            reading.frames,
            input.len()
        ));
    }
    if reading.frames > 0 && reading.last_frame_count.is_none() {
        return Some("frames without a last one".into());
    }
    if reading.errors.len() > 256 || reading.warnings.len() > 256 {
        return Some("too many lines are kept".into());
    }
    reading
        .errors
        .iter()
        .chain(&reading.warnings)
        .find(|line| line.is_empty() || line.len() > 4096)
        .map(|line| format!("a line of {} bytes", line.len()))
}

fn finding(execution: u64, input: &[u8], what: &str) -> anyhow::Result<()> {
    let path = std::env::temp_dir().join(format!("fuzz_log-finding-{execution}.log"));
    std::fs::write(&path, input)?;
    bail!(
        "execution {execution}: {what}; the input is {}",
        path.display()
    )
}

fn make(random: &mut StdRng, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut input = match random.random_range(0..8) {
        0 => {
            let mut bytes = vec![0; random.random_range(0..400)];
            random.fill_bytes(&mut bytes);
            bytes
        }
        1 | 2 => (0..random.random_range(0..40))
            .map(|_| WORDS[random.random_range(0..WORDS.len())])
            .collect::<String>()
            .into_bytes(),
        3 => WORDS[random.random_range(0..WORDS.len())]
            .repeat(random.random_range(1..4000))
            .into_bytes(),
        4 | 5 => {
            let mut spliced = part(random, samples);
            spliced.extend(part(random, samples));
            spliced
        }
        _ => samples[random.random_range(0..samples.len())].clone(),
    };
    for _ in 0..random.random_range(0..6) {
        mutate(random, &mut input);
    }
    input
}

fn part(random: &mut StdRng, samples: &[Vec<u8>]) -> Vec<u8> {
    let sample = &samples[random.random_range(0..samples.len())];
    let from = random.random_range(0..=sample.len());
    sample[from..random.random_range(from..=sample.len())].to_vec()
}

fn mutate(random: &mut StdRng, input: &mut Vec<u8>) {
    let at = random.random_range(0..=input.len());
    match random.random_range(0..5) {
        0 => input.truncate(at),
        1 => {
            let word = WORDS[random.random_range(0..WORDS.len())];
            input.splice(at..at, word.bytes());
        }
        2 if at < input.len() => input[at] = random.random(),
        3 => {
            let end = random.random_range(at..=input.len());
            input.drain(at..end);
        }
        _ => {
            let end = random.random_range(at..=input.len()).min(at + 200);
            let again = input[at..end].to_vec();
            input.extend(again);
        }
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.piece.min(self.rest.len()).min(into.len());
        into[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}
