//! A run: executions by number, each one the same whenever it is made again, and what is measured of each.

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::corpus::Corpus;
use super::memory;
use super::mutate::{Form, Mutator, Seed};

/// What an execution may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Peak memory for each byte of the file.
    pub bytes_per_byte: usize,
    /// Peak memory beside that: what even an empty file costs. XML and chunks.
    pub bytes_plain: usize,
    /// The same for archives: the tables of the inflater, and the room a small archive may inflate to.
    pub bytes_archive: usize,
    /// Time for one file. Far above what any takes; a machine that does other things too must not trip it.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            bytes_per_byte: 64,
            bytes_plain: 64 << 10,
            bytes_archive: 3 << 20,
            time: Duration::from_secs(5),
        }
    }
}

/// What is wrong with an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It panicked.
    Panic(String),
    /// It took more memory than it may.
    Memory { peak: usize, allowed: usize },
    /// It took longer than it may.
    Slow(Duration),
}

/// An execution that went wrong, with the file.
#[derive(Debug)]
pub struct Finding {
    pub number: u64,
    pub seed: String,
    pub wrong: Wrong,
    pub file: Vec<u8>,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Tally {
    pub executions: u64,
    /// Executions over samples, whole or made small.
    pub of_samples: u64,
    pub bytes: u64,
    /// Gave a project; the others gave an error.
    pub read: u64,
    /// Greatest peak for a byte of the file, where the file is large enough to tell; by form of the seed.
    pub ratio: [f64; 3],
    pub peak: usize,
    pub slowest: Duration,
}

/// Smallest file whose peak is given as a ratio.
const TELLING: usize = 4096;

/// Makes the executions `from .. from + count` of a stream and gives the findings to `found`, which says whether to go on.
/// `target` reads one file and says whether it gave a project.
pub fn run(
    corpus: &Corpus,
    stream: u64,
    numbers: std::ops::Range<u64>,
    bounds: Bounds,
    target: &dyn Fn(&[u8], u64) -> bool,
    found: &mut dyn FnMut(Finding) -> bool,
    seen: &mut dyn FnMut(u64, &Tally) -> bool,
) -> Tally {
    let mut tally = Tally::default();
    let mut mutator = Mutator::new();
    let mut file = Vec::with_capacity(8 << 20);
    for number in numbers {
        // a number of its own for each execution: any one of them can be made again alone
        let mut rng = Rng::with_seed(stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let (seed, from_sample) = corpus.choose(&mut rng);
        let donor = corpus.donor(&mut rng);
        mutator.apply(seed, donor, &mut rng, &mut file);
        let wrong = execute(&file, seed, number, bounds, target, &mut tally);
        tally.executions += 1;
        tally.bytes += file.len() as u64;
        tally.of_samples += u64::from(from_sample);
        if let Some(wrong) = wrong {
            let finding = Finding {
                number,
                seed: seed.name.clone(),
                wrong,
                file: file.clone(),
            };
            if !found(finding) {
                break;
            }
        }
        if !seen(number, &tally) {
            break;
        }
    }
    tally
}

fn execute(
    file: &[u8],
    seed: &Seed,
    number: u64,
    bounds: Bounds,
    target: &dyn Fn(&[u8], u64) -> bool,
    tally: &mut Tally,
) -> Option<Wrong> {
    let mark = memory::mark();
    let began = Instant::now();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| target(file, number)));
    let took = began.elapsed();
    let peak = memory::peak_since(mark);
    tally.peak = tally.peak.max(peak);
    tally.slowest = tally.slowest.max(took);
    if file.len() >= TELLING {
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let ratio = peak as f64 / file.len() as f64;
        let of_form = &mut tally.ratio[seed.form as usize];
        *of_form = of_form.max(ratio);
    }
    match outcome {
        Ok(read) => tally.read += u64::from(read),
        Err(payload) => return Some(Wrong::Panic(words(payload.as_ref()))),
    }
    let constant = match seed.form {
        Form::Zip => bounds.bytes_archive,
        Form::Rifx | Form::Xml => bounds.bytes_plain,
    };
    let allowed = file.len() * bounds.bytes_per_byte + constant;
    if peak > allowed {
        return Some(Wrong::Memory { peak, allowed });
    }
    (took > bounds.time).then_some(Wrong::Slow(took))
}

fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}
